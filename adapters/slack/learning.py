"""What happens in the channels, handed on: messages, edits, deletions, members, names."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog

from adapters import fields
from adapters.safety import Unusable
from adapters.slack import seen
from adapters.slack.calls import SlackRefused
from adapters.slack.files import with_files
from adapters.slack.history import moment
from adapters.slack.mentions import mentioned
from adapters.slack.notices import joined_notice
from adapters.slack.workspace import Workspace
from knowledge.errors import ChannelUnreadable, SourceUnavailable
from knowledge.messages import (
    Channel,
    Deleted,
    Gone,
    Hidden,
    Joined,
    Left,
    MessageRef,
    Posted,
    Reacted,
    Renumbered,
    SourceMessage,
    Visibility,
)

log = structlog.get_logger()

# A reaction to a younger message than this, which is not known, waits for it.
ARRIVES_WITHIN = timedelta(seconds=20)


async def learn(workspace: Workspace, happened: seen.Seen) -> None:
    """Takes in one event. Errors: `KnowledgeUnavailable` and `SourceUnavailable`: the event is tried again."""
    upkeep = workspace.desk.upkeep
    match happened:
        case seen.Said() | seen.Edited():
            await _on_said(workspace, happened)
        case seen.Removed(channel_id, ts, channel_type) if channel_type not in {"im", "mpim"}:
            await upkeep.observe([Deleted(MessageRef(workspace.channel(channel_id), ts))])
        case seen.Reaction():
            await _on_reaction(workspace, happened)
        case seen.MemberIn() | seen.MemberOut() | seen.UserChanged():
            await _on_people(workspace, happened)
        case _:
            await _on_channel(workspace, happened)


async def _on_reaction(workspace: Workspace, happened: seen.Reaction) -> None:
    """Counted where its message is kept. Events come in any order: a new message may still be on its way."""
    message = MessageRef(workspace.channel(happened.channel_id), happened.ts)
    is_new = datetime.now(UTC) - moment(happened.ts) < ARRIVES_WITHIN
    if is_new and not await workspace.desk.upkeep.knows(message):
        raise SourceUnavailable("The message of this reaction has not arrived yet.")
    await workspace.desk.upkeep.observe([Reacted(message, happened.emoji, happened.delta)])


async def _on_people(workspace: Workspace, happened: seen.MemberIn | seen.MemberOut | seen.UserChanged) -> None:
    upkeep = workspace.desk.upkeep
    match happened:
        case seen.MemberIn(channel_id, _, is_us=True):
            await _on_invited(workspace, channel_id)
        case seen.MemberOut(channel_id, _, is_us=True):
            await _hide(workspace, channel_id)
        case seen.MemberIn(channel_id, user_id):
            await workspace.directory.know_people([user_id])
            await upkeep.observe([Joined(workspace.channel(channel_id), workspace.person(user_id))])
        case seen.MemberOut(channel_id, user_id):
            await upkeep.observe([Left(workspace.channel(channel_id), workspace.person(user_id))])
        case seen.UserChanged(raw):
            if person := workspace.directory.describe(dict(raw)):
                await upkeep.observe([person])


async def _on_channel(workspace: Workspace, happened: seen.Seen) -> None:
    upkeep = workspace.desk.upkeep
    match happened:
        case seen.ChannelHidden(channel_id, is_us):
            await _hide(workspace, channel_id, archived=not is_us)
        case seen.ChannelDeleted(channel_id):
            await upkeep.observe([Gone(workspace.channel(channel_id))])
        case seen.MadePrivate(channel_id):
            await _on_made_private(workspace, channel_id)
        case seen.ChannelSeen(channel_id) | seen.MadePublic(channel_id):
            await _on_seen(workspace, channel_id)
        case seen.Renumbered(old_id, new_id):
            await upkeep.observe([Renumbered(workspace.channel(old_id), new_id)])
            await _on_seen(workspace, new_id)


async def _hide(workspace: Workspace, channel_id: str, *, archived: bool = False) -> None:
    await workspace.desk.upkeep.observe([Hidden(workspace.channel(channel_id), archived)])
    log.info("channel_hidden", channel_id=channel_id)


async def _on_invited(workspace: Workspace, channel_id: str) -> None:
    channel = await workspace.directory.look_up(channel_id, again=True)
    if channel.visibility is not Visibility.DIRECT and not channel.archived:
        await enter(workspace, channel, invited=True)


async def enter(workspace: Workspace, channel: Channel, *, invited: bool) -> None:
    """The bot is in a channel: when that is new, everybody there is told what it means, and the past is read."""
    if not await workspace.desk.upkeep.join(channel, invited=invited):
        return
    await _post_notice(workspace, channel)
    try:
        await workspace.desk.upkeep.read_members(channel.ref, workspace.directory.members)
    except (ChannelUnreadable, SourceUnavailable) as error:
        log.info("members_not_read", channel_id=channel.ref.channel_id, error=type(error).__name__)


async def _post_notice(workspace: Workspace, channel: Channel) -> None:
    notice = joined_notice()
    try:
        await workspace.calls.write(
            "chat_postMessage",
            channel=channel.ref.channel_id,
            text=notice.text,
            blocks=notice.blocks,
            unfurl_links=False,
            unfurl_media=False,
        )
    except (SlackRefused, SourceUnavailable) as error:
        log.warning("notice_not_posted", channel_id=channel.ref.channel_id, error=type(error).__name__)


async def _on_said(workspace: Workspace, said: seen.Said | seen.Edited) -> None:
    channel = await _open_channel(workspace, said.channel_id)
    if channel is None:
        return
    people = [fields.text(said.raw, "user"), *mentioned(said.raw)]
    await workspace.directory.know_people(people)
    message = read_message(workspace, channel, said.raw, said.event_ts)
    if message is None and isinstance(said, seen.Edited) and not said.by_bot:
        # Nothing of it is to be kept any more, not even what it said before.
        message = workspace.reader(channel.ref).emptied(dict(said.raw), said.event_ts)
    if message is None:
        return
    await workspace.desk.upkeep.observe([Posted(message)])
    if workspace.options.read_files and said.raw.get("files"):
        fuller = await with_files(workspace, message, said.raw)
        if fuller is not None:
            await workspace.desk.upkeep.observe([Posted(fuller)])


async def _open_channel(workspace: Workspace, channel_id: str) -> Channel | None:
    try:
        channel = await workspace.directory.known(channel_id)
    except ChannelUnreadable:
        log.info("event_of_closed_channel", channel_id=channel_id)
        return None
    return None if channel.visibility is Visibility.DIRECT else channel


async def _on_seen(workspace: Workspace, channel_id: str) -> None:
    """Renamed, opened again, shared or not: whatever it was, the channel is as Slack describes it now."""
    try:
        channel = await workspace.directory.look_up(channel_id, again=True)
    except ChannelUnreadable:
        await workspace.desk.upkeep.observe([Hidden(workspace.channel(channel_id))])
        return
    if channel.archived:
        await _hide(workspace, channel_id, archived=True)
    elif channel.visibility is not Visibility.DIRECT and workspace.directory.is_in(channel_id):
        await workspace.desk.upkeep.join(channel)


async def _on_made_private(workspace: Workspace, channel_id: str) -> None:
    """Private from this moment, whatever Slack can be asked about it."""
    ref = workspace.channel(channel_id)
    name = workspace.directory.names.channels.get(channel_id, channel_id)
    await workspace.desk.upkeep.observe([Channel(ref, name, Visibility.PRIVATE)])
    await _on_seen(workspace, channel_id)


def read_message(
    workspace: Workspace, channel: Channel, raw: Mapping[str, object], event_ts: str = ""
) -> SourceMessage | None:
    """A raw message in our words; None for what is not kept."""
    try:
        read = workspace.reader(channel.ref).read(dict(raw), event_ts)
    except Unusable:
        return None
    return read if isinstance(read, SourceMessage) else None
