"""How far a job is, in one message to whoever ordered it, from its beginning to its end; also across restarts."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from bot.desk import Desk
from knowledge.errors import KnowledgeError, KnowledgeUnavailable, SourceUnavailable

log = structlog.get_logger()

PROGRESS_SECONDS = 3.0
LONGEST_SECONDS = 24 * 3600.0


class Show(Protocol):
    """Puts a line into the message. False: not now; `ended`: it is the last line, and must be told.

    Errors: `SourceUnavailable`, then it is tried again; anything else means that nobody can be told any more.
    """

    async def __call__(self, line: str, *, ended: bool) -> bool:
        """Returns whether the line stands there."""
        ...


async def keep_true(desk: Desk, job_id: int, show: Show, shown: str = "") -> None:
    """Shows how far a job is until it has ended. `shown`: the line that stands there already.

    Errors: those of `show`, and `KnowledgeError`.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + LONGEST_SECONDS
    while clock() < deadline:
        line, ended = await _progress(desk, job_id, shown)
        try:
            if line != shown and await show(line, ended=ended):
                shown = line
        except SourceUnavailable as error:
            log.info("progress_waits", job_id=job_id, error=type(error).__name__)
        if ended and line == shown:
            return
        await asyncio.sleep(PROGRESS_SECONDS)


async def begun_before(desk: Desk, platform: str, workspace: str) -> Sequence[tuple[int, str]]:
    """The running jobs whose progress an earlier run of the bot has shown, and where, in the platform's words."""
    try:
        return await desk.clerk.reported(platform, workspace)
    except KnowledgeError as error:
        log.warning("progress_not_shown", error=type(error).__name__)
        return ()


async def _progress(desk: Desk, job_id: int, shown: str) -> tuple[str, bool]:
    try:
        return await desk.clerk.progress(job_id)
    except KnowledgeUnavailable:
        return shown, False
