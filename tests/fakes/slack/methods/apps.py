"""auth.test, apps.connections.open and files.info."""

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.methods.registry import Args, method

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace


@method("auth.test")
def auth_test(workspace: "Workspace", args: Args) -> dict[str, Any]:
    return {
        "url": f"{workspace.domain}/",
        "team": workspace.name,
        "user": workspace.users[workspace.bot_user_id].name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", app_level=True)
def connections_open(workspace: "Workspace", args: Args) -> dict[str, Any]:
    if not workspace.socket_mode_enabled:
        raise SlackError("socket_mode_not_enabled")
    return {"url": workspace.server.socket_mode.ticket(workspace.app_token)}


@method("files.info", "files:read")
def files_info(workspace: "Workspace", args: Args) -> dict[str, Any]:
    file = workspace.files.get(args.needed("file"))
    if file is None or not workspace.bot_sees_file(file):
        raise SlackError("file_not_found")
    if file.deleted:
        raise SlackError("file_deleted")
    shown = file.payload(workspace.file_url(file.id), full=True)
    shown |= {"channels": list(file.channels), "groups": [], "ims": [], "comments_count": 0}
    return {"file": shown, "comments": []}
