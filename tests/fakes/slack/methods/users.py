"""users.info, users.list and users.conversations."""

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.methods.conversations import listed
from tests.fakes.slack.methods.pages import page_of
from tests.fakes.slack.methods.registry import Args, find_user, method

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace


@method("users.info", "users:read")
def info(workspace: "Workspace", args: Args) -> dict[str, Any]:
    return {"user": find_user(workspace, args.text("user")).payload()}


@method("users.list", "users:read")
def users_list(workspace: "Workspace", args: Args) -> dict[str, Any]:
    users, cursor = page_of(workspace, args, list(workspace.users.values()), most=1000, default=1000)
    return {
        "members": [user.payload() for user in users],
        "cache_ts": int(workspace.clock.now()),
        "response_metadata": {"next_cursor": cursor},
    }


@method("users.conversations")
def conversations(workspace: "Workspace", args: Args) -> dict[str, Any]:
    """The conversations of a user that the bot may know of; without `user`, the bot's own."""
    user = args.text("user") or workspace.bot_user_id
    find_user(workspace, user)
    return listed(workspace, args, lambda channel: user in channel.members)
