from tests.scenarios.slack.conftest import slack_settings  # noqa: F401 - a fixture
