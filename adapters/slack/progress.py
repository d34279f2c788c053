"""A job's progress, in one message of the conversation with whoever ordered it, from its beginning to its end."""

import asyncio

import structlog

from adapters.slack import render
from adapters.slack.calls import SlackRefused
from adapters.slack.messages import PLATFORM
from adapters.slack.workspace import Workspace
from knowledge.errors import KnowledgeError, KnowledgeUnavailable

log = structlog.get_logger()

PROGRESS_SECONDS = 3.0
LONGEST_SECONDS = 24 * 3600.0


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
            await _keep_true(workspace, channel, str(posted["ts"]), job_id, line)
    except (SlackRefused, KnowledgeError) as error:
        log.info("progress_not_shown", job_id=job_id, error=type(error).__name__)


async def resume_progress(workspace: Workspace) -> None:
    """Goes on with every message that an earlier run of the bot had begun."""
    try:
        shown = await workspace.desk.clerk.reported(PLATFORM, workspace.identity.team_id)
    except KnowledgeError as error:
        log.warning("progress_not_shown", error=type(error).__name__)
        return
    for job_id, place in shown:
        channel, _, ts = place.partition(" ")
        workspace.tasks.start(_go_on(workspace, channel, ts, job_id))


async def _go_on(workspace: Workspace, channel: str, ts: str, job_id: int) -> None:
    try:
        await _keep_true(workspace, channel, ts, job_id, "")
    except (SlackRefused, KnowledgeError) as error:
        log.info("progress_not_shown", job_id=job_id, error=type(error).__name__)


async def _keep_true(workspace: Workspace, channel: str, ts: str, job_id: int, shown: str) -> None:
    deadline = asyncio.get_running_loop().time() + LONGEST_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        line, ended = await _progress(workspace, job_id, shown)
        if line != shown and (ended or workspace.edits.take()):
            message = render.notice([line])
            await workspace.calls.write("chat_update", channel=channel, ts=ts, text=message.text, blocks=message.blocks)
            shown = line
        if ended:
            return
        await asyncio.sleep(PROGRESS_SECONDS)


async def _progress(workspace: Workspace, job_id: int, shown: str) -> tuple[str, bool]:
    try:
        return await workspace.desk.clerk.progress(job_id)
    except KnowledgeUnavailable:
        return shown, False
