"""conversations.list, info, members, open and join."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.channel import LIST_TYPES, PUBLIC, Channel
from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.methods.pages import page_of
from tests.fakes.slack.methods.registry import PREFIXES, Args, find_channel, find_user, method, need

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace


def listed(workspace: "Workspace", args: Args, wanted: Callable[[Channel], bool]) -> dict[str, Any]:
    """A page of the conversations that the bot may know of, of the types asked for."""
    asked = {name.strip() for name in (args.text("types") or "public_channel").split(",")}
    if not asked <= set(LIST_TYPES.values()):
        raise SlackError("invalid_types")
    kinds = {kind for kind, name in LIST_TYPES.items() if name in asked}
    for kind in sorted(kinds):
        need(workspace, f"{PREFIXES[kind]}:read")
    skip_archived = args.flag("exclude_archived")
    found = [
        channel
        for channel in workspace.channels.values()
        if channel.kind in kinds
        and workspace.bot_sees(channel)
        and not (skip_archived and channel.archived)
        and wanted(channel)
    ]
    page, cursor = page_of(workspace, args, found, most=1000, default=100)
    shown = [channel.payload(workspace.bot_user_id, num_members=True) for channel in page]
    return {"channels": shown, "response_metadata": {"next_cursor": cursor}}


@method("conversations.list")
def conversations_list(workspace: "Workspace", args: Args) -> dict[str, Any]:
    return listed(workspace, args, lambda _: True)


@method("conversations.info")
def info(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel = find_channel(workspace, args, "read")
    return {"channel": channel.payload(workspace.bot_user_id, num_members=args.flag("include_num_members"))}


@method("conversations.members")
def members(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel = find_channel(workspace, args, "read")
    page, cursor = page_of(workspace, args, list(channel.members), most=1000, default=100)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


@method("conversations.open", "im:write")
def conversations_open(workspace: "Workspace", args: Args) -> dict[str, Any]:
    users = [user for user in args.needed("users").split(",") if user]
    for user in users:
        if find_user(workspace, user).deleted:
            raise SlackError("user_disabled")
    if len(users) == 1:
        channel = workspace.channels[workspace.open_im(users[0])]
    else:
        need(workspace, "mpim:write")
        channel = workspace.channels[workspace.add_channel("mpdm-" + "--".join(users), mpim=True, members=users)]
    shown = channel.payload(workspace.bot_user_id) if args.flag("return_im") else {"id": channel.id}
    return {"channel": shown}


@method("conversations.join")
def join(workspace: "Workspace", args: Args) -> dict[str, Any]:
    need(workspace, "channels:join")
    channel = find_channel(workspace, args)
    if channel.kind != PUBLIC:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    if not workspace.is_bot_in(channel):
        workspace.join(channel.id, workspace.bot_user_id)
    return {"channel": channel.payload(workspace.bot_user_id)}
