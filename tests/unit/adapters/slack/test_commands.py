from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from adapters.commands import Ask, Help, Misunderstood, Summary
from adapters.since import TO_COME, TOO_EARLY, UNCLEAR
from adapters.slack.arguments import Here
from adapters.slack.command_help import ENTRIES, help_lines
from adapters.slack.commands import _PARSERS, parse
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

# A Friday, half past one at night where it is typed; still Thursday in UTC.
NOW = datetime(2026, 5, 15, 1, 30, tzinfo=timezone(timedelta(hours=2)))
CHANNELS = {"general": "C0GENERAL1", "mill-ops": "C0MILLOPS1"}
PEOPLE = {"quince": "U0QUINCE", "Quince Tree": "U0QUINCE"}
LINK = "https://tidepool.slack.example/archives/C0MILLOPS1/p1777600100000200"


def here(channel_id="C0HERE"):
    return Here(channel(channel_id), NOW, CHANNELS.get, PEOPLE.get)


def channel(channel_id):
    return ChannelRef("slack", "T0TIDEPOOL", channel_id)


def person(person_id):
    return PersonRef("slack", "T0TIDEPOOL", person_id)


def day(month, number, hour=0):
    """Midnight where it is typed, in UTC."""
    return datetime(2026, month, number, hour, tzinfo=NOW.tzinfo).astimezone(UTC)


GENERAL, MILL, HERE, QUINCE = channel("C0GENERAL1"), channel("C0MILLOPS1"), channel("C0HERE"), person("U0QUINCE")


@dataclass(frozen=True)
class Case:
    typed: str
    meant: object


CASES = [
    # questions
    Case("why did we drop Kafka?", Ask("why did we drop Kafka?")),
    Case("ask why did we drop Kafka?", Ask("why did we drop Kafka?")),
    Case("ASK: why?", Ask("why?")),
    Case("ask public why?", Ask("why?", public=True)),
    Case("ask Private why?", Ask("why?")),
    Case("why? --public", Ask("why?", public=True)),
    Case("—public why?", Ask("why?", public=True)),
    Case("--public --private why?", Ask("why?")),
    Case("why is the repository public", Ask("why is the repository public")),
    Case("public holidays in May", Ask("public holidays in May")),
    Case("ask public", Ask("public")),
    Case("who is <@U0QUINCE|quince>?", Ask("who is <@U0QUINCE|quince>?")),
    Case("statue of liberty", Ask("statue of liberty")),
    Case("reindx?", Ask("reindx?")),
    Case("the mill", Ask("the mill")),
    # help
    Case("", Help()),
    Case("   ", Help()),
    Case("help", Help()),
    Case("?", Help()),
    Case("help reindex", Help("reindex")),
    Case("help forget me", Help("forget-me")),
    Case("help me find the runbook", Help()),
    # summaries
    Case("summary", Summary(HERE)),
    Case("summary of this channel", Summary(HERE)),
    Case("summarize here public", Summary(HERE, public=True)),
    Case("summary <#C0GENERAL1|general> since monday", Summary(GENERAL, since=day(5, 11))),
    Case("summary of #mill-ops since last week --public", Summary(MILL, since=day(5, 4), public=True)),
    Case("summary general yesterday", Summary(GENERAL, since=day(5, 14))),
    Case("summary yesterday", Summary(HERE, since=day(5, 14))),
    Case("summary of the last 3 days", Summary(HERE, since=day(5, 12))),
    Case("summary since 2026-05-01 public", Summary(HERE, since=day(5, 1), public=True)),
    Case(f"summary <{LINK}>", Summary(MILL, of_thread="1777600100.000200")),
    Case(f"summary of {LINK}?thread_ts=1777600000.000100&cid=C0MILLOPS1", Summary(MILL, of_thread="1777600000.000100")),
    Case(f"summary <{LINK}?cid=C0X1&amp;thread_ts=1777600000.000100|link>", Summary(MILL, "1777600000.000100")),
    Case(f"summary public {LINK}?x=y", Summary(MILL, "1777600100.000200", public=True)),
    # orders
    Case("reindex #general", Reindex(GENERAL)),
    Case("reindex general", Reindex(GENERAL)),
    Case("reindex C0OTHER99 full", Reindex(channel("C0OTHER99"), full=True)),
    Case("Reindex full <#C0GENERAL1> since 2 weeks ago", Reindex(GENERAL, day(5, 1), full=True)),
    Case("reindex here 2026-05-01", Reindex(HERE, day(5, 1))),
    Case("status", ShowStatus()),
    Case("gaps", ShowGaps()),
    Case("cancel 12", Cancel(12)),
    Case("cancel #12", Cancel(12)),
    Case("forget #general", ForgetChannel(GENERAL)),
    Case("forget channel general", ForgetChannel(GENERAL)),
    Case("forget here", ForgetChannel(HERE)),
    Case("forget <@U0QUINCE|quince>", ForgetPerson(QUINCE)),
    Case("forget @quince", ForgetPerson(QUINCE)),
    Case("forget @Quince Tree", ForgetPerson(QUINCE)),
    Case("forget person Quince Tree", ForgetPerson(QUINCE)),
    Case("forget U0QUINCE", ForgetPerson(QUINCE)),
    Case(f"forget {LINK}", ForgetMessage(MILL, "1777600100.000200")),
    Case(f"forget message <{LINK}?thread_ts=1777600000.000100>", ForgetMessage(MILL, "1777600100.000200")),
    Case("config", Configure(HERE)),
    Case("config #general", Configure(GENERAL)),
    Case("config #general Replies private", Configure(GENERAL, "replies", "private")),
    Case("config language de", Configure(HERE, "language", "de")),
    Case("config here follow", Configure(HERE, "follow")),
    Case("forget-me", ForgetMe()),
    Case("forget me", ForgetMe()),
    Case("Remember Me", RememberMe()),
    Case("reset", ResetConversation(HERE)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.typed)
def test_what_is_typed_and_meant(case):
    assert parse(case.typed, here()) == case.meant


@pytest.mark.parametrize(
    ("typed", "saying"),
    [
        ("ask", "as in `/lore ask why"),
        ("--public", "as in `/lore ask why"),
        ("reindx #general", "did you mean `/lore reindex`"),
        ("stauts", "did you mean `/lore status`"),
        ("cancle 12", "did you mean `/lore cancel`"),
        ("confg #general replies private", "did you mean `/lore config`"),
        ("forgt <@U0QUINCE>", "did you mean `/lore forget`"),
        ("reindex", "as in `/lore reindex #channel"),
        ("reindex since monday", "as in `/lore reindex #channel"),
        ("reindex #nowhere", "no channel called nowhere"),
        ("reindex `<!here>`", "no channel called"),
        ("reindex #general since", UNCLEAR),
        ("reindex #general since someday", UNCLEAR),
        ("reindex #general since 2027-01-01", TO_COME),
        ("reindex #general since 1969-12-31", TOO_EARLY),
        ("summary since", UNCLEAR),
        ("summary #general since 2026-02-30", UNCLEAR),
        ("summary tomorrow-ish", "no channel called tomorrow-ish"),
        ("summary 2026-05-16", TO_COME),
        ("summary nowhere since monday", "no channel called nowhere"),
        ("cancel", "`/lore cancel 12`"),
        ("cancel the meeting", "`/lore cancel 12`"),
        ("cancel 9999999999999999999", "`/lore cancel 12`"),
        ("forget", "`/lore forget @person`"),
        ("forget general", "`/lore forget #channel`"),
        ("forget #general #mill-ops", "`/lore forget #channel`"),
        ("forget what I said", "`/lore forget #channel`"),
        ("forget me not", "`/lore forget #channel`"),
        ("forget person", "`/lore forget @person`"),
        ("forget @nobody", "no one person called nobody"),
        ("status of the mill", "`status` stands alone"),
        ("forget-me now", "`forget-me` stands alone"),
        ("reset password", "`reset` stands alone"),
    ],
)
def test_what_is_not_understood_is_answered_by_what_to_write(typed, saying):
    answer = parse(typed, here())
    assert isinstance(answer, Misunderstood)
    assert saying in answer.sentence
    assert "<!" not in answer.sentence


@pytest.mark.parametrize(
    "typed", ["summary", "summary yesterday", "config", "config bot off", "forget here", "reindex here"]
)
def test_a_direct_conversation_is_no_channel_to_order_about(typed):
    assert "which channel you mean" in parse(typed, here("D0TAMARIND")).sentence


@pytest.mark.parametrize("typed", ["why?", "status", "reset", "summary #general", "forget-me"])
def test_other_orders_may_be_given_in_a_direct_conversation(typed):
    assert not isinstance(parse(typed, here("D0TAMARIND")), Misunderstood)


# ---- help -----------------------------------------------------------------------------------------


def test_every_subcommand_has_a_line_of_help():
    assert {entry.name for entry in ENTRIES} == set(_PARSERS)


def test_admins_are_shown_more():
    everybody, admins = help_lines(is_admin=False), help_lines(is_admin=True)
    assert set(everybody) < set(admins)
    assert not any("reindex" in line or "/lore forget #" in line for line in everybody)
    assert any("forget-me" in line for line in everybody)


def test_help_about_one_word():
    assert help_lines("cancel", is_admin=True) == ["`/lore cancel JOB`: stops a job"]
    assert help_lines("cancel", is_admin=False) == help_lines(is_admin=False)
