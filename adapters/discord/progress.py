"""A job's progress, in the message that answers the command which ordered it.

That message can be edited as long as the interaction's token lives; after that, only the end is told, directly.
"""

import json
from collections.abc import Mapping, Sequence

import structlog

from adapters import fields
from adapters.discord import render
from adapters.discord.guild import Guild
from adapters.discord.places import PLATFORM
from adapters.discord.posting import Posting, is_alive
from adapters.discord.telling import posting_for
from adapters.progress import begun_before, keep_true
from bot.errors import BotError
from knowledge.errors import KnowledgeError

log = structlog.get_logger()

NEEDED = ("id", "channel_id", "user_id", "token", "opened_at")
"""Of a command: what it takes to answer it."""


async def show_progress(
    guild: Guild, payload: Mapping[str, object], posting: Posting, lines: Sequence[str], job_id: int
) -> None:
    """Keeps what was told true: how far the job is, under the `lines` that were said of it."""
    place = {**{key: payload.get(key) for key in NEEDED}, "message": posting.ids[0], "said": "\n".join(lines)}
    try:
        await guild.desk.clerk.report_at(job_id, json.dumps(place))
    except KnowledgeError as error:
        log.info("progress_not_kept", job_id=job_id, error=type(error).__name__)
    await _go_on(guild, place, posting, job_id)


async def resume_progress(guild: Guild) -> None:
    """Goes on with every message that an earlier run of the bot had begun."""
    for job_id, kept in await begun_before(guild.desk, PLATFORM, guild.workspace):
        place = fields.record(json.loads(kept))
        posting = posting_for(guild, place, [fields.text(place, "message")])
        guild.tasks.start(_go_on(guild, place, posting, job_id))


async def _go_on(guild: Guild, place: Mapping[str, object], posting: Posting, job_id: int) -> None:
    said, opened_at = fields.text(place, "said"), fields.text(place, "opened_at")

    async def show(line: str, *, ended: bool) -> bool:
        if not (ended or is_alive(opened_at)):
            return False
        await posting.show(render.notice([said, line]))
        return True

    try:
        await keep_true(guild.desk, job_id, show)
    except (KnowledgeError, BotError) as error:
        log.info("progress_not_shown", job_id=job_id, error=type(error).__name__)
