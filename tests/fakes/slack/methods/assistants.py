"""assistant.threads.setStatus, setSuggestedPrompts and setTitle."""

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.methods.registry import Args, find_channel, method, need

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace

LOADING_MESSAGES, PROMPTS = 10, 4
STATUS_SECONDS = 120.0


@method("assistant.threads.setStatus")
def set_status(workspace: "Workspace", args: Args) -> dict[str, Any]:
    if "assistant:write" not in workspace.scopes:
        need(workspace, "chat:write")
    channel = find_channel(workspace, args, name="channel_id")
    thread_ts = args.needed("thread_ts", "invalid_thread_ts")
    if channel.log.parent_of(thread_ts) is None:
        raise SlackError("thread_not_found")
    if "status" not in args or len(args.get("loading_messages") or []) > LOADING_MESSAGES:
        raise SlackError("invalid_arguments")
    workspace.set_status(channel.id, thread_ts, args.text("status"), workspace.clock.now() + STATUS_SECONDS)
    workspace.show(args, "assistant.threads.setStatus", channel, thread_ts)
    return {}


@method("assistant.threads.setSuggestedPrompts", "assistant:write")
def set_suggested_prompts(workspace: "Workspace", args: Args) -> dict[str, Any]:
    """With the agent view, prompts for one thread are accepted and shown nowhere."""
    channel = find_channel(workspace, args, name="channel_id")
    prompts = args.get("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= PROMPTS:
        raise SlackError("invalid_arguments")
    if not all(prompt.get("title") and prompt.get("message") for prompt in prompts):
        raise SlackError("invalid_arguments")
    if not (workspace.agent_view and args.text("thread_ts")):
        workspace.prompts[channel.id] = prompts
        workspace.show(args, "assistant.threads.setSuggestedPrompts", channel, "")
    return {}


@method("assistant.threads.setTitle", "assistant:write")
def set_title(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel = find_channel(workspace, args, name="channel_id")
    thread_ts = args.needed("thread_ts", "invalid_thread_ts")
    workspace.titles[channel.id, thread_ts] = args.text("title")
    workspace.show(args, "assistant.threads.setTitle", channel, thread_ts)
    return {}
