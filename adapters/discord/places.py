"""Where something was said: channels and threads by Discord's numbers, and the links to messages. No I/O."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from adapters import fields
from knowledge.messages import ChannelRef

PLATFORM = "discord"
CHANNEL_TYPES = (0, 2, 5, 13, 15, 16)
"""Discord's numbers of the channels that hold messages or posts: text, voice, announcements, stage, forum, media."""
PUBLIC_THREAD_TYPES = (10, 11)
PRIVATE_THREAD_TYPE = 12
"""The number of the one kind of thread that is a channel of its own."""

_SNOWFLAKE = re.compile(r"\d{1,20}", re.ASCII)
_MESSAGE_LINK = re.compile(
    r"<?https://(?:(?:canary|ptb)\.)?discord(?:app)?\.com/channels/(\d{1,20})/(\d{1,20})/(\d{1,20})/?>?", re.ASCII
)


class Place(NamedTuple):
    """A channel, or a public thread of it. A private thread is a channel."""

    channel: ChannelRef
    thread_id: str | None = None


class Link(NamedTuple):
    """The message that an address leads to. `channel_id` may be a thread's."""

    workspace: str
    channel_id: str
    message_id: str


def is_snowflake(text: str) -> bool:
    """Whether this can be an id of Discord's."""
    return _SNOWFLAKE.fullmatch(text) is not None


def place_from(channel: Mapping[str, object], workspace: str) -> Place | None:
    """The place of a channel with `id`, `type` and, if it is a thread, `parent_id`. None where nothing is learnt."""
    kind, channel_id = fields.integer(channel, "type"), fields.identifier(channel, "id")
    parent = fields.identifier(channel, "parent_id")
    if not is_snowflake(channel_id):
        return None
    if kind in CHANNEL_TYPES or kind == PRIVATE_THREAD_TYPE:
        return Place(ChannelRef(PLATFORM, workspace, channel_id))
    if kind in PUBLIC_THREAD_TYPES and is_snowflake(parent):
        return Place(ChannelRef(PLATFORM, workspace, parent), channel_id)
    return None


def link(text: str) -> Link | None:
    """The message that an address leads to; None when it is no address of a message in a guild."""
    match = _MESSAGE_LINK.fullmatch(text.strip())
    return Link(match[1], match[2], match[3]) if match else None
