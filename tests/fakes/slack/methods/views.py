"""views.open, update and publish: modals and the Home tab."""

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.blocks import VIEW_BLOCKS
from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.messages import with_ids
from tests.fakes.slack.methods import drafts
from tests.fakes.slack.methods.registry import Args, find_user, method

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace

TITLE_CHARS = 24


@method("views.open")
def views_open(workspace: "Workspace", args: Args) -> dict[str, Any]:
    user = workspace.use_trigger(args.needed("trigger_id", "invalid_trigger_id"))
    return _keep(workspace, args, f"V{workspace.server.number():08d}", user, "views.open")


@method("views.update")
def update(workspace: "Workspace", args: Args) -> dict[str, Any]:
    view_id = args.needed("view_id")
    if view_id not in workspace.views:
        raise SlackError("not_found")
    return _keep(workspace, args, view_id, workspace.views[view_id]["user"], "views.update")


@method("views.publish")
def publish(workspace: "Workspace", args: Args) -> dict[str, Any]:
    user = find_user(workspace, args.text("user_id")).id
    return _keep(workspace, args, f"home-{user}", user, "views.publish")


def _keep(workspace: "Workspace", args: Args, view_id: str, user: str, name: str) -> dict[str, Any]:
    asked = args.get("view")
    if not isinstance(asked, dict) or asked.get("type") not in {"modal", "home"}:
        raise SlackError("invalid_arguments")
    if asked["type"] == "modal" and not 1 <= len(asked.get("title", {}).get("text", "")) <= TITLE_CHARS:
        raise SlackError("invalid_arguments")
    blocks = drafts.checked_blocks(asked.get("blocks"), most=VIEW_BLOCKS)
    view = {
        **asked,
        "id": view_id,
        "team_id": workspace.team_id,
        "blocks": with_ids(blocks),
        "state": {"values": {}},
        "hash": str(workspace.server.number()),
        "root_view_id": view_id,
        "app_id": workspace.app_id,
        "bot_id": workspace.bot_id,
    }
    workspace.views[view_id] = {"user": user, "view": view}
    workspace.show(args, name, None, view_id, only=user)
    return {"view": view}
