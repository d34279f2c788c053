from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from adapters.commands import Ask, Help, Misunderstood, Summary
from adapters.discord.command_texts import ASK_ABOUT
from adapters.discord.commands import FOR_ADMINS, FOR_EVERYBODY
from adapters.discord.options import _READERS, OUT_OF_DATE, Here, link_in, read
from adapters.discord.places import Link, Place
from adapters.since import TO_COME, UNCLEAR
from bot.orders import (
    Cancel,
    Configure,
    ForgetChannel,
    ForgetMe,
    ForgetMessage,
    ForgetPerson,
    Reindex,
    RememberMe,
    ResetConversation,
    ShowGaps,
    ShowStatus,
)
from knowledge.messages import ChannelRef, PersonRef

NOW = datetime(2026, 5, 15, 1, 30, tzinfo=UTC)
TIDEPOOL, HARVEST, CELLAR, FORUM, ATTIC, CATEGORY = "900", "1001", "1002", "1003", "1004", "1005"
THREAD, POST, PRIVATE_THREAD = "2001", "2002", "2003"
QUINCE, MESSAGE = "3001", "4001"
CHANNELS = {
    HARVEST: {"id": HARVEST, "type": 0, "name": "harvest"},
    CELLAR: {"id": CELLAR, "type": 2, "name": "cellar"},
    FORUM: {"id": FORUM, "type": 15, "name": "orchard"},
    CATEGORY: {"id": CATEGORY, "type": 4, "name": "rooms"},
    THREAD: {"id": THREAD, "type": 11, "name": "grafting", "parent_id": HARVEST},
    POST: {"id": POST, "type": 11, "name": "Pruning", "parent_id": FORUM},
    PRIVATE_THREAD: {"id": PRIVATE_THREAD, "type": 12, "name": "prices", "parent_id": HARVEST},
}
LINK = f"https://discord.com/channels/{TIDEPOOL}/{THREAD}/{MESSAGE}"
KINDS = {"channel": 7, "person": 6, "private": 5, "full": 5, "job": 4}


def channel(channel_id):
    return ChannelRef("discord", TIDEPOOL, channel_id)


def command(name, **values):
    """What Discord sends of a command."""
    options = [{"name": key, "type": KINDS.get(key, 3), "value": value} for key, value in values.items()]
    first, *others = name.split()
    for sub in others:
        options = [{"name": sub, "type": 1, "options": options}]
    return {"id": "1", "name": first, "type": 1, "options": options, "resolved": {"channels": CHANNELS}}


def menu(text):
    message = {"id": MESSAGE, "content": text, "channel_id": HARVEST}
    return {
        "id": "1",
        "name": ASK_ABOUT,
        "type": 3,
        "target_id": MESSAGE,
        "resolved": {"messages": {MESSAGE: message}},
    }


def here(place=Place(channel(HARVEST)), linked=None):  # noqa: B008 - a tuple that nobody can change
    return Here(TIDEPOOL, NOW, place, linked)


def day(month, number):
    return datetime(2026, month, number, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    name: str
    meant: object
    given: dict = field(default_factory=dict)


CASES = [
    # questions
    Case("ask", Ask("why did we drop Kafka?", public=True), {"question": " why did we drop Kafka? "}),
    Case("ask", Ask("why?", public=True), {"question": "why?", "private": False}),
    Case("ask", Ask("why?"), {"question": "why?", "private": True}),
    # summaries
    Case("summary", Summary(channel(HARVEST), public=True)),
    Case("summary", Summary(channel(HARVEST), since=day(5, 11)), {"since": "Monday", "private": True}),
    Case("summary", Summary(channel(CELLAR), public=True), {"channel": CELLAR}),
    Case("summary", Summary(channel(HARVEST), THREAD, public=True), {"channel": THREAD}),
    Case("summary", Summary(channel(FORUM), POST, day(5, 12)), {"channel": POST, "private": True, "since": "3 days"}),
    Case("summary", Summary(channel(PRIVATE_THREAD), public=True), {"channel": PRIVATE_THREAD}),
    # about oneself
    Case("forget-me", ForgetMe()),
    Case("remember-me", RememberMe()),
    Case("lore-reset", ResetConversation(channel(HARVEST))),
    Case("lore-help", Help()),
    # orders
    Case("lore reindex", Reindex(channel(HARVEST)), {"channel": HARVEST}),
    Case(
        "lore reindex",
        Reindex(channel(FORUM), day(5, 1), full=True),
        {"channel": FORUM, "since": "2026-05-01", "full": True},
    ),
    Case("lore status", ShowStatus()),
    Case("lore cancel", Cancel(12), {"job": 12}),
    Case("lore forget", ForgetChannel(channel(CELLAR)), {"channel": CELLAR}),
    Case("lore forget", ForgetChannel(channel(PRIVATE_THREAD)), {"channel": PRIVATE_THREAD}),
    Case("lore forget", ForgetPerson(PersonRef("discord", TIDEPOOL, QUINCE)), {"person": QUINCE}),
    Case("lore config", Configure(channel(HARVEST))),
    Case("lore config", Configure(channel(CELLAR), "replies", "private"), {
        "channel": CELLAR, "key": "replies", "value": " private ",
    }),
    Case("lore config", Configure(channel(HARVEST), "language"), {"key": "language"}),
    Case("lore gaps", ShowGaps()),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.given}")
def test_what_is_chosen_and_meant(case):
    assert read(command(case.name, **case.given), here()) == case.meant


@pytest.mark.parametrize(
    ("name", "given", "saying"),
    [
        ("ask", {}, "Write your question"),
        ("ask", {"question": "  "}, "Write your question"),
        ("summary", {"since": "someday"}, UNCLEAR),
        ("summary", {"since": "2026-05-16"}, TO_COME),
        ("summary", {"channel": CATEGORY}, "I can read nothing in that channel"),
        ("summary", {"channel": ATTIC}, "I can read nothing in that channel"),
        ("lore reindex", {}, "which channel to learn again"),
        ("lore reindex", {"channel": THREAD}, "That is a thread"),
        ("lore cancel", {}, "Say which job"),
        ("lore cancel", {"job": 0}, "Say which job"),
        ("lore cancel", {"job": True}, "Say which job"),
        ("lore forget", {}, "Say what to forget"),
        ("lore forget", {"channel": CELLAR, "person": QUINCE}, "Say what to forget"),
        ("lore forget", {"channel": THREAD}, "That is a thread"),
        ("lore forget", {"person": "everybody"}, "Say what to forget"),
        ("lore forget", {"message": "the last one"}, "no link to a message"),
        ("lore forget", {"message": f"https://discord.com/channels/901/{THREAD}/{MESSAGE}"}, "another server"),
        ("lore forget", {"message": LINK}, "cannot see the channel"),
        ("lore config", {"value": "on"}, "Say which setting"),
        ("lore config", {"channel": POST, "key": "bot", "value": "off"}, "That is a thread"),
        ("lore", {}, OUT_OF_DATE),
        ("lore explode", {}, OUT_OF_DATE),
        ("explode", {}, OUT_OF_DATE),
    ],
)
def test_what_does_not_fit_is_answered_by_what_to_do(name, given, saying):
    answer = read(command(name, **given), here())
    assert isinstance(answer, Misunderstood)
    assert saying in answer.sentence


def test_a_thread_is_summed_up_by_itself_and_reset_and_configured_with_its_channel():
    inside = here(Place(channel(HARVEST), THREAD))
    assert read(command("summary"), inside) == Summary(channel(HARVEST), THREAD, public=True)
    assert read(command("lore-reset"), inside) == ResetConversation(channel(HARVEST))
    assert read(command("lore config", key="bot", value="off"), inside) == Configure(channel(HARVEST), "bot", "off")


@pytest.mark.parametrize("name", ["summary", "lore-reset", "lore config"])
def test_where_nothing_is_learnt_a_channel_has_to_be_chosen(name):
    assert "choose one in the option `channel`" in read(command(name), here(None)).sentence


def test_a_question_may_be_asked_anywhere():
    assert read(command("ask", question="why?"), here(None)) == Ask("why?", public=True)


# ---- messages -------------------------------------------------------------------------------------


def test_what_a_message_says_is_the_question_of_who_wonders_alone():
    assert read(menu(" Who pruned the quince? "), here()) == Ask("Who pruned the quince?", about=MESSAGE)


def test_a_message_without_words_is_no_question():
    assert "no words to ask about" in read(menu(" "), here()).sentence


@pytest.mark.parametrize(
    "address",
    [
        LINK,
        f" <{LINK}> ",
        LINK.replace("discord.com", "discordapp.com"),
        LINK.replace("discord.com", "ptb.discord.com"),
        LINK.replace("discord.com", "canary.discord.com"),
        f"{LINK}/",
    ],
)
def test_the_link_to_a_message(address):
    assert link_in(command("lore forget", message=address)) == Link(TIDEPOOL, THREAD, MESSAGE)


@pytest.mark.parametrize(
    "address",
    [
        "",
        MESSAGE,
        LINK.replace("https", "http"),
        LINK.replace("discord.com", "discord.com.example"),
        LINK.replace(TIDEPOOL, "@me"),
        LINK.removesuffix(f"/{MESSAGE}"),
        f"{LINK} {LINK}",
        LINK.replace(MESSAGE, "٤٠٠١"),
    ],
)
def test_what_is_no_link_to_a_message_here(address):
    assert link_in(command("lore forget", message=address)) is None


def test_only_what_is_to_be_forgotten_has_a_link():
    assert link_in(command("ask", message=LINK)) is None


def test_a_message_in_a_thread_is_forgotten_in_the_channel_it_was_learnt_from():
    order = read(command("lore forget", message=LINK), here(linked=Place(channel(HARVEST), THREAD)))
    assert order == ForgetMessage(channel(HARVEST), MESSAGE)


def test_every_command_that_is_listed_can_be_read():
    assert set(_READERS) == {ASK_ABOUT, *FOR_EVERYBODY, *(f"lore {name}" for name in FOR_ADMINS)}
