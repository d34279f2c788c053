from dataclasses import dataclass

import pytest

from adapters.slack.text import Names, message_text, readable

NAMES = Names({"U1": "Quince", "U2": "R&amp;D"}, {"C1": "releases"}, {"S1": "bakers"})


@dataclass(frozen=True)
class Case:
    name: str
    raw: str
    expected: str


CASES = [
    Case("plain text", "12 kg of dough", "12 kg of dough"),
    Case("mention", "ask <@U1>", "ask @Quince"),
    Case("mention with label", "ask <@U9|pomelo>", "ask @pomelo"),
    Case("mention of a stranger", "ask <@U9>", "ask @U9"),
    Case("channel", "see <#C1>", "see #releases"),
    Case("channel with label", "see <#C9|on-call>", "see #on-call"),
    Case("channel with empty label", "see <#C1|>", "see #releases"),
    Case("here", "<!here> cake", "@here cake"),
    Case("channel broadcast with label", "<!channel|@channel>", "@channel"),
    Case("group", "<!subteam^S1|@bakers>", "@bakers"),
    Case("group without label", "<!subteam^S1>", "@bakers"),
    Case("date", "<!date^1700000000^{date}|14 November>", "14 November"),
    Case("link", "<https://wiki.example/a>", "https://wiki.example/a"),
    Case("link with label", "<https://wiki.example/a|the wiki>", "the wiki (https://wiki.example/a)"),
    Case("link labelled with itself", "<http://wiki.example|wiki.example>", "http://wiki.example"),
    Case("mail", "<mailto:a@b.example|a@b.example>", "a@b.example"),
    Case(
        "address with an ampersand", "<https://a.example/?x=1&amp;y=2|q &amp; a>", "q & a (https://a.example/?x=1&y=2)"
    ),
    Case("entities", "1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
    Case("entities once", "&amp;lt;b&amp;gt;", "&lt;b&gt;"),
    Case("a name is not unescaped", "<@U2>", "@R&amp;D"),
    Case("an escaped mention is no mention", "&lt;@U1&gt;", "<@U1>"),
    Case("open bracket", "a < b", "a < b"),
    Case("empty brackets", "<>", ""),
    Case("code stays", "`refresh-staging` and *bold*", "`refresh-staging` and *bold*"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_readable(case):
    assert readable(case.raw, NAMES) == case.expected


RICH = [
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "user", "user_id": "U1"},
                    {"type": "text", "text": " wrote 1 < 2 in "},
                    {"type": "channel", "channel_id": "C1"},
                    {"type": "emoji", "name": "tada"},
                    {"type": "link", "url": "https://wiki.example", "text": "notes"},
                    {"type": "broadcast", "range": "here"},
                    {"type": "usergroup", "usergroup_id": "S1"},
                ],
            },
            {
                "type": "rich_text_list",
                "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]},
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "two"}]},
                ],
            },
        ],
    },
    {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "ask <@U1>"},
        "fields": [{"type": "plain_text", "text": "F"}],
    },
    {"type": "divider"},
]


def test_blocks_speak_when_there_is_no_text():
    assert message_text({"text": "", "blocks": RICH}, NAMES) == (
        "@Quince wrote 1 < 2 in #releases:tada:notes (https://wiki.example)@here@bakers\none\ntwo\nask @Quince\nF"
    )


def test_text_is_not_said_twice():
    raw = {"text": "hello", "blocks": RICH, "attachments": [{"fallback": "hello"}]}
    assert message_text(raw, NAMES) == "hello"


def test_attachments_speak_when_there_is_neither_text_nor_blocks():
    attachments = [
        {"fallback": "build <@U1> failed", "text": "not this"},
        {"title": "Tide", "text": "high &amp; dry"},
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "from a block"}}]},
        7,
    ]
    assert message_text({"attachments": attachments}, NAMES) == ("build @Quince failed\nTide\nhigh & dry\nfrom a block")


def test_files_are_named_after_the_text():
    files = [
        {"name": "plan\n.pdf"},
        {"title": "photo"},
        {"name": "x", "mode": "tombstone"},
        {"mode": "hidden_by_limit"},
    ]
    assert message_text({"text": "see", "files": files}, NAMES) == "see\n[file: plan .pdf]\n[file: photo]"
    assert message_text({"files": files[:1]}, NAMES) == "[file: plan .pdf]"


def test_deeply_nested_blocks_do_no_harm():
    block = {"type": "text", "text": "deep"}
    for _ in range(5_000):
        block = {"elements": [block]}
    assert message_text({"blocks": [block]}, NAMES) in {"", "deep"}
