"""What an app wants to say: its text, blocks and the rest, checked against Slack's limits."""

from typing import TYPE_CHECKING, Any

from tests.fakes.slack import blocks as block_kit
from tests.fakes.slack.channel import Channel
from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.messages import with_ids
from tests.fakes.slack.methods.registry import Args, find_channel

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace

TEXT_CHARS = 40_000
MARKDOWN_CHARS = 12_000


def content(args: Args) -> dict[str, Any]:
    """The keys of a message that its author decides. Errors: no_text, msg_too_long, invalid_blocks."""
    text = args.text("text")
    markdown = args.text("markdown_text")
    blocks = checked_blocks(args.get("blocks"))
    if markdown and (text or blocks):
        raise SlackError("markdown_text_conflict")
    if not (text.strip() or markdown.strip() or blocks or args.get("attachments")):
        raise SlackError("no_text")
    if len(text) > TEXT_CHARS or len(markdown) > MARKDOWN_CHARS:
        raise SlackError("msg_too_long")
    said: dict[str, Any] = {"text": text or markdown}
    if blocks:
        said["blocks"] = with_ids(blocks)
    if args.get("attachments"):
        said["attachments"] = args["attachments"]
    if args.get("metadata"):
        said["metadata"] = _metadata(args["metadata"])
    return said


def checked_blocks(blocks: Any, *, most: int = block_kit.MESSAGE_BLOCKS) -> list[dict[str, Any]]:
    if not blocks:
        return []
    if found := block_kit.problems(blocks, most=most):
        raise SlackError("invalid_blocks", errors=found, response_metadata={"messages": found})
    return blocks


def find_open_channel(workspace: "Workspace", args: Args) -> Channel:
    """Where the bot may post. A user's id stands for the direct conversation with them."""
    name = args.text("channel")
    if name in workspace.users:
        if workspace.users[name].deleted:
            raise SlackError("user_disabled")
        return workspace.channels[workspace.open_im(name)]
    channel = find_channel(workspace, args)
    if channel.archived:
        raise SlackError("is_archived")
    if not workspace.is_bot_in(channel):
        raise SlackError("not_in_channel")
    return channel


def thread_keys(workspace: "Workspace", channel: Channel, args: Args) -> dict[str, Any]:
    """`thread_ts` of a reply. A reply to a reply joins its thread; to a message that is gone, as the test wishes."""
    if not (thread_ts := args.text("thread_ts")):
        return {}
    parent = channel.log.parent_of(thread_ts)
    if parent is None:
        if workspace.orphans_go_to_channel:
            return {}
        raise SlackError("thread_not_found")
    keys = {"thread_ts": parent, "parent_user_id": channel.log.messages[parent].get("user", "")}
    if args.flag("reply_broadcast"):
        keys["subtype"] = "thread_broadcast"
    return keys


def _metadata(metadata: Any) -> dict[str, Any]:
    if not isinstance(metadata, dict) or not metadata.get("event_type"):
        raise SlackError("invalid_metadata_format")
    return {"event_type": metadata["event_type"], "event_payload": metadata.get("event_payload", {})}
