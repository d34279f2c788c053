import pytest

from adapters.slack import files

REAL = "https://slack.com/api/"


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://files.slack.com/files-pri/T1-F1/plan.pdf", True),
        ("http://files.slack.com/files-pri/T1-F1/plan.pdf", False),
        ("https://files.slack.com.evil.example/x", False),
        ("https://files.slack.com@evil.example/x", False),
        ("https://evil.example/files.slack.com", False),
        ("https://files.slack.com:8443/x", False),
        ("//files.slack.com/x", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_the_token_goes_to_slacks_file_host_alone(address, allowed):
    assert files.may_fetch(address, REAL) is allowed
