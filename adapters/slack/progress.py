"""A job's progress, in one message of the conversation with whoever ordered it."""

import structlog

from adapters.progress import begun_before, keep_true
from adapters.slack import render
from adapters.slack.calls import SlackRefused
from adapters.slack.messages import PLATFORM
from adapters.slack.workspace import Workspace
from knowledge.errors import KnowledgeError

log = structlog.get_logger()


async def show_progress(workspace: Workspace, person_id: str, job_id: int) -> None:
    """Posts how far a job is, and keeps that message true."""
    calls, clerk = workspace.calls, workspace.desk.clerk
    try:
        channel = (await calls.write("conversations_open", users=person_id))["channel"]["id"]
        line, ended = await clerk.progress(job_id)
        message = render.notice([line])
        posted = await calls.write("chat_postMessage", channel=channel, text=message.text, blocks=message.blocks)
        if not ended:
            await clerk.report_at(job_id, f"{channel} {posted['ts']}")
    except (SlackRefused, KnowledgeError) as error:
        log.info("progress_not_shown", job_id=job_id, error=type(error).__name__)
        return
    if not ended:
        await _go_on(workspace, channel, str(posted["ts"]), job_id, line)


async def resume_progress(workspace: Workspace) -> None:
    """Goes on with every message that an earlier run of the bot had begun."""
    for job_id, place in await begun_before(workspace.desk, PLATFORM, workspace.identity.team_id):
        channel, _, ts = place.partition(" ")
        workspace.tasks.start(_go_on(workspace, channel, ts, job_id))


async def _go_on(workspace: Workspace, channel: str, ts: str, job_id: int, shown: str = "") -> None:
    async def show(line: str, *, ended: bool) -> bool:
        if not (ended or workspace.edits.take()):
            return False
        message = render.notice([line])
        await workspace.calls.write("chat_update", channel=channel, ts=ts, text=message.text, blocks=message.blocks)
        return True

    try:
        await keep_true(workspace.desk, job_id, show, shown)
    except (SlackRefused, KnowledgeError) as error:
        log.info("progress_not_shown", job_id=job_id, error=type(error).__name__)
