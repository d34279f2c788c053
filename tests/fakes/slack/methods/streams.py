"""chat.startStream, appendStream and stopStream: a message that grows, for five minutes at most."""

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.channel import DIRECT, Channel
from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.methods import drafts
from tests.fakes.slack.methods.registry import Args, find_channel, find_user, method

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace

STREAM_SECONDS = 300.0


@method("chat.startStream", "chat:write")
def start(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel = drafts.find_open_channel(workspace, args)
    args.needed("thread_ts", "invalid_thread_ts")
    _check_recipient(workspace, channel, args)
    text, blocks = _piece(args, optional=True)
    said: dict[str, Any] = {"text": text} | drafts.thread_keys(workspace, channel, args)
    if blocks:
        said["blocks"] = blocks
    message = workspace.say_as_bot(channel, said)
    workspace.streams[message["ts"]] = workspace.clock.now() + STREAM_SECONDS
    _show(workspace, args, "chat.startStream", channel, message["ts"], text)
    workspace.clear_status(channel.id, message.get("thread_ts", ""))
    return {"channel": channel.id, "ts": message["ts"]}


@method("chat.appendStream", "chat:write")
def append(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel, ts = _streaming(workspace, args)
    text, blocks = _piece(args)
    message = channel.log.messages[ts]
    message["text"] += text
    if blocks:
        message["blocks"] = [*message.get("blocks", []), *blocks]
    _show(workspace, args, "chat.appendStream", channel, ts, message["text"])
    return {"channel": channel.id, "ts": ts}


@method("chat.stopStream", "chat:write")
def stop(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel, ts = _streaming(workspace, args)
    text, blocks = _piece(args, optional=True)
    message = channel.log.messages[ts]
    last = drafts.checked_blocks(args.get("blocks"))
    said: dict[str, Any] = {"text": message["text"] + text}
    if final := [*message.get("blocks", []), *blocks, *last]:
        said["blocks"] = final
    if args.get("metadata"):
        said["metadata"] = args["metadata"]
    del workspace.streams[ts]
    changed = workspace.change(channel, ts, said)
    _show(workspace, args, "chat.stopStream", channel, ts, changed["text"])
    return {"channel": channel.id, "ts": ts, "message": dict(changed)}


def _check_recipient(workspace: "Workspace", channel: Channel, args: Args) -> None:
    if channel.kind == DIRECT:
        return
    team = args.needed("recipient_team_id", "missing_recipient_team_id")
    user = find_user(workspace, args.needed("recipient_user_id", "missing_recipient_user_id"))
    if team not in {workspace.team_id, user.team}:
        raise SlackError("team_not_found")


def _streaming(workspace: "Workspace", args: Args) -> tuple[Channel, str]:
    channel = find_channel(workspace, args)
    ts = args.text("ts")
    message = channel.log.messages.get(ts)
    if message is None:
        raise SlackError("message_not_found")
    if message.get("user") != workspace.bot_user_id:
        raise SlackError("message_not_owned_by_app")
    if not workspace.is_streaming(ts):
        raise SlackError("message_not_in_streaming_state")
    return channel, ts


def _piece(args: Args, *, optional: bool = False) -> tuple[str, list[dict[str, Any]]]:
    """The text and blocks that one call brings."""
    text = args.text("markdown_text")
    blocks: list[dict[str, Any]] = []
    for chunk in args.get("chunks") or []:
        match chunk.get("type"):
            case "markdown_text":
                text += chunk.get("text", "")
            case "blocks":
                blocks += drafts.checked_blocks(chunk.get("blocks"))
            case "task_update" | "plan_update":
                continue
            case _:
                raise SlackError("invalid_chunks")
    if len(text) > drafts.MARKDOWN_CHARS:
        raise SlackError("msg_too_long")
    if not (optional or text or args.get("chunks")):
        raise SlackError("no_text")
    return text, blocks


def _show(workspace: "Workspace", args: Args, name: str, channel: Channel, ts: str, so_far: str) -> None:
    """`so_far` goes into the record too: what must not be shown may be cut in two by chunks."""
    workspace.show({**args, "text_so_far": so_far}, name, channel, ts)
