import json
from datetime import UTC, datetime
from decimal import Decimal

import discord
import pytest

from adapters.dates import Dates
from adapters.discord.messages import MessageReader, author_of, place_of, record_of, ref_of, thread_of
from adapters.discord_text import Names
from adapters.safety import LeftOut, Unusable
from knowledge.messages import ChannelRef, MessageRef, Person, PersonKind, PersonRef, SourceMessage, Version

GUILD, LORE, MILLERS = "900", "500", "901"
HARVEST, CELLAR, PRESSING = "910000000000000010", "910000000000000011", "910000000000000077"
QUINCE = {"id": "501", "username": "quince", "global_name": "Quince", "discriminator": "0", "avatar": None}
SORREL = {"id": "502", "username": "sorrel", "global_name": "Sorrel", "discriminator": "0", "avatar": None}
ID = "1350000000000000001"
EDITED = "2026-03-02T09:20:00.500000+00:00"


@pytest.fixture
def state():
    return discord.Client(intents=discord.Intents.none())._connection


@pytest.fixture
def guild(state):
    def role(role_id, name):
        return {"id": role_id, "name": name, "permissions": "0", "position": 0, "color": 0, "flags": 0} | {
            "colors": {"primary_color": 0}, "hoist": False, "managed": False, "mentionable": False,
        }  # fmt: skip

    guild = discord.Guild(
        data={
            "id": GUILD,
            "name": "tidepool",
            "owner_id": "501",
            "roles": [role(GUILD, "@everyone"), role(MILLERS, "millers")],
            "emojis": [],
            "features": [],
            "channels": [
                {"id": HARVEST, "type": 0, "name": "harvest", "position": 0, "permission_overwrites": []},
                {"id": CELLAR, "type": 15, "name": "cellar", "position": 1, "permission_overwrites": []},
            ],
        },
        state=state,
    )
    state._add_guild(guild)
    return guild


def payload(content="The mill runs at 40 rpm.", **more):
    return {
        "id": ID, "type": 0, "content": content, "author": QUINCE, "timestamp": "2026-03-02T09:14:00.123000+00:00",
        "edited_timestamp": None, "flags": 0, "mentions": [], "mention_roles": [], "attachments": [], "embeds": [],
        **more,
    }  # fmt: skip


@pytest.fixture
def record(state, guild):
    """The record of a message as Discord sends it."""

    def record(content="The mill runs at 40 rpm.", channel=None, **more):
        where = channel or guild.get_channel(int(HARVEST))
        return record_of(discord.Message(state=state, channel=where, data=payload(content, **more)))

    return record


def thread_in(guild, parent_id, kind):
    data = {
        "id": PRESSING, "parent_id": parent_id, "guild_id": GUILD, "owner_id": "501", "name": "pressing day",
        "type": kind, "message_count": 0, "member_count": 0,
        "thread_metadata": {"archived": False, "auto_archive_duration": 60, "archive_timestamp": EDITED},
    }  # fmt: skip
    return discord.Thread(guild=guild, state=guild._state, data=data)


def reader(**options):
    return MessageReader(Names(), Dates(), LORE, frozenset({"902"}), **options)


# ---- records --------------------------------------------------------------------------------------


def test_a_record_keeps_what_is_needed_and_is_json(record):
    kept = record(
        f"<@501> <@&{MILLERS}> see <#{HARVEST}>",
        mentions=[QUINCE | {"member": {"roles": [], "joined_at": EDITED, "flags": 0, "nick": "Q", "deaf": False}}],
        mention_roles=[MILLERS],
        edited_timestamp=EDITED,
        flags=4,
        attachments=[
            {
                "id": "1", "size": 3, "filename": "plan.pdf", "title": "the plan", "description": "Floor plan",
                "url": "https://cdn.example/plan.pdf", "proxy_url": "", "content_type": "application/pdf",
            }
        ],
        embeds=[{"type": "rich", "title": "Tide", "description": "high", "author": {"name": "Medlar"}}],
        sticker_items=[{"id": "3", "name": "wave", "format_type": 1}],
        poll={
            "question": {"text": "Which mill?"},
            "answers": [{"answer_id": 1, "poll_media": {"text": "Stone"}}],
            "expiry": EDITED, "allow_multiselect": False, "layout_type": 1,
        },
        reactions=[
            {"count": 2, "me": False, "emoji": {"id": None, "name": "👍"}},
            {"count": 1, "me": False, "emoji": {"id": None, "name": "👍🏽"}},
            {"count": 3, "me": False, "emoji": {"id": "4", "name": "loaf"}},
            {"count": 1, "me": False, "emoji": {"id": "5", "name": None}},
        ],
    )  # fmt: skip
    assert json.loads(json.dumps(kept)) == kept
    assert kept == {
        "id": ID,
        "channel_id": HARVEST,
        "parent_id": "",
        "guild_id": GUILD,
        "thread_type": "",
        "thread_name": "",
        "type": 0,
        "content": f"<@501> <@&{MILLERS}> see <#{HARVEST}>",
        "author": {"id": "501", "name": "Quince", "bot": False, "webhook": False},
        "created_at": kept["created_at"],
        "edited_at": EDITED,
        "reply_to": "",
        "mentions": {"501": "Q"},
        "role_mentions": {MILLERS: "millers"},
        "channel_mentions": {HARVEST: "harvest"},
        "attachments": [
            {
                "name": "plan.pdf",
                "title": "the plan",
                "description": "Floor plan",
                "content_type": "application/pdf",
                "size": 3,
                "url": "https://cdn.example/plan.pdf",
            }
        ],
        "embeds": [{"title": "Tide", "description": "high", "author": "Medlar", "url": "", "type": "rich"}],
        "stickers": ["wave"],
        "poll": {"question": "Which mill?", "answers": ["Stone"]},
        "reactions": {"👍": 3, "loaf": 3, "": 1},
        "flags": 4,
        "forwarded": [],
    }
    assert kept["created_at"].startswith("2025-"), "the time that the id says"


def test_a_record_names_the_message_it_replies_to_and_what_it_forwards(record):
    there = {"message_id": "1350000000000000000", "channel_id": HARVEST, "guild_id": GUILD}
    assert record("yes", type=19, message_reference=there)["reply_to"] == "1350000000000000000"
    forwarded = record(
        "",
        message_reference=there | {"type": 1},
        message_snapshots=[{"message": payload("press at dawn", flags=8192)}],
    )
    assert forwarded["reply_to"] == ""
    assert forwarded["forwarded"] == [
        {"content": "press at dawn", "attachments": [], "embeds": [], "stickers": [], "flags": 8192}
    ]


def test_a_record_of_a_thread_says_whose_it_is(record, guild):
    open_thread = record(channel=thread_in(guild, HARVEST, 11))
    assert (open_thread["channel_id"], open_thread["parent_id"]) == (PRESSING, HARVEST)
    assert (open_thread["thread_type"], open_thread["thread_name"]) == ("public", "pressing day")
    assert record(channel=thread_in(guild, HARVEST, 10))["thread_type"] == "public"
    assert record(channel=thread_in(guild, HARVEST, 12))["thread_type"] == "private"


def test_a_record_outside_every_guild_has_none(state):
    data = {"id": "60", "type": 1, "recipients": [QUINCE]}
    direct = discord.DMChannel(me=None, state=state, data=data)
    kept = record_of(discord.Message(state=state, channel=direct, data=payload("who knows the mill?")))
    assert (kept["guild_id"], kept["channel_id"], kept["thread_type"]) == ("", "60", "")


def test_a_record_of_a_channel_that_is_not_known_still_names_its_guild(state):
    partial = discord.PartialMessageable(state=state, id=60, guild_id=int(GUILD))
    kept = record_of(discord.Message(state=state, channel=partial, data=payload()))
    assert (kept["guild_id"], kept["channel_id"]) == (GUILD, "60")


def test_a_webhook_is_told_from_an_account(record):
    assert record(webhook_id="70")["author"]["webhook"] is True


def test_a_place_is_known_as_well_as_the_channel_is(guild):
    place = {"guild_id": GUILD, "channel_id": PRESSING, "parent_id": HARVEST, "thread_type": "public"}
    assert place_of(int(PRESSING), int(GUILD), thread_in(guild, HARVEST, 11)) == place
    assert place_of(int(PRESSING), int(GUILD), None) == place | {"parent_id": "", "thread_type": ""}
    assert place_of(int(PRESSING), None, None)["guild_id"] == ""


# ---- in our words ---------------------------------------------------------------------------------


def test_a_message_in_our_words(record):
    kept = record(edited_timestamp=EDITED, reactions=[{"count": 2, "me": False, "emoji": {"id": None, "name": "👍"}}])
    kept["created_at"] = "2026-03-02T09:14:00.123000+00:00"
    harvest = ChannelRef("discord", GUILD, HARVEST)
    assert reader().read(kept) == SourceMessage(
        ref=MessageRef(harvest, ID),
        text="The mill runs at 40 rpm.",
        author=PersonRef("discord", GUILD, "501"),
        author_name="Quince",
        posted_at=datetime(2026, 3, 2, 9, 14, 0, 123_000, tzinfo=UTC),
        permalink=f"https://discord.com/channels/{GUILD}/{HARVEST}/{ID}",
        version=Version(Decimal("1772443200.5")),
        reactions={"👍": 2},
    )


def test_the_name_that_colleagues_use_now_labels_a_message(record):
    named = MessageReader(Names({"501": "Quince of the mill"}), Dates())
    assert named.read(record()).author_name == "Quince of the mill"


def test_names_come_along_with_the_message(record):
    kept = record(f"<@501> <@!502> <@&{MILLERS}> <#{HARVEST}>", mentions=[QUINCE], mention_roles=[MILLERS])
    known = MessageReader(Names(people={"502": "Sorrel"}), Dates())
    assert known.read(kept).text == "@Quince @Sorrel @millers #harvest"


def test_an_edit_that_was_just_reported_wins_over_history(record):
    kept = record(edited_timestamp=EDITED)
    live, listed = (reader().read(kept, is_edit=is_edit).version for is_edit in (True, False))
    assert live == (Decimal("1772443200.5"), Decimal("1772443200.5"))
    assert live > listed > reader().read(record()).version == Version()
    assert reader().read(record(), is_edit=True).version == Version(), "a link got its preview"


def test_an_open_thread_is_part_of_its_parent(record, guild):
    said = reader().read(record(channel=thread_in(guild, HARVEST, 11)))
    assert (said.ref.channel.channel_id, said.thread_id) == (HARVEST, PRESSING)
    assert said.permalink == f"https://discord.com/channels/{GUILD}/{PRESSING}/{ID}"


def test_a_private_thread_is_a_channel_of_its_own(record, guild):
    said = reader().read(record(channel=thread_in(guild, HARVEST, 12)))
    assert (said.ref.channel.channel_id, said.thread_id) == (PRESSING, None)


def test_the_message_that_a_thread_hangs_from_belongs_to_it(record):
    assert reader().read(record(flags=1 << 5)).thread_id == ID
    assert reader().read(record()).thread_id is None


def test_a_post_is_asked_in_its_title(record, guild):
    post = thread_in(guild, CELLAR, 11)
    first = record("It stops at night.", channel=post, id=PRESSING)
    assert reader().read(first).text == "pressing day\nIt stops at night."
    assert reader().read(first).thread_id == thread_of(first) == PRESSING
    assert reader().read(record("Oil it.", channel=post)).text == "Oil it."


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"author": QUINCE | {"bot": True}}, LeftOut.BOT),
        ({"webhook_id": "70"}, LeftOut.BOT),
        ({"type": 7}, LeftOut.HOUSEKEEPING),
        ({"type": 18}, LeftOut.HOUSEKEEPING),
        ({"type": 21}, LeftOut.HOUSEKEEPING),
        ({"type": 99}, LeftOut.HOUSEKEEPING),
        ({"content": f"<@{LORE}> why?"}, LeftOut.QUESTION),
        ({"content": "<@&902> why?"}, LeftOut.QUESTION),
        (
            {
                "type": 19,
                "message_reference": {"message_id": "1", "channel_id": HARVEST},
                "mentions": [SORREL | {"id": LORE}],
            },
            LeftOut.QUESTION,
        ),
        ({"content": " \n"}, LeftOut.EMPTY),
    ],
)
def test_what_is_left_out(record, more, reason):
    assert reader().read(record(**more)) is reason


def test_bots_are_kept_where_that_is_wanted_and_we_are_not(record):
    keeping = reader(include_bots=True)
    assert keeping.read(record(author=SORREL | {"bot": True}, type=20)).author.person_id == "502"
    assert keeping.read(record(author=SORREL | {"id": LORE, "bot": True})) is LeftOut.BOT
    hook = keeping.read(record(webhook_id="70", author=SORREL | {"global_name": "Tide table"}))
    assert (hook.author, hook.author_name) == (None, "Tide table")


def test_who_wrote_is_known_by_the_name_of_then(record):
    assert author_of(record()) == Person(PersonRef("discord", GUILD, "501"), "Quince")
    assert author_of(record(author=SORREL | {"bot": True})).kind is PersonKind.BOT
    assert author_of(record(webhook_id="70")) is None


def test_direct_conversations_are_never_learned(record):
    assert reader().read(record() | {"guild_id": ""}) is LeftOut.DIRECT


def test_an_edited_message_may_be_emptied(record):
    kept = record(f"<@{LORE}> why?", edited_timestamp=EDITED)
    gone = reader().emptied(kept)
    assert (gone.ref, gone.text, gone.version.event_ts) == (ref_of(kept), "", Decimal("1772443200.5"))


@pytest.mark.parametrize(
    "broken", [{"id": "soon"}, {"channel_id": None}, {"created_at": "0001-01-01"}, {"id": "1" * 21}]
)
def test_a_message_without_a_place_or_time_is_unusable(record, broken):
    with pytest.raises(Unusable):
        reader().read(record() | broken)


def test_what_is_no_object_is_unusable():
    with pytest.raises(Unusable, match="no JSON object"):
        reader().read([])
