"""chat.postMessage, update, delete, postEphemeral and getPermalink."""

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.channel import Channel
from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.log import Message
from tests.fakes.slack.methods import drafts
from tests.fakes.slack.methods.registry import Args, find_channel, find_user, method

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace

_NOT_IN_UPDATES = frozenset({"ts", "thread_ts", "parent_user_id"})


@method("chat.postMessage", "chat:write")
def post_message(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel = drafts.find_open_channel(workspace, args)
    said = drafts.content(args) | drafts.thread_keys(workspace, channel, args)
    message = workspace.say_as_bot(channel, said)
    workspace.show(args, "chat.postMessage", channel, message["ts"])
    workspace.clear_status(channel.id, message.get("thread_ts", ""))
    return {"channel": channel.id, "ts": message["ts"], "message": dict(message)}


@method("chat.update", "chat:write")
def update(workspace: "Workspace", args: Args) -> dict[str, Any]:
    """Blocks and attachments that are not given stay as they were; an empty list takes them away."""
    channel, message = _own(workspace, args, "cant_update_message")
    if workspace.is_streaming(message["ts"]):
        raise SlackError("streaming_state_conflict")
    said = drafts.content(args)
    if not said["text"]:
        said["text"] = message["text"]
    for name in ("blocks", "attachments"):
        if name not in said and (args.get(name) == [] or args.get("markdown_text")):
            said[name] = None
    changed = workspace.change(channel, message["ts"], said, by=workspace.bot_user_id)
    workspace.show(args, "chat.update", channel, message["ts"])
    shown = {key: value for key, value in changed.items() if key not in _NOT_IN_UPDATES}
    return {"channel": channel.id, "ts": message["ts"], "text": changed["text"], "message": shown}


@method("chat.delete", "chat:write")
def delete(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel, message = _own(workspace, args, "cant_delete_message")
    if workspace.is_streaming(message["ts"]):
        raise SlackError("cant_delete_message")
    workspace.delete(channel.id, message["ts"])
    return {"channel": channel.id, "ts": message["ts"]}


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel = drafts.find_open_channel(workspace, args)
    user = find_user(workspace, args.needed("user", "user_not_found"))
    if user.id not in channel.members or user.deleted:
        raise SlackError("user_not_in_channel")
    said = drafts.content(args) | drafts.thread_keys(workspace, channel, args)
    message = workspace.whisper(channel, user.id, said)
    workspace.show(args, "chat.postEphemeral", channel, message["ts"], only=user.id)
    return {"message_ts": message["ts"]}


@method("chat.getPermalink")
def get_permalink(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel = find_channel(workspace, args)
    if (message := channel.log.messages.get(args.text("message_ts"))) is None:
        raise SlackError("message_not_found")
    return {"channel": channel.id, "permalink": workspace.permalink(channel.id, message["ts"])}


def _own(workspace: "Workspace", args: Args, refusal: str) -> tuple[Channel, Message]:
    channel = find_channel(workspace, args)
    if (message := channel.log.messages.get(args.text("ts"))) is None:
        raise SlackError("message_not_found")
    if message.get("user") != workspace.bot_user_id:
        raise SlackError(refusal)
    return channel, message
