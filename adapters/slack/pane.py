"""The conversation with the bot in Slack's assistant pane: what one may ask there, as one opens it."""

import structlog

from adapters.slack import seen
from adapters.slack.calls import SlackRefused
from adapters.slack.workspace import Workspace
from knowledge.errors import KnowledgeError

log = structlog.get_logger()

MOST_PROMPTS = 4
GENERAL_PROMPTS = (
    ("Find a decision", "What was decided lately, and why?"),
    ("Find open questions", "Which questions are still open?"),
    ("What can you do?", "What can you do?"),
)


async def on_home_opened(workspace: Workspace, opened: seen.HomeOpened) -> None:
    """Suggests questions. With the agent view no thread is named: with one, the call does nothing."""
    if opened.tab != "messages":
        return
    prompts = [*_of_channel(workspace, opened.viewing), *GENERAL_PROMPTS][:MOST_PROMPTS]
    try:
        await workspace.calls.write(
            "assistant_threads_setSuggestedPrompts",
            patience=0.0,
            channel_id=opened.channel_id,
            prompts=[{"title": title, "message": message} for title, message in prompts],
        )
    except (SlackRefused, KnowledgeError, TypeError) as error:
        log.info("prompts_not_set", error=type(error).__name__)


def _of_channel(workspace: Workspace, channel_id: str) -> list[tuple[str, str]]:
    name = workspace.directory.names.channels.get(channel_id, "")
    if not name:
        return []
    return [(f"Catch me up on #{name}"[:75], f"What was decided in #{name} lately?")]
