"""Whatever Slack or somebody typing may send is read without an error, and our own words never become a question."""

import re
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from adapters.commands import Misunderstood, Typed
from adapters.since import NoSuchDay, moment
from adapters.slack import actions, events
from adapters.slack.arguments import Here
from adapters.slack.commands import _PARSERS, parse
from adapters.slack.envelopes import belongs, delivery_from
from adapters.slack.identity import Identity
from adapters.slack.mentions import addresses_others, mentioned, question_text
from adapters.slack.seen import DirectMessage, Edited, Ignored, Mentioned, Said, Seen
from bot.conversation import Delivery
from knowledge.messages import ChannelRef

US = Identity("T1", "U1", "B1", "A1")
HERE = Here(ChannelRef("slack", "T1", "C1"), datetime(2026, 5, 15, tzinfo=UTC), {"mill": "C2"}.get, {}.get)

WORDS = re.findall(
    r"\S+",
    """
    type event event_id event_ts team_id context_team_id authorizations team user user_id id channel channel_id ts
    subtype message previous_message deleted_ts channel_type text blocks elements style code files attachments edited
    thread_ts bot_id app_id api_app_id reaction item tokens bot context entities value tab old_channel_id new_channel_id
    command trigger_id container actions action_id action_ts view state values callback_id selected_option
    selected_options selected_users private_metadata response_url minute_rate_limited
    event_callback app_rate_limited block_actions message_action shortcut view_submission message_changed
    message_deleted tombstone file_share bot_message app_mention member_joined_channel reaction_added
    channel_rename group_left channel_id_changed user_change tokens_revoked app_home_opened app_context_changed
    rich_text rich_text_section rich_text_preformatted mrkdwn section im mpim
    T1 U1 U2 B1 A1 C1 D1 1777600000.000100 /lore <@U1> `<@U1>` <@U2|x> slack#/types/channel_id
    """,
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=12)  # with NUL and lone surrogates
TEXTS = st.sampled_from(WORDS) | ANY_TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=20,
)
RECORDS = st.dictionaries(TEXTS, JSON, max_size=8)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "message", "app_mention", *events._READERS, *events._OF_CHANNELS])},
    optional={
        "subtype": st.sampled_from(["", "message_changed", "message_deleted", "file_share", "bot_message"]) | JSON,
        "channel": st.sampled_from(["C1", "D1"]) | JSON,
        "channel_type": st.sampled_from(["channel", "im", "mpim"]) | JSON,
        "user": st.sampled_from(["U1", "U2"]) | JSON,
        "ts": st.just("1777600000.000100") | JSON,
        "text": TEXTS | JSON,
        "blocks": JSON,
        "message": RECORDS,
        "previous_message": RECORDS,
        "item": RECORDS,
        "context": RECORDS,
    },
)


@given(
    RECORDS | st.fixed_dictionaries({"type": st.just("event_callback"), "event": EVENTS | JSON}, optional={"x": JSON})
)
def test_any_json_is_read(body):
    seen = events.read(body, US)
    assert seen
    assert all(isinstance(one, Seen) for one in seen)
    repr([one for one in seen if not isinstance(one, Said | Edited | Mentioned | DirectMessage)])
    assert isinstance(belongs(body, US), bool)


@given(RECORDS)
def test_a_delivery_can_always_be_stored_under_its_id(body):
    delivery = delivery_from(body)
    if delivery is not None:
        assert isinstance(delivery, Delivery)
        assert delivery.workspace
        assert delivery.delivery_id
        key = delivery.workspace + delivery.delivery_id
        key.encode()
        assert "\x00" not in key
        assert delivery_from(body) == delivery


@given(st.sampled_from(["block_actions", "message_action", "shortcut", "view_submission"]) | JSON, RECORDS, JSON, JSON)
def test_any_interaction_is_read(kind, body, action, state):
    full = body | {"type": kind, "user": {"id": "U2"}, "actions": [action]}
    full |= {"view": {"callback_id": "x", "state": {"values": state}}, "callback_id": "x"}
    read = actions.read(full)
    assert read is None or isinstance(read, actions.Pressed | actions.Shortcut | actions.Submitted)
    actions.read(body)


@given(st.lists(TEXTS, max_size=6).map(" ".join), JSON)
def test_both_events_of_one_mention_ask_the_same(text, blocks):
    event = {
        "type": "message",
        "channel": "C1",
        "user": "U2",
        "ts": "1777600000.000100",
        "text": text,
        "blocks": blocks,
    }
    asked = [one for one in events.read({"event": event}, US) if isinstance(one, Mentioned)]
    mention = events.read({"event": event | {"type": "app_mention"}}, US)[0]
    if asked:
        assert isinstance(mention, Mentioned)
        assert (mention.channel_id, mention.ts, mention.thread_ts, mention.user_id, mention.bot_id) == (
            asked[0].channel_id,
            asked[0].ts,
            asked[0].thread_ts,
            asked[0].user_id,
            asked[0].bot_id,
        )
        assert question_text(mention.text, US) == question_text(asked[0].text, US)
    elif isinstance(mention, Mentioned):
        # Slack found a mention where there is none to see.
        assert "<@U1" not in mention.text


OWN = st.sampled_from([{"user": "U1"}, {"bot_id": "B1"}, {"app_id": "A1"}, {"user": "U1", "bot_id": "B1"}])


@given(EVENTS, OWN)
def test_our_own_posts_never_ask_and_are_never_learned(event, own):
    kept = {key: value for key, value in event.items() if key not in {"user", "bot_id", "app_id"}} | own
    inner = {"ts": "1777600000.000100", "text": "new", **own}
    kept |= {"message": inner, "previous_message": inner | {"text": "old"}}
    for one in events.read({"event": kept}, US):
        assert not isinstance(one, Said | Edited | Mentioned | DirectMessage)


@given(EVENTS)
def test_direct_conversations_are_never_learned(event):
    event |= {"channel": "D1"}
    for one in events.read({"event": event}, US):
        assert not isinstance(one, Said | Edited | Mentioned)


@given(st.lists(TEXTS, max_size=6).map(" ".join))
def test_a_question_holds_our_name_only_in_code(text):
    question = question_text(text, US)
    assert "U1" not in mentioned({"text": question})
    assert question_text(question, US) == question_text(question_text(question, US), US)
    assert isinstance(addresses_others(text, US), bool)


TYPED = st.lists(
    st.sampled_from([
        *_PARSERS, "since", "full", "public", "private", "of", "the", "this", "here", "last", "week", "3", "days",
        "monday", "2026-05-01", "#mill", "#nowhere",
        "mill", "<#C1|mill>", "<@U2|x>", "@quince", "<!here>", "`x`", "12", "stauts",
        "https://x.example/archives/C1/p1777600000000100", "--public", "—", "?", "<", "channel", "person", "9" * 30,
    ])
    | ANY_TEXT,
    max_size=6,
).map(" ".join)  # fmt: skip


@given(TYPED)
@example("summary 9999-12-31")
@example("forget @\u2028. ?")
def test_whatever_is_typed_is_understood_or_answered_in_one_sentence(typed):
    command = parse(typed, HERE)
    assert isinstance(command, Typed)
    if isinstance(command, Misunderstood):
        words = re.sub("`[^`]*`", "Code", command.sentence)
        assert re.fullmatch(r"[A-Z][^.?!<>\n]*[.?]", words)
        assert not re.search(r"[@#!]\w", words.replace("#channel", ""))


@given(TYPED, st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)), st.integers(-720, 840))  # noqa: DTZ001
def test_a_day_that_is_taken_lies_between_1970_and_now(phrase, now, minutes):
    now = now.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    try:
        begins = moment(phrase, now)
    except NoSuchDay:
        return
    assert datetime(1970, 1, 1, tzinfo=UTC) <= begins <= now


def test_ignoring_has_a_reason_fit_for_a_log():
    for event in (
        {},
        {"type": "message"},
        {"type": "message", "channel": "C1", "subtype": "x"},
        {"type": "reaction_added"},
    ):
        (ignored,) = events.read({"event": event}, US)
        assert isinstance(ignored, Ignored)
        assert re.fullmatch(r"[a-z_]+", ignored.reason)
