from tests.load.conftest import report, size  # noqa: F401 - fixtures
from tests.scenarios.slack.conftest import bot, empty_memory, slack, slack_settings  # noqa: F401 - fixtures
