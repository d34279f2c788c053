import json

import pytest

from tests.scenarios.conftest import settings  # noqa: F401 - a fixture
from tests.scenarios.slack.conftest import slack_settings  # noqa: F401 - a fixture


@pytest.fixture
def size(request):
    """Chooses between the small and the full size."""
    full = request.config.getoption("--full")
    return lambda small, whole: whole if full else small


@pytest.fixture
def report(capsys):
    """Prints figures past pytest's capture, as one line of JSON."""

    def tell(name, **figures):
        with capsys.disabled():
            print(f"\n{name}: {json.dumps(figures)}")

    return tell
