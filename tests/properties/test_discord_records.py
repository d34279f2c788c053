"""Whatever stands in a record of Discord is read without an error, and our own words are never learned."""

import re

from hypothesis import given
from hypothesis import strategies as st

from adapters.dates import Dates
from adapters.discord.mentions import addresses_others, addresses_us, question_text, replies_to_us
from adapters.discord.messages import MessageReader, author_of, channel_ref, ref_of, thread_of
from adapters.discord.seen import DirectMessage, Edited, Ignored, Kind, Mentioned, Replied, Said, Seen, kind_of, read
from adapters.discord.text import message_text
from adapters.discord_text import Names
from adapters.safety import LeftOut, Unusable
from knowledge.messages import SourceMessage

US, ROLES = "500", frozenset({"902"})

WORDS = re.findall(
    r"\S+",
    """
    id channel_id parent_id guild_id thread_type thread_name type content author name bot webhook created_at edited_at
    reply_to mentions role_mentions channel_mentions attachments title description content_type size url embeds stickers
    poll question answers reactions flags forwarded ids user_id emoji
    public private rich 500 501 502 900 10 2026-03-02T09:14:00+00:00
    <@500> <@!501> <@&902> <@&903> <#10> <:loaf:7> <t:9999999999> </lore:7> `<@500>` ```<@500> @here 👍🏽
    """,
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=12)  # with NUL and lone surrogates
TEXTS = st.sampled_from(WORDS) | ANY_TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=20,
)
PHRASES = st.lists(TEXTS, max_size=5).map(" ".join)
WHOLE = {
    "id": "1", "channel_id": "10", "parent_id": "11", "guild_id": "900", "thread_type": "",
    "thread_name": "pressing day", "type": 0, "content": "hello",
    "author": {"id": "501", "name": "Quince", "bot": False, "webhook": False},
    "created_at": "2026-03-02T09:14:00+00:00", "edited_at": "2026-03-02T09:15:00+00:00", "reply_to": "",
    "mentions": {"501": "Quince"}, "role_mentions": {"902": "lore"}, "channel_mentions": {"10": "harvest"},
    "attachments": [{"name": "plan.pdf", "description": "Floor plan"}],
    "embeds": [{"title": "Tide", "description": "high", "type": "rich"}], "stickers": ["wave"],
    "poll": {"question": "Which mill?", "answers": ["Stone"]}, "reactions": {"👍🏽": 2}, "flags": 32,
    "forwarded": [{"content": "press at dawn", "attachments": [{"name": "plan.pdf"}]}],
}  # fmt: skip
SAID = st.fixed_dictionaries(
    {
        "content": PHRASES,
        "type": st.sampled_from([0, 0, 19, 21]),
        "guild_id": st.sampled_from(["900", "900", ""]),
        "thread_type": st.sampled_from(["", "public", "private"]),
        "mentions": st.dictionaries(st.sampled_from([US, "501"]), TEXTS),
        "reply_to": st.sampled_from(["", "7"]),
    }
)
REPLACED = st.dictionaries(st.sampled_from(sorted(WHOLE)), JSON, max_size=4)
RECORDS = st.tuples(SAID, REPLACED).map(lambda parts: WHOLE | parts[0] | parts[1])
ANY_RECORD = RECORDS | st.dictionaries(TEXTS, JSON, max_size=8)


def reader(**options):
    return MessageReader(Names({"501": "Quince"}, {"902": "lore"}, {"10": "harvest"}), Dates(), US, ROLES, **options)


def storable(message):
    repr(message).encode()
    (message.text + message.author_name + message.permalink + "".join(message.reactions)).encode()
    assert "\x00" not in message.text + message.author_name + message.permalink + "".join(message.reactions)
    assert all(count > 0 for count in message.reactions.values())


@given(ANY_RECORD | JSON, st.booleans(), st.booleans())
def test_any_record_is_read_or_refused(record, keeping, is_edit):
    try:
        message = reader(include_bots=keeping).read(record, is_edit=is_edit)
    except Unusable:
        return
    assert isinstance(message, SourceMessage | LeftOut)
    if isinstance(message, SourceMessage):
        storable(message)
        assert message.ref.channel.workspace.isdecimal()
        assert message.ref.channel.channel_id.isdecimal()
        assert message.text


@given(ANY_RECORD)
def test_any_record_has_a_place_an_author_and_words(record):
    for value in (channel_ref(record), ref_of(record), thread_of(record), author_of(record)):
        repr(value).encode()
    message_text(record, Names()).encode()
    assert isinstance(addresses_us(record, US, ROLES), bool)
    assert isinstance(replies_to_us(record, US), bool)
    assert not (addresses_us(record, US, ROLES) and addresses_others(record, US, ROLES))


@given(st.sampled_from(Kind) | TEXTS, ANY_RECORD | st.dictionaries(TEXTS, JSON, max_size=6))
def test_any_delivery_is_read(kind, payload):
    seen = read(kind, payload)
    assert isinstance(seen, Seen)
    if not isinstance(seen, Said | Edited | Mentioned | Replied | DirectMessage):
        repr(seen).encode()
    if isinstance(seen, Ignored):
        assert re.fullmatch(r"[a-z_]+", seen.reason)


@given(RECORDS)
def test_our_own_messages_are_nothing_new_and_never_learned(record):
    own = record | {"author": {"id": US, "bot": True}}
    assert kind_of(own, US, ROLES) is None
    assert not isinstance(reader(include_bots=True).read(own | {"guild_id": "900"}), SourceMessage)


@given(RECORDS)
def test_what_asks_us_is_never_learned(record):
    if kind_of(record, US, ROLES) in {Kind.MENTION, Kind.REPLY, Kind.DIRECT}:
        assert isinstance(reader(include_bots=True).read(record), LeftOut)


MENTIONS = st.sampled_from(["<@501>", "<@!501>", "<@&902>", "<#10>"])


@given(st.lists(MENTIONS | PHRASES, max_size=6).map("".join), st.booleans())
def test_a_mention_never_stays_an_id_where_the_name_is_known(content, is_forwarded):
    said = {"content": "", "forwarded": [{"content": content}]} if is_forwarded else {"content": content}
    text = message_text(said, Names({"501": "Quince"}, {"902": "lore"}, {"10": "harvest"}))
    assert not re.search("<(@!?501|@&902|#10)>", text)


@given(PHRASES)
def test_a_question_holds_our_name_only_in_code(content):
    question = question_text(content, US, ROLES)
    assert not addresses_us({"content": question}, US, ROLES)
    assert question_text(question, US, ROLES) == question_text(question_text(question, US, ROLES), US, ROLES)
