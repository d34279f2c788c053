from tests.scenarios.conftest import settings  # noqa: F401 - a fixture
from tests.scenarios.slack.conftest import proxy, slack_settings  # noqa: F401 - fixtures
