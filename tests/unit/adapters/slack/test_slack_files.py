import pytest

from adapters.slack.files import may_fetch

SLACK, PLAYED = "https://slack.com/api/", "http://127.0.0.1:4711/api/"


@pytest.mark.parametrize(
    ("address", "api", "allowed"),
    [
        ("https://files.slack.com/files-pri/T1-F1/plan.pdf", SLACK, True),
        ("https://files.slack.com/files-pri/T1-F1/plan.pdf", "https://www.slack.com/api/", True),
        ("http://files.slack.com/files-pri/T1-F1/plan.pdf", SLACK, False),
        ("https://files.slack.com:8443/files-pri/T1-F1/plan.pdf", SLACK, False),
        ("https://files.slack.com.evil.example/plan.pdf", SLACK, False),
        ("https://somebody@files.slack.com/plan.pdf", SLACK, False),
        ("https://slack.com/files-pri/T1-F1/plan.pdf", SLACK, False),
        ("https://[half", SLACK, False),
        ("http://127.0.0.1:4711/files/F1", PLAYED, True),
        ("http://127.0.0.1:5432/", PLAYED, False),
        ("https://files.slack.com/files-pri/T1-F1/plan.pdf", PLAYED, False),
    ],
)
def test_the_token_goes_to_slack_alone(address, api, allowed):
    assert may_fetch(address, api) is allowed
