from dataclasses import dataclass

import pytest

from adapters.discord.text import VOICE_MESSAGE, message_text
from adapters.discord_text import Names, readable

NAMES = Names({"1": "Quince", "2": "<@1>"}, {"3": "millers"}, {"4": "harvest"})


@dataclass(frozen=True)
class Case:
    name: str
    raw: str
    expected: str


CASES = [
    Case("plain text", "12 kg of *dough*", "12 kg of *dough*"),
    Case("mention", "ask <@1>", "ask @Quince"),
    Case("mention by nickname", "ask <@!1>", "ask @Quince"),
    Case("mention of a stranger", "ask <@9>", "ask @9"),
    Case("a name is not read again", "ask <@2>", "ask @<@1>"),
    Case("role", "<@&3> please", "@millers please"),
    Case("unknown role", "<@&9> please", "@9 please"),
    Case("channel", "see <#4>", "see #harvest"),
    Case("everybody", "@everyone cake", "@everyone cake"),
    Case("custom emoji", "<:loaf:77> <a:spin_2:78>", ":loaf: :spin_2:"),
    Case("command", "type </lore status:77>", "type /lore status"),
    Case("time", "<t:1772442840>", "2026-03-02 09:14 UTC"),
    Case("time with a style", "<t:1772442840:R> <t:1772442840:s>", "2026-03-02 09:14 UTC 2026-03-02 09:14 UTC"),
    Case("time before 1970", "<t:-60>", "1969-12-31 23:59 UTC"),
    Case("no such time", "<t:999999999999>", "<t:999999999999>"),
    Case("link without preview", "<https://wiki.example/a>", "<https://wiki.example/a>"),
    Case("labelled link", "[wiki](https://wiki.example/a)", "[wiki](https://wiki.example/a)"),
    Case("open bracket", "a <b <@ > <@x> <#>", "a <b <@ > <@x> <#>"),
    Case("mention in code", "`<@1>`", "`@Quince`"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_readable(case):
    assert readable(case.raw, NAMES) == case.expected


def test_files_are_named_and_described_after_the_text():
    files = [
        {"name": "plan\n.pdf", "title": "the plan", "description": "Floor plan of\nthe <mill>"},
        {"name": "photo.png", "title": "photo.png", "description": ""},
        {"description": "a mill"},
        {"size": 3},
        7,
    ]
    assert message_text({"content": "see <@1>", "attachments": files}, NAMES) == (
        "see @Quince\n[file: plan .pdf, the plan, Floor plan of the <mill>]\n[file: photo.png]\n[file: a mill]"
    )


def test_stickers_and_polls_speak_by_their_words():
    poll = {"question": "Which\nmill?", "answers": ["Stone", " ", 7, "Steel"]}
    record = {"stickers": ["wave", 7, ""], "poll": poll}
    assert message_text(record, NAMES) == "[poll: Which mill?]\n- Stone\n- Steel\n[sticker: wave]"


def test_what_is_spoken_has_no_name_of_a_file():
    record = {"content": "", "flags": VOICE_MESSAGE | 4, "attachments": [{"name": "voice-message.ogg"}]}
    assert message_text(record, NAMES) == "[voice message]"


TIDE = {"type": "rich", "title": "Tide", "description": "high, says <@1>"}
PREVIEW = {"type": "link", "title": "The wiki", "description": "about mills"}


def test_a_persons_embeds_are_previews_and_speak_only_where_nothing_else_does():
    record = {"content": "https://wiki.example", "embeds": [PREVIEW, TIDE]}
    assert message_text(record, NAMES) == "https://wiki.example"
    assert message_text(record | {"content": ""}, NAMES) == "The wiki\nabout mills\nTide\nhigh, says @Quince"


@pytest.mark.parametrize("author", [{"bot": True}, {"webhook": True}])
def test_an_apps_rich_embeds_are_its_words(author):
    record = {"content": "build 7", "embeds": [PREVIEW, TIDE], "author": author}
    assert message_text(record, NAMES) == "build 7\nTide\nhigh, says @Quince"


def test_what_is_forwarded_speaks_where_the_message_itself_says_nothing():
    forwarded = [
        {"content": "press at dawn, <@1>", "attachments": [{"name": "plan.pdf"}]},
        {"flags": VOICE_MESSAGE},
        {"embeds": [TIDE]},
    ]
    assert message_text({"content": " ", "forwarded": forwarded}, NAMES) == (
        "press at dawn, @Quince\n[file: plan.pdf]\n[voice message]\nTide\nhigh, says @Quince"
    )
    assert message_text({"content": "look", "forwarded": forwarded}, NAMES) == "look"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({"id": "77", "channel_id": "77", "thread_type": "public"}, "pressing day\nbring pears"),
        ({"id": "78", "channel_id": "77", "thread_type": "public"}, "bring pears"),
        ({"id": "77", "channel_id": "77", "thread_type": ""}, "bring pears"),
    ],
)
def test_only_the_first_message_of_a_post_has_its_title(place, text):
    assert message_text({"content": "bring pears", "thread_name": "pressing\nday", **place}, NAMES) == text
