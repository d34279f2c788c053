"""Whatever a command of Discord's holds is understood, or answered in one sentence."""

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from adapters.commands import Misunderstood, Typed
from adapters.discord.options import _READERS, Here, link_in, read
from adapters.discord.places import Link, Place, link, place_from
from bot.orders import Configure, ForgetChannel, ForgetMessage, Reindex
from knowledge.messages import ChannelRef

HERE = ChannelRef("discord", "900", "1001")
NOW = datetime(2026, 5, 15, tzinfo=UTC)
PLACES = st.sampled_from([None, Place(HERE), Place(HERE, "2001")])
LINK = "https://discord.com/channels/900/1001/4001"
CHANNELS = {
    "1001": {"type": 0},
    "1005": {"type": 4},
    "2001": {"type": 11, "parent_id": "1001"},
    "2002": {"type": 11},
    "2003": {"type": 12, "parent_id": "1001"},
}

WORDS = re.findall(
    r"\S+",
    """
    id name type value options resolved target_id channels messages users members content parent_id
    question private since channel full job person message key config ask summary lore
    1001 1005 2001 2002 2003 3001 4001 yesterday monday 2026-05-01 2027-01-01 bot on
    """,
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=12)  # with NUL and lone surrogates
TEXTS = st.sampled_from([*WORDS, *_READERS, LINK, LINK.replace("900", "901")]) | ANY_TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=20,
)


@st.composite
def commands(draw):
    """A command as Discord sends it, with anything where anything could be."""
    values = draw(
        st.dictionaries(
            st.sampled_from(
                ["question", "private", "since", "channel", "full", "job", "person", "message", "key", "value"]
            )
            | TEXTS,
            JSON | st.sampled_from([*CHANNELS, LINK, True, 12]),
            max_size=4,
        )
    )
    options = [{"name": name, "type": draw(st.sampled_from([3, 7])), "value": value} for name, value in values.items()]
    name, *others = draw(st.sampled_from(list(_READERS))).split(" ", 1)
    if name == "lore" and others:
        options = [{"name": others[0], "type": 1, "options": options}]
    else:
        name = " ".join([name, *others])
    messages = {"4001": {"content": draw(JSON)}}
    return {
        "name": name,
        "options": options,
        "target_id": "4001",
        "resolved": {"channels": CHANNELS} | {"messages": messages},
    }


@given(JSON | commands(), PLACES, PLACES)
def test_any_command_is_understood_or_answered_in_one_sentence(data, place, linked):
    here = Here("900", NOW, place, linked)
    order = read(data, here)
    assert isinstance(order, Typed)
    assert isinstance(link_in(data), Link | None)
    if isinstance(order, Misunderstood):
        words = re.sub("`[^`]*`", "Code", order.sentence)
        assert re.fullmatch(r"[A-Z][^.?!<>\n]*\.", words)


@given(commands(), PLACES, PLACES)
def test_what_is_ordered_about_is_a_whole_channel_of_this_guild(data, place, linked):
    match read(data, Here("900", NOW, place, linked)):
        case Reindex(channel=channel) | ForgetChannel(channel) | ForgetMessage(channel) | Configure(channel):
            assert channel in {HERE, ChannelRef("discord", "900", "2003")}


@given(st.dictionaries(TEXTS, JSON, max_size=6) | st.fixed_dictionaries({"id": JSON, "type": JSON, "parent_id": JSON}))
def test_any_channel_is_a_place_or_none(raw):
    place = place_from(raw, "900")
    if place is not None:
        assert place.channel.channel_id.isdigit()


@given(TEXTS)
def test_any_text_is_a_link_or_none(text):
    found = link(text)
    assert (found is not None) == text.startswith("https://discord.com/channels/90")
