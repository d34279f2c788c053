import pytest

from adapters.discord.seen import (
    ChannelGone,
    ChannelSeen,
    DirectMessage,
    Edited,
    GuildGone,
    Ignored,
    Kind,
    MemberChanged,
    Mentioned,
    Reaction,
    ReactionsCleared,
    Removed,
    RemovedMany,
    Replied,
    RolesChanged,
    Said,
    ThreadGone,
    kind_of,
    read,
)
from knowledge.messages import ChannelRef, MessageRef

LORE = "500"
IN_HARVEST = {"guild_id": "900", "channel_id": "10", "parent_id": "", "thread_type": ""}
IN_PRESSING = {"guild_id": "900", "channel_id": "77", "parent_id": "10", "thread_type": "public"}
IN_PRIVATE = IN_PRESSING | {"thread_type": "private"}
ALONE = IN_HARVEST | {"guild_id": ""}
HARVEST = ChannelRef("discord", "900", "10")


def said(content="The mill runs at 40 rpm.", place=IN_HARVEST, **more):
    return {"id": "1", "type": 0, "content": content, "author": {"id": "501"}, "mentions": {}, "reply_to": ""} | {
        **place,
        **more,
    }


BY_BOT = {"author": {"id": "502", "bot": True}}


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (said(), Kind.MESSAGE),
        (said("<@500> why?"), Kind.MENTION),
        (said("<@500> why?", IN_PRIVATE), Kind.MENTION),
        (said("<@&902> why?"), Kind.MENTION),
        (said("<@500> build 7 failed", **BY_BOT), Kind.MENTION),
        (said("<@500> why?", mentions={LORE: "Lore"}, reply_to="7"), Kind.MENTION),
        (said("and in winter?", mentions={LORE: "Lore"}, reply_to="7"), Kind.REPLY),
        (said("and in winter?", reply_to="7"), Kind.MESSAGE),
        (said("<@500>", type=6), Kind.MESSAGE),
        (said("who knows the mill?", ALONE), Kind.DIRECT),
        (said("<@500> who knows the mill?", ALONE), Kind.DIRECT),
        (said("beep", ALONE, **BY_BOT), None),
        (said("", ALONE, type=3), None),
        (said("<@500>", author={"id": LORE, "bot": True}), None),
        (said("<@500>", ALONE, author={"id": LORE, "bot": True}), None),
    ],
)
def test_what_a_new_message_is(record, kind):
    assert kind_of(record, LORE, {"902"}) == kind


def test_a_reply_to_us_that_does_not_notify_us_is_one_when_the_message_is_known():
    record = said("and in winter?", reply_to="7")
    assert kind_of(record, LORE, replied_to_us=True) == Kind.REPLY
    assert kind_of(record | {"type": 18}, LORE, replied_to_us=True) == Kind.MESSAGE


MESSAGE = IN_PRESSING | {"id": "1"}
REF = MessageRef(HARVEST, "1")


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        (Kind.MESSAGE, said(), Said(said())),
        (Kind.MENTION, said(), Mentioned(said())),
        (Kind.REPLY, said(), Replied(said())),
        (Kind.EDIT, said(), Edited(said())),
        (Kind.EDIT_MENTION, said(), Edited(said(), asks=True)),
        (Kind.DIRECT, said("hi", ALONE), DirectMessage(said("hi", ALONE))),
        (Kind.DELETE, MESSAGE, Removed(REF, "77")),
        (Kind.DELETE, ALONE | {"id": "1"}, Removed(MessageRef(ChannelRef("discord", "", "10"), "1"), "10")),
        (
            Kind.BULK_DELETE,
            IN_PRESSING | {"ids": ["1", 2, "x", None]},
            RemovedMany((REF, MessageRef(HARVEST, "2")), "77"),
        ),
        (Kind.REACTION_ADD, MESSAGE | {"emoji": "loaf", "user_id": "501"}, Reaction(REF, "loaf", "501", 1)),
        (Kind.REACTION_REMOVE, MESSAGE | {"emoji": "👍🏽", "user_id": "501"}, Reaction(REF, "👍", "501", -1)),
        (Kind.REACTION_CLEAR, MESSAGE | {"emoji": "loaf"}, ReactionsCleared(REF, "77", "loaf")),
        (Kind.REACTION_CLEAR, MESSAGE, ReactionsCleared(REF, "77")),
        (Kind.CHANNEL, IN_HARVEST, ChannelSeen(HARVEST)),
        (Kind.CHANNEL, IN_PRIVATE, ChannelSeen(ChannelRef("discord", "900", "77"))),
        (Kind.CHANNEL_DELETE, IN_HARVEST, ChannelGone(HARVEST)),
        (Kind.THREAD_DELETE, IN_PRESSING, ThreadGone(HARVEST, "77")),
        (Kind.THREAD_DELETE, IN_PRIVATE, ThreadGone(ChannelRef("discord", "900", "77"), "77")),
        (Kind.MEMBER, {"guild_id": "900", "user_id": "501"}, MemberChanged("501")),
        (Kind.MEMBER, {"guild_id": "900", "user_id": "501", "has_left": True}, MemberChanged("501", has_left=True)),
        (Kind.ROLES, {"guild_id": "900"}, RolesChanged()),
        (Kind.GUILD_REMOVE, {"guild_id": "900"}, GuildGone()),
        (Kind.EDIT, said("hi", ALONE), Ignored("direct_edit")),
        (Kind.EDIT_MENTION, said("hi", ALONE), Ignored("direct_edit")),
        (Kind.MESSAGE, said("hi", ALONE), Ignored("malformed")),
        (Kind.MENTION, said(id="soon"), Ignored("malformed")),
        (Kind.DELETE, IN_HARVEST, Ignored("malformed")),
        (Kind.BULK_DELETE, {"ids": ["1"]}, Ignored("malformed")),
        (Kind.REACTION_ADD, MESSAGE | {"user_id": "501"}, Ignored("malformed")),
        (Kind.REACTION_ADD, MESSAGE | {"emoji": "loaf"}, Ignored("malformed")),
        (Kind.CHANNEL, {"guild_id": "900"}, Ignored("malformed")),
        (Kind.MEMBER, {"guild_id": "900"}, Ignored("malformed")),
        (Kind.GUILD_REMOVE, {}, Ignored("malformed")),
        ("weather", {}, Ignored("unknown_kind")),
    ],
)
def test_what_a_delivery_tells(kind, payload, expected):
    assert read(kind, payload) == expected


def test_a_kind_comes_back_from_the_inbox_as_a_plain_word():
    assert read("message", said()) == Said(said())
