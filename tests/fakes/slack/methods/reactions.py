"""reactions.add and reactions.remove."""

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.methods.registry import Args, find_channel, method

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace


@method("reactions.add", "reactions:write")
def add(workspace: "Workspace", args: Args) -> dict[str, Any]:
    return _react(workspace, args, removed=False, unchanged="already_reacted")


@method("reactions.remove", "reactions:write")
def remove(workspace: "Workspace", args: Args) -> dict[str, Any]:
    return _react(workspace, args, removed=True, unchanged="no_reaction")


def _react(workspace: "Workspace", args: Args, *, removed: bool, unchanged: str) -> dict[str, Any]:
    channel = find_channel(workspace, args)
    ts = args.text("timestamp")
    if ts not in channel.log.messages:
        raise SlackError("message_not_found")
    if not workspace.is_bot_in(channel):
        raise SlackError("not_in_channel")
    if channel.archived:
        raise SlackError("is_archived")
    name = args.needed("name", "invalid_name")
    if not workspace.react(channel.id, ts, workspace.bot_user_id, name, removed=removed):
        raise SlackError(unchanged)
    return {}
