"""Orders from a chat: whether the person may give them, what comes of them, in words; and the record of both."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from bot.admin import Admin, Status
from bot.channel_config import ChannelConfigs, lines_of
from bot.errors import BotError
from bot.orders import (
    OWN_ORDERS,
    Cancel,
    Carried,
    Configure,
    ForgetChannel,
    ForgetMe,
    ForgetMessage,
    ForgetPerson,
    Order,
    Orderer,
    Reindex,
    RememberMe,
    ResetConversation,
    ShowGaps,
    ShowStatus,
)
from bot.ports import RateLimiter
from knowledge.database import Database
from knowledge.jobs import Job, Jobs

AUDIT = """
INSERT INTO audit (platform, workspace, person_id, action, target, allowed)
VALUES (%(platform)s, %(workspace)s, %(person)s, %(action)s, %(target)s, %(allowed)s)"""

MOST_LINES = 40


class NotAllowed(BotError):
    """Only admins of this workspace can do that. Please ask one of them."""


@dataclass(frozen=True, slots=True)
class Clerk:
    """Carries out orders of the chat. Who gives them, adapters say; whether they may, is decided and noted here."""

    database: Database
    admin: Admin
    configs: ChannelConfigs
    limiter: RateLimiter

    async def perform(self, order: Order, by: Orderer) -> Carried:
        """What came of an order. Errors: `NotAllowed`, `RateLimited` and others, whose sentence the person sees."""
        await self.limiter.hit(by.person, None)
        allowed = by.is_admin or isinstance(order, OWN_ORDERS)
        await self._audit(order, by, allowed=allowed)
        if not allowed:
            raise NotAllowed
        return await self._perform(order, by)

    async def progress(self, job_id: int) -> tuple[str, bool]:
        """How far a job is, in one line, and whether it has ended."""
        job = await self.admin.job(job_id)
        if job is None:
            return f"Job {job_id} is gone.", True
        return job_line(job), job.state != "running"

    async def report_at(self, job_id: int, place: str) -> None:
        """Notes where a job's progress is shown, so that whoever runs next goes on showing it."""
        await Jobs(self.database).report_at(job_id, place)

    async def reported(self, platform: str, workspace: str) -> list[tuple[int, str]]:
        """The running jobs whose progress is shown, and where."""
        return await Jobs(self.database).reported(platform, workspace)

    async def _perform(self, order: Order, by: Orderer) -> Carried:  # noqa: C901, PLR0911 - one case per order
        where = (by.person.platform, by.person.workspace)
        match order:
            case Reindex(channel, since, full):
                job = await self.admin.learn(channel, since=since, full=full)
                if job is None:
                    return Carried(("I do not know that channel. Invite me there first, then try again.",))
                return Carried((f"Job {job} has begun. Stop it with: cancel {job}",), job)
            case Cancel(job_id):
                stopped = await self.admin.cancel(job_id, *where)
                return Carried((f"Job {job_id} is stopped." if stopped else f"Job {job_id} is not running.",))
            case ShowStatus():
                return Carried(tuple(status_lines(await self.admin.status(*where))))
            case ForgetChannel(channel):
                count = await self.admin.forget_channel(channel)
                return Carried(("I know no such channel." if count is None else f"Forgotten: {_messages(count)}.",))
            case ForgetPerson(person):
                return Carried((f"Forgotten: {_messages(await self.admin.forget_person(person))}.",))
            case ForgetMessage(channel, message_id):
                count = await self.admin.forget_message(message_id, channel)
                return Carried((f"Forgotten: {_messages(count)}.",))
            case Configure(channel, key, value):
                config = await (self.admin.configure(channel, key, value) if key else self.configs.get(channel))
                return Carried(tuple(lines_of(config)))
            case ShowGaps():
                return Carried(tuple(await self.admin.gap_lines(*where)) or ("No question was left open.",))
            case ForgetMe():
                count = await self.admin.opt_out(by.person)
                kept = "From now on I keep nothing that you write. To change that, tell me: remember-me"
                return Carried((f"Forgotten: {_messages(count)} of yours. {kept}",))
            case RememberMe():
                await self.admin.opt_in(by.person)
                return Carried(("From now on I may keep what you write where I am. What I forgot stays forgotten.",))
            case ResetConversation(channel):
                turns = await self.admin.reset(by.person, channel)
                return Carried((f"Forgotten: {turns} questions and answers of this conversation.",))

    async def _audit(self, order: Order, by: Orderer, *, allowed: bool) -> None:
        target = " ".join(f"{field.name}={_plain(getattr(order, field.name))}" for field in fields(order))
        row = {
            "platform": by.person.platform,
            "workspace": by.person.workspace,
            "person": by.person.person_id,
            "action": type(order).__name__,
            "target": target,
            "allowed": allowed,
        }
        await self.database.execute(AUDIT, row)


def status_lines(status: Status) -> list[str]:
    """The state of things, for a chat."""
    messages = sum(one.messages for one in status.channels)
    lines = [
        f"Channels: {len(status.channels)}, with {_messages(messages)}; {status.waiting} pieces wait to be indexed.",
        f"{status.asked} questions wait for an answer.",
        f"Embedding model: {status.model.name if status.model else 'none yet'}; chat model: {status.chat_model}.",
        f"Platform events not yet handled: {status.events}, the oldest for {status.lag_seconds:.0f} s.",
    ]
    for one in status.channels[:MOST_LINES]:
        latest = f", latest {one.latest.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if one.latest else ""
        parked = f", {one.parked} given up" if one.parked else ""
        closed = ", closed" if one.hidden else ", restored and not yet checked" if one.quarantined else ""
        lines.append(f"#{one.name}: {one.messages} messages{latest}, {one.waiting} waiting{parked}{closed}")
    if len(status.channels) > MOST_LINES:
        lines.append(f"and {len(status.channels) - MOST_LINES} more channels")
    return [*lines, *adapter_lines(status), *(job_line(job) for job in status.jobs[:5])]


def adapter_lines(status: Status) -> list[str]:
    """Which channels are answered without the adapter that they were set to."""
    return [
        f"#{name.removeprefix('#')}: the LoRA adapter {adapter} is not there, so the model alone answers."
        for name, adapter in status.without_adapter
    ]


def job_line(job: Job) -> str:
    """One job and how far it is."""
    where = f" of #{job.channel}" if job.channel else ""
    back = f" back to {job.since:%Y-%m-%d}" if job.since else ""
    if job.kind == "reindex":
        far = f"{job.total - job.left} of {job.total} pieces"
    else:
        far = f"{_messages(job.seen)} read" + (f", {job.gone} found deleted" if job.gone else "")
    took = (job.finished_at or datetime.now(UTC)) - job.created_at
    note = f" {job.note}" if job.note else ""
    return f"Job {job.job_pk}: {job.kind}{where}{back} {job.state}, {far}, {took.total_seconds():.0f} s.{note}"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def _plain(value: object) -> str:
    """Ids and switches of an order; nothing that somebody wrote is in an order."""
    parts: Sequence[object] = [getattr(value, name) for name in getattr(value, "__slots__", ())] or [value]
    return "/".join(str(part) for part in parts)
