"""What is clickable in a payload, and whom it calls."""

import pytest

from bot.evaluation.rendered import counted

OURS = "https://messages.example/d1"


def found(platform, text):
    rendered = counted({platform: [{"text": "plain", "blocks": [{"elements": [{"text": text}]}]}]}, {OURS})
    return rendered.links, rendered.mentions


@pytest.mark.parametrize(
    ("platform", "text", "links"),
    [
        ("slack", f"<{OURS}|[1]> and <{OURS}|open>", 0),
        ("discord", f"[[1]](<{OURS}>) and [open](<{OURS}>)", 0),
        ("slack", "<https://evil.example|[1]>", 1),
        ("slack", "<mailto:a@evil.example|write>", 1),
        ("discord", "[open](https://evil.example)", 1),
        ("discord", "[open](<https://evil.example/x>)", 1),
        ("slack", "see https://evil.example now, or www.evil.example", 2),
        ("discord", "evil.example/path?k=1", 1),
        ("discord", "ht\u200btps://evil.example", 1),
        ("slack", f"{OURS}", 1),
        ("slack", "evil.example is a host; 2.4/7, and/or, 3.50", 0),
        ("discord", "(link removed)", 0),
    ],
)
def test_a_link_is_a_citation_or_it_is_counted(platform, text, links):
    assert found(platform, text) == (links, 0)


@pytest.mark.parametrize(
    ("platform", "text", "mentions"),
    [
        ("slack", "<!channel> <!here|x> <!subteam^S1> <@U1> <#C1|general>", 5),
        ("slack", "@everyone, @channel and @ch\u200bannel", 3),
        ("slack", "&lt;!channel&gt; &lt;@U1&gt; channel here a@here.example", 0),
        ("discord", "<@1> <@!2> <@&3> <#4>", 4),
        ("discord", "@everyone @here @hereford", 3),
        ("discord", "everyone here @channel @quince", 0),
    ],
)
def test_whoever_would_be_called_is_counted(platform, text, mentions):
    assert found(platform, text) == (0, mentions)
