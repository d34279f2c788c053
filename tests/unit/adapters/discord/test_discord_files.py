import pytest

from adapters.discord.files import may_fetch

DISCORD, PLAYED = "https://discord.com/api/v10", "http://127.0.0.1:4711/api/v10"


@pytest.mark.parametrize(
    ("address", "api", "allowed"),
    [
        ("https://cdn.discordapp.com/attachments/1/2/plan.pdf?ex=3", DISCORD, True),
        ("https://media.discordapp.net/attachments/1/2/plan.pdf", DISCORD, True),
        ("http://cdn.discordapp.com/attachments/1/2/plan.pdf", DISCORD, False),
        ("https://cdn.discordapp.com:8443/attachments/1/2/plan.pdf", DISCORD, False),
        ("https://cdn.discordapp.com.evil.example/plan.pdf", DISCORD, False),
        ("https://somebody@cdn.discordapp.com/plan.pdf", DISCORD, False),
        ("https://169.254.169.254/latest", DISCORD, False),
        ("file:///etc/passwd", DISCORD, False),
        ("https://[half", DISCORD, False),
        ("http://127.0.0.1:4711/attachments/1/2/plan.pdf", PLAYED, True),
        ("http://127.0.0.1:5432/", PLAYED, False),
        ("https://cdn.discordapp.com/plan.pdf", PLAYED, False),
    ],
)
def test_files_are_fetched_from_discord_alone(address, api, allowed):
    assert may_fetch(address, api) is allowed
