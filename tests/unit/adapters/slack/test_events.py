import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.dates import Dates
from adapters.slack.envelopes import belongs, delivery_from, workspace_of
from adapters.slack.events import read
from adapters.slack.identity import Identity
from adapters.slack.mentions import addresses_others, mentioned, question_text
from adapters.slack.messages import MessageReader
from adapters.slack.seen import (
    AppUninstalled,
    ChannelDeleted,
    ChannelHidden,
    ChannelSeen,
    ContextChanged,
    DirectMessage,
    Edited,
    HomeOpened,
    Ignored,
    MadePrivate,
    MadePublic,
    MemberIn,
    MemberOut,
    Mentioned,
    OwnRemoved,
    RateLimited,
    Reaction,
    Removed,
    Renumbered,
    Said,
    TokensRevoked,
    UserChanged,
)
from adapters.slack.text import Names
from knowledge.messages import ChannelRef, Version
from tests.fakes.slack import shapes

PAYLOADS = Path(__file__).parents[3] / "payloads" / "slack"
US = Identity("T0TIDEPOOL", "U0LORE", "B0LORE", "A0LORE")
C, TS, LATER = "C0ENGINEERING", "1777600100.000200", "1777600160.000300"


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def seen(event):
    return read({"type": "event_callback", "event": event}, US)


def only(event):
    (one,) = seen(event)
    return one


def said(text="The mill runs at 40 rpm.", **more):
    return {
        "type": "message", "channel": C, "channel_type": "channel", "user": "U0QUINCE", "text": text, "ts": TS,
        "event_ts": TS, **more,
    }  # fmt: skip


def changed(new, old=None, **more):
    """The event of a message that was `old` and is now like `new`."""
    before = {key: value for key, value in said().items() if key not in {"channel", "channel_type", "event_ts"}}
    event = said(subtype="message_changed", event_ts=LATER)
    return event | {"message": before | new, "previous_message": before | (old or {})} | more


EVENT_FILES = (
    "message", "app_mention", "message_changed", "message_deleted", "direct_message", "member_joined_channel",
    "reaction_added",
)  # fmt: skip


@pytest.mark.skipif(not shapes.available(), reason="the samples of Slack's payloads are not beside the repository")
@pytest.mark.parametrize("name", EVENT_FILES)
def test_our_payloads_have_the_shape_of_slacks_own(name):
    assert list(shapes.Shapes.of_event(payload(name))) == []


# ---- the envelope ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "delivery_id"),
    [
        ("message", "event", "Ev0000000001"),
        ("slash_command", "command", "7.8.eeee"),
        ("block_actions", "action", "1.2.aaaa"),
        ("message_action", "shortcut", "3.4.bbbb"),
        ("view_submission", "view", "5.6.cccc"),
    ],
)
def test_a_delivery_names_its_kind_workspace_and_id(name, kind, delivery_id):
    body = payload(name)
    delivery = delivery_from(body)
    assert (delivery.platform, delivery.workspace, delivery.kind) == ("slack", "T0TIDEPOOL", kind)
    assert delivery.delivery_id == delivery_id
    assert delivery.payload is body
    assert belongs(body, US)


def test_events_of_an_unknown_type_are_deliveries_too():
    body = payload("message") | {"event": {"type": "weather_changed"}}
    assert delivery_from(body).delivery_id == "Ev0000000001"
    assert read(body, US) == [Ignored("unknown_type")]


def test_a_rate_limit_is_a_delivery_and_means_reading_again():
    body = {
        "type": "app_rate_limited",
        "team_id": "T0TIDEPOOL",
        "minute_rate_limited": 1777600020,
        "api_app_id": "A0LORE",
    }
    assert delivery_from(body).delivery_id == "app_rate_limited:1777600020"
    assert read(body, US) == [RateLimited(1777600020)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "url_verification", "challenge": "x", "token": "x"},
        {"ssl_check": "1", "token": "x"},
        {"type": "event_callback", "team_id": "T0TIDEPOOL", "event": {"type": "message"}},
        {"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}},
        {"type": "block_actions", "team": {"id": "T0TIDEPOOL"}},
        {"type": "block_suggestion", "team": {"id": "T0TIDEPOOL"}, "trigger_id": "1"},
    ],
)
def test_what_is_answered_at_once_is_no_delivery(body):
    assert delivery_from(body) is None


def test_an_interaction_without_a_trigger_is_known_by_place_and_time():
    body = payload("block_actions") | {"trigger_id": ""}
    assert delivery_from(body).delivery_id == "1777600010.000800:1777600020.000900"
    view = payload("view_submission") | {"trigger_id": None}
    assert delivery_from(view).delivery_id == "V0DIALOG:1777600700.dddd"


def test_a_command_without_a_trigger_is_known_by_what_and_where_it_is():
    body = payload("slash_command")
    del body["trigger_id"]
    first = delivery_from(body).delivery_id
    assert delivery_from(dict(reversed(body.items()))).delivery_id == first
    assert delivery_from(body | {"response_url": "https://hooks.slack.example/4"}).delivery_id != first


@dataclass(frozen=True)
class Envelope:
    name: str
    changes: dict
    ours: bool
    without: tuple = field(default=())


ENVELOPES = [
    Envelope("another workspace", {"authorizations": [{"team_id": "T0OTHER"}]}, ours=False),
    Envelope(
        "another company's event in a shared channel", {"team_id": "T0OTHER", "context_team_id": "T0OTHER"}, ours=True
    ),
    Envelope("no authorizations, context ours", {"team_id": "T0OTHER"}, ours=True, without=("authorizations",)),
    Envelope(
        "no authorizations, context theirs", {"context_team_id": "T0OTHER"}, ours=False, without=("authorizations",)
    ),
    Envelope("only a team", {}, ours=True, without=("authorizations", "context_team_id")),
    Envelope("an authorization without a team", {"authorizations": [{"team_id": None}]}, ours=True),
    Envelope("another app", {"api_app_id": "A0OTHER"}, ours=False),
    Envelope("no app named", {}, ours=True, without=("api_app_id",)),
]


@pytest.mark.parametrize("case", ENVELOPES, ids=lambda case: case.name)
def test_whose_event_it_is(case):
    body = {key: value for key, value in payload("message").items() if key not in case.without} | case.changes
    assert belongs(body, US) is case.ours


def test_a_dialog_opened_in_another_company_belongs_where_the_app_is_installed():
    body = payload("view_submission") | {"team": {"id": "T0OTHER"}}
    assert workspace_of(body) == "T0TIDEPOOL"


def test_without_an_identity_nothing_belongs():
    assert not belongs({}, Identity("", ""))


# ---- what was said --------------------------------------------------------------------------------


def test_a_message_that_mentions_us_is_said_and_asked():
    body = payload("message")
    first, second = read(body, US)
    raw = body["event"]
    assert first == Said(C, "1777600000.000100", raw, "1777600000.000100", "channel")
    assert second == Mentioned(C, "1777600000.000100", None, "U0TAMARIND", "<@U0LORE> why did we drop Kafka?", raw)


def test_both_events_of_a_mention_ask_the_same():
    (mention,) = read(payload("app_mention"), US)
    of_message = read(payload("message"), US)[1]
    assert (mention.channel_id, mention.ts, mention.text) == (of_message.channel_id, of_message.ts, of_message.text)
    assert question_text(mention.text, US) == "why did we drop Kafka?"


@pytest.mark.parametrize("subtype", ["file_share", "thread_broadcast", "me_message"])
def test_what_people_say_in_other_ways_is_said(subtype):
    event = said(subtype=subtype, thread_ts="1777600000.000100")
    assert only(event) == Said(C, TS, event, TS, "channel")


@pytest.mark.parametrize(
    ("event", "by_bot"),
    [
        (said(subtype="bot_message", bot_id="B0TIDE", user=None), True),
        (said(bot_id="B0TIDE", user=None), True),
        (said(bot_id="B0TIDE"), False),
    ],
)
def test_a_bots_message_is_kept_apart_as_far_as_it_shows(event, by_bot):
    assert only(event).by_bot is by_bot


@pytest.mark.parametrize(
    "subtype", ["channel_join", "channel_leave", "channel_topic", "message_replied", "assistant_app_thread", "new_kind"]
)
def test_housekeeping_is_ignored(subtype):
    assert only(said(subtype=subtype)) == Ignored("housekeeping")


@pytest.mark.parametrize(
    "own", [{"user": "U0LORE"}, {"user": None, "bot_id": "B0LORE", "subtype": "bot_message"}, {"app_id": "A0LORE"}]
)
def test_our_own_messages_ask_and_teach_nothing(own):
    own = said("<@U0LORE> why?") | own
    assert only(own) == Ignored("own_message")
    assert only(own | {"type": "app_mention"}) == Ignored("own_message")
    assert only(own | {"channel": "D0TAMARIND", "channel_type": "im"}) == Ignored("own_message")
    assert only(changed(own | {"text": "more"}, own)) == Ignored("own_message")


def test_a_mention_in_a_thread_names_the_thread_and_an_edited_one_says_so():
    event = said("<@U0LORE> and now?", type="app_mention", thread_ts="1777600000.000100", edited={"ts": LATER})
    mention = only(event)
    assert (mention.thread_ts, mention.edited) == ("1777600000.000100", True)


def test_a_mention_by_another_bot_shows_its_bot():
    first, second = seen(said("<@U0LORE> build 7 failed", subtype="bot_message", bot_id="B0TIDE", user=None))
    assert (first.by_bot, second.bot_id, second.user_id) == (True, "B0TIDE", "")


def test_a_direct_message_is_a_question_and_nothing_else():
    body = payload("direct_message")
    raw = body["event"]
    assert read(body, US) == [
        DirectMessage("D0TAMARIND", "1777600300.000500", None, "U0TAMARIND", "who knows the mill?", raw)
    ]


@pytest.mark.parametrize("more", [{}, {"subtype": "file_share"}, {"channel_type": ""}])
def test_a_mention_in_a_direct_message_changes_nothing(more):
    event = said("<@U0LORE> why?", channel="D0TAMARIND", channel_type="im") | more
    assert isinstance(only(event), DirectMessage)
    assert only(event | {"type": "app_mention"}) == Ignored("direct_mention")


@pytest.mark.parametrize("more", [{"subtype": "me_message"}, {"user": None, "bot_id": "B0TIDE"}])
def test_in_a_direct_conversation_only_people_ask(more):
    assert only(said(channel="D0TAMARIND", channel_type="im") | more) == Ignored("not_a_person")


def test_group_conversations_are_answered_and_never_learned():
    assert only(said(channel="G0TRIO", channel_type="mpim")) == Ignored("group_direct")
    assert isinstance(only(said("<@U0LORE> why?", channel="G0TRIO", channel_type="mpim")), Mentioned)


@pytest.mark.parametrize("broken", [{"ts": "soon"}, {"ts": None}, {"channel": None}, {"channel": {"id": C}}])
def test_a_message_without_a_place_is_ignored(broken):
    assert only(said("<@U0LORE> why?") | broken) == Ignored("malformed")
    assert only(said("<@U0LORE> why?", type="app_mention") | broken) == Ignored("malformed")


# ---- edits and deletions --------------------------------------------------------------------------


def test_an_edit_brings_the_message_as_it_is_now():
    body = payload("message_changed")
    now = body["event"]["message"]
    assert read(body, US) == [Edited(C, TS, now, LATER, "channel")]


EDITED = {"edited": {"user": "U0QUINCE", "ts": "1777600160.000000"}}
PREVIEW = {"attachments": [{"from_url": "https://wiki.example", "fallback": "Wiki"}]}


@dataclass(frozen=True)
class Change:
    name: str
    new: dict
    old: dict
    is_edit: bool


CHANGES = [
    Change("another text", {"text": "45 rpm"} | EDITED, {}, is_edit=True),
    Change("a second edit within one second", {"text": "50 rpm"} | EDITED, {"text": "45 rpm"} | EDITED, is_edit=True),
    Change("other blocks", {"blocks": [{"type": "section"}]} | EDITED, {}, is_edit=True),
    Change("a file taken away", {"files": []}, {"files": [{"id": "F0PLAN", "name": "plan.pdf"}]}, is_edit=True),
    Change("attachments of an edit", PREVIEW | EDITED, {}, is_edit=True),
    Change("a link preview", PREVIEW, {}, is_edit=False),
    Change("a link preview after an edit", PREVIEW | EDITED, EDITED, is_edit=False),
    Change("a reply", {"reply_count": 1, "latest_reply": LATER}, {}, is_edit=False),
    Change("an edit that changes nothing", EDITED, {}, is_edit=False),
    Change("nothing became an empty list", {"files": []}, {}, is_edit=False),
]


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: case.name)
def test_only_what_says_something_else_is_an_edit(case):
    one = only(changed(case.new, case.old))
    assert isinstance(one, Edited) if case.is_edit else one == Ignored("unchanged")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            changed({"subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted."}),
            Removed(C, TS, "channel"),
        ),
        (changed({"subtype": "tombstone", "user": "USLACKBOT"}, {"user": "U0LORE"}), OwnRemoved(C, TS)),
        (changed({"text": "45"}, channel="D0TAMARIND", channel_type="im"), Ignored("direct_edit")),
        (changed({"text": "45"}, channel="G0TRIO", channel_type="mpim"), Ignored("direct_edit")),
        (changed({"text": "45", "subtype": "channel_topic"}), Ignored("housekeeping")),
        (changed({"text": "45", "ts": None}), Ignored("malformed")),
        (changed({"subtype": "tombstone", "ts": None}), Ignored("malformed")),
    ],
)
def test_changes_that_are_no_edit_of_a_channel(event, expected):
    assert only(event) == expected


def test_a_bots_edit_is_an_edit_by_a_bot():
    assert only(changed({"text": "45", "subtype": "bot_message", "user": None, "bot_id": "B0TIDE"})).by_bot


def test_endlessly_nested_blocks_count_as_changed():
    deep, other = [], []
    for _ in range(100_000):
        deep, other = [deep], [other]
    assert isinstance(only(changed({"blocks": deep}, {"blocks": other})), Edited)


def test_a_deletion_names_the_message_that_is_gone():
    assert read(payload("message_deleted"), US) == [Removed(C, TS, "channel")]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"previous_message": {"user": "U0LORE", "ts": TS}}, OwnRemoved(C, TS)),
        ({"previous_message": {"bot_id": "B0LORE", "ts": TS}, "deleted_ts": None}, OwnRemoved(C, TS)),
        ({"previous_message": None}, Removed(C, TS, "channel")),
        ({"channel": "D0TAMARIND", "channel_type": "im"}, Removed("D0TAMARIND", TS, "im")),
        ({"deleted_ts": None, "previous_message": None}, Ignored("malformed")),
    ],
)
def test_deletions(more, expected):
    assert only(payload("message_deleted")["event"] | more) == expected


def test_a_live_message_knows_when_it_was_reported():
    reader = MessageReader(
        ChannelRef("slack", "T0TIDEPOOL", C), Names(), frozenset(), Dates(), "https://tidepool.example"
    )
    (edited,) = read(payload("message_changed"), US)
    version = reader.read(edited.raw, edited.event_ts).version
    assert [str(part) for part in version] == ["1777600160.000000", LATER]
    assert reader.read(edited.raw).version < version
    assert reader.read(said(), "soon").version == Version()


# ---- channels, people, the app --------------------------------------------------------------------


def test_our_own_joining_is_told_from_that_of_others():
    assert read(payload("member_joined_channel"), US) == [MemberIn(C, "U0LORE", is_us=True)]


def test_skin_tones_are_one_emoji():
    assert read(payload("reaction_added"), US) == [Reaction(C, TS, "+1", "U0TAMARIND", 1)]


ITEM = {"type": "message", "channel": C, "ts": TS}
PERSON = {"id": "U0QUINCE", "name": "quince"}
VIEW = [
    {"type": "slack#/types/canvas_id", "value": "F0CANVAS"},
    {"type": "slack#/types/message_context", "value": {"channel_id": "C0PIER", "message_ts": TS}},
    {"type": "slack#/types/channel_id", "value": C},
]
HAPPENINGS = [
    ({"type": "member_joined_channel", "user": "U0QUINCE", "channel": C}, MemberIn(C, "U0QUINCE")),
    ({"type": "member_left_channel", "user": "U0LORE", "channel": C}, MemberOut(C, "U0LORE", is_us=True)),
    ({"type": "member_left_channel", "user": "U0QUINCE"}, Ignored("malformed")),
    ({"type": "channel_created", "channel": {"id": C, "name": "engineering"}}, ChannelSeen(C)),
    ({"type": "channel_rename", "channel": {"id": C, "name": "pier"}}, ChannelSeen(C)),
    ({"type": "group_rename", "channel": {"id": C, "name": "pier"}}, ChannelSeen(C)),
    ({"type": "channel_unarchive", "channel": C, "user": "U0QUINCE"}, ChannelSeen(C)),
    ({"type": "channel_shared", "channel": C, "connected_team_id": "T0OTHER"}, ChannelSeen(C)),
    ({"type": "channel_unshared", "channel": C, "previously_connected_team_id": "T0OTHER"}, ChannelSeen(C)),
    ({"type": "channel_left", "channel": C}, ChannelHidden(C, is_us=True)),
    ({"type": "group_left", "channel": C}, ChannelHidden(C, is_us=True)),
    ({"type": "channel_archive", "channel": C, "user": "U0QUINCE"}, ChannelHidden(C)),
    ({"type": "group_archive", "channel": C}, ChannelHidden(C)),
    ({"type": "channel_deleted", "channel": C}, ChannelDeleted(C)),
    ({"type": "group_deleted", "channel": C}, ChannelDeleted(C)),
    ({"type": "channel_convert_to_private", "channel": C}, MadePrivate(C)),
    ({"type": "channel_convert_to_public", "channel": C}, MadePublic(C)),
    (said(subtype="channel_convert_to_private"), MadePrivate(C)),
    (said(subtype="channel_convert_to_public"), MadePublic(C)),
    ({"type": "channel_deleted"}, Ignored("malformed")),
    ({"type": "channel_id_changed", "old_channel_id": C, "new_channel_id": "C0NEW"}, Renumbered(C, "C0NEW")),
    ({"type": "channel_id_changed", "old_channel_id": C}, Ignored("malformed")),
    ({"type": "user_change", "user": PERSON}, UserChanged(PERSON)),
    ({"type": "team_join", "user": PERSON}, UserChanged(PERSON)),
    ({"type": "user_change", "user": "U0QUINCE"}, Ignored("malformed")),
    (
        {"type": "reaction_removed", "user": "U0QUINCE", "item": ITEM, "reaction": "bread"},
        Reaction(C, TS, "bread", "U0QUINCE", -1),
    ),
    ({"type": "reaction_added", "user": "U0LORE", "item": ITEM, "reaction": "eyes"}, Ignored("own_reaction")),
    (
        {"type": "reaction_added", "user": "U0QUINCE", "item": {"type": "file", "file": "F0PLAN"}, "reaction": "eyes"},
        Ignored("malformed"),
    ),
    ({"type": "app_uninstalled"}, AppUninstalled()),
    ({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["U0LORE"]}}, TokensRevoked()),
    ({"type": "tokens_revoked", "tokens": {"oauth": ["U0QUINCE"]}}, Ignored("tokens_of_people")),
    (
        {"type": "app_home_opened", "user": "U0QUINCE", "channel": "D0QUINCE", "tab": "messages"},
        HomeOpened("U0QUINCE", "D0QUINCE", "messages"),
    ),
    ({"type": "app_home_opened"}, Ignored("malformed")),
    ({"type": "app_context_changed", "context": {"entities": VIEW[::2]}}, ContextChanged("", "", C)),
    (
        {"type": "app_context_changed", "user": "U0QUINCE", "channel": "D0QUINCE", "context": {"entities": VIEW}},
        ContextChanged("U0QUINCE", "D0QUINCE", "C0PIER"),
    ),
    ({"type": "app_context_changed", "context": {}}, ContextChanged("", "", "")),
    ({"type": "file_shared", "file_id": "F0PLAN"}, Ignored("unknown_type")),
    ({}, Ignored("unknown_type")),
]


@pytest.mark.parametrize(("event", "expected"), HAPPENINGS)
def test_what_else_happens(event, expected):
    assert only(event) == expected


# ---- who is spoken to -----------------------------------------------------------------------------


def rich(*elements, kind="rich_text_section"):
    return [{"type": "rich_text", "elements": [{"type": kind, "elements": list(elements)}]}]


OURS = {"type": "user", "user_id": "U0LORE"}


@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        ({"text": "ask <@U0LORE> and <@U0QUINCE|quince>, <@U0LORE>"}, ("U0LORE", "U0QUINCE")),
        ({"text": "`<@U0LORE>` is how"}, ()),
        ({"text": "```\n<@U0LORE>\n```"}, ()),
        ({"text": "a stray ` and <@U0LORE>"}, ("U0LORE",)),
        ({"text": "it`s <@U0LORE>\nisn`t it"}, ("U0LORE",)),
        ({"text": "&lt;@U0LORE&gt;"}, ()),
        ({"text": "&gt; <@U0LORE> said so"}, ("U0LORE",)),
        ({"text": "`a` <@U0LORE> `b`", "blocks": rich({"type": "text", "text": "a"}, OURS)}, ("U0LORE",)),
        ({"text": "<@U0LORE>", "blocks": rich(OURS | {"style": {"code": True}})}, ()),
        ({"text": "<@U0LORE>", "blocks": rich(OURS, kind="rich_text_preformatted")}, ()),
        ({"text": "<@U0LORE>", "blocks": rich(OURS, kind="rich_text_quote")}, ("U0LORE",)),
        ({"text": "", "blocks": rich(OURS)}, ("U0LORE",)),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "hey <@U0LORE>"}}]}, ("U0LORE",)),
        ({"blocks": [{"type": "section", "text": {"type": "plain_text", "text": "hey <@U0LORE>"}}]}, ()),
        ({"text": "build", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<@U0LORE>"}}]}, ()),
        ({"blocks": rich({"type": "user"})}, ()),
    ],
)
def test_who_is_mentioned(raw, ids):
    assert mentioned(raw) == ids


def test_a_mention_in_code_is_no_question():
    event = said("write `<@U0LORE> why` to ask")
    assert isinstance(only(event), Said)
    assert only(event | {"type": "app_mention"}) == Ignored("mention_in_code")


def test_a_mention_that_only_slack_found_is_believed():
    assert isinstance(only(said("see below", type="app_mention")), Mentioned)


def test_a_message_of_blocks_alone_asks_too():
    first, second = seen(said("", blocks=rich(OURS, {"type": "text", "text": " why did we drop Kafka?"})))
    assert isinstance(first, Said)
    assert question_text(second.text, US) == "why did we drop Kafka?"


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("<@U0LORE> why?", "why?"),
        ("<@U0LORE|lore>: why?", "why?"),
        ("  <@U0LORE>, why?\n", "why?"),
        ("<@U0LORE> — why?", "why?"),
        ("why, <@U0LORE>?", "why,?"),
        ("ask <@U0LORE> about <@U0QUINCE>", "ask about <@U0QUINCE>"),
        ("thanks <@U0LORE>! more?", "thanks! more?"),
        ("<@U0LORE>\nfirst\nsecond", "first\nsecond"),
        ("why <@U0LORE>", "why"),
        ("<@U0LORE> <@U0LORE>", ""),
        ("<@U0LORE> what is `<@U0LORE>` for", "what is `<@U0LORE>` for"),
        ("see <@U0LORE> `x`", "see `x`"),
        ("@U0LORE why", "why"),
        ("mail@U0LORE @U0LOREX", "mail@U0LORE @U0LOREX"),
        ("<@U0LORE> -5 + 3", "-5 + 3"),
    ],
)
def test_a_question_is_the_text_without_our_name(text, question):
    assert question_text(text, US) == question


def test_without_a_name_the_text_stays():
    assert question_text(" <@U0QUINCE> @ why ", Identity("T0TIDEPOOL", "")) == "<@U0QUINCE> @ why"


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("and in staging?", False),
        ("<@U0QUINCE> do you know?", True),
        ("<@U0QUINCE> and <@U0LORE>, do you know?", False),
        ("<@U0LORE> and in staging?", False),
        ("<!here> do you know?", True),
        ("<!subteam^S0BAKERS|@bakers> do you know?", True),
        ("since <!date^1777600000^{date}|May>?", False),
        ("`<@U0QUINCE>` and `<!here>`", False),
    ],
)
def test_who_speaks_to_others_does_not_ask_us(text, others):
    assert addresses_others(text, US) is others
