"""The orders of an admin: reindex, status, cancel, forget. The same code serves the command line and the chat."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.channel_config import ChannelConfig, ChannelConfigs
from bot.conversation import Question
from bot.forget_log import CHANNEL, MESSAGE, OPT_IN, PERSON, ForgetLog, ForgetOrder
from bot.forget_log import OPT_OUT as OPTED_OUT
from bot.inbox import PostgresInbox
from bot.outbox import Outbox
from bot.ports import Memory
from bot.requests import conversation_of
from bot.retraction import Retraction
from knowledge.access import Access
from knowledge.database import Database
from knowledge.forget import Eraser, Forgotten
from knowledge.indexer import Indexer
from knowledge.jobs import ChannelStatus, Job, Jobs
from knowledge.messages import ChannelRef, PersonRef
from knowledge.models import IndexModel, IndexModels
from knowledge.presence import Presence
from knowledge.quarantine import Quarantine
from knowledge.scope import Audience

MOST_GAPS = 20

OPT_OUT = """
INSERT INTO person (platform, workspace, person_id, name, kind, opted_out)
VALUES (%(platform)s, %(workspace)s, %(id)s, %(id)s, 'member', %(out)s)
ON CONFLICT (platform, workspace, person_id) DO UPDATE SET opted_out = EXCLUDED.opted_out"""

CARRIED_OUT = "INSERT INTO forget_order (order_id) VALUES (%(order)s::uuid) ON CONFLICT DO NOTHING"
ALL_CARRIED_OUT = "SELECT order_id::text FROM forget_order"


@dataclass(frozen=True, slots=True)
class Status:
    """How far the bot's learning is."""

    channels: tuple[ChannelStatus, ...]
    jobs: tuple[Job, ...]
    model: IndexModel | None
    waiting: int
    asked: int = 0
    events: int = 0
    lag_seconds: float = 0.0
    chat_model: str = ""
    restored: bool = False  # from a backup, and nobody has looked at it since
    without_adapter: tuple[tuple[str, str], ...] = ()  # channels whose LoRA adapter is not there, and which

    @property
    def quarantined(self) -> int:
        """How many channels are closed because they were restored and not yet checked."""
        return sum(one.quarantined and not one.hidden for one in self.channels)

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be answered for that reason."""
        return self.restored or (0 < self.quarantined == sum(not one.hidden for one in self.channels))


@dataclass(frozen=True, slots=True)
class Admin:
    """Carries out orders. Who may give them is decided where they come in."""

    database: Database
    eraser: Eraser
    indexer: Indexer
    memory: Memory
    outbox: Outbox
    inbox: PostgresInbox
    retraction: Retraction
    configs: ChannelConfigs
    orders: ForgetLog
    chat_model: str = ""

    async def cancel(self, job_pk: int, platform: str | None = None, workspace: str | None = None) -> bool:
        """Stops an order, of one workspace if given. False: it is not running there."""
        jobs = Jobs(self.database)
        return await jobs.job(job_pk, platform, workspace) is not None and await jobs.cancel(job_pk)

    async def status(self, platform: str | None = None, workspace: str | None = None) -> Status:
        """Channels and jobs, of one workspace if given; the embedding model, and how much waits to be indexed."""
        jobs = Jobs(self.database)
        return Status(
            channels=tuple(await jobs.channels(platform, workspace)),
            jobs=tuple(await jobs.jobs(platform, workspace)),
            model=await IndexModels(self.database).active(),
            waiting=await self.indexer.waiting(),
            asked=await self.outbox.waiting(),
            events=await self.inbox.waiting(),
            lag_seconds=await self.inbox.lag_seconds(),
            chat_model=self.chat_model,
            restored=await Quarantine(self.database).is_moved(),
            without_adapter=tuple(await self.configs.without_adapter(platform, workspace)),
        )

    async def job(self, job_pk: int) -> Job | None:
        """One order."""
        return await Jobs(self.database).job(job_pk)

    async def learn(self, channel: ChannelRef, *, since: datetime | None, full: bool) -> int | None:
        """Learns a channel again: from its platform where the bot is in it, else from what is stored.

        Returns the job's number, or None without such a channel.
        """
        jobs, presence = Jobs(self.database), Presence(self.database)
        if await presence.is_joined(channel) or await presence.reopen(channel):
            return await jobs.read(channel, "backfill", since=since, full=full)
        ordered = await jobs.reindex(channel, since=since, full=full)
        return ordered[0] if ordered is not None else None

    async def configure(self, channel: ChannelRef, key: str, value: str) -> ChannelConfig:
        """Changes a setting. Switched off, a channel is closed at once and erased a day later; on again, learnt again.

        Errors: `BadSetting`.
        """
        before, presence = await self.configs.get(channel), Presence(self.database)
        config = await self.configs.set(channel, key, value)
        if before.is_on and not config.is_on:
            await presence.hide(channel)
        elif config.is_on and not before.is_on and (await presence.join(channel)).is_unread:
            await Jobs(self.database).read(channel, "backfill", since=None)
        return config

    async def gap_lines(self, platform: str, workspace: str) -> list[str]:
        """Questions of a workspace that were declined or did not help, grouped, the most frequent first."""
        return [str(gap) for gap in await self.outbox.gaps(MOST_GAPS, platform=platform, workspace=workspace)]

    async def opt_out(self, person: PersonRef) -> int:
        """Removes everything a person wrote or asked, and keeps nothing of theirs from now on."""
        order_id = self.orders.append(OPTED_OUT, person=person)
        await self.database.execute(OPT_OUT, {**_person(person), "out": True})
        await self._carried_out(order_id)
        return await self.forget_person(person)

    async def opt_in(self, person: PersonRef) -> None:
        """Lets what a person writes be kept again."""
        order_id = self.orders.append(OPT_IN, person=person)
        await self.database.execute(OPT_OUT, {**_person(person), "out": False})
        await self._carried_out(order_id)

    async def reset(self, person: PersonRef, channel: ChannelRef | None = None) -> int:
        """Forgets what was said in the threads where a person asked, of one channel if given; to all and to them alone.

        Returns the number of turns.
        """
        dropped = 0
        for where, thread in await self.outbox.threads_of(person, channel):
            for audience in (Audience(channel=where), Audience(person=person)):
                talk = Question("", "", audience, person, conversation_of(where, thread))
                dropped += await self.memory.reset(talk)
        return dropped

    async def forget_channel(self, channel: ChannelRef) -> int | None:
        """Removes a channel's messages, units, vectors and what was remembered of them. None: no such channel."""
        if not await self.eraser.keeps(channel):
            return None
        order_id = self.orders.append(CHANNEL, channel=channel)
        gone = await self.eraser.channel(channel)
        await self._carried_out(order_id)
        return None if gone is None else await self._from_memory(gone)

    async def forget_person(self, person: PersonRef) -> int:
        """Removes everything a person wrote, and asked. Returns the number of messages."""
        written = await self.eraser.written_by(person)
        order_id = self.orders.append(PERSON, person=person, messages=written)
        await self.outbox.forget_person(person.platform, person.workspace, person.person_id)
        gone = await self.eraser.messages(written)
        await self._carried_out(order_id)
        count = await self._from_memory(gone)
        await self.reset(person)
        return count

    async def forget_message(self, message_id: str, channel: ChannelRef | None = None) -> int:
        """Removes one message; without a channel, wherever the id is found."""
        named = await self.eraser.named(message_id, channel)
        if not named:
            return 0
        order_id = self.orders.append(MESSAGE, messages=named)
        gone = await self.eraser.messages(named)
        await self._carried_out(order_id)
        return await self._from_memory(gone)

    async def forget_again(self) -> int:
        """Carries out the orders that the log knows and the database does not: it is older than they are.

        Returns how many.
        """
        done = {row[0] for row in await self.database.fetch(ALL_CARRIED_OUT)}
        left = [order for order in self.orders.orders() if order.order_id not in done]
        for order in left:
            await self._forget_again(order)
            await self._carried_out(order.order_id)
        return len(left)

    async def _forget_again(self, order: ForgetOrder) -> None:
        match order.kind, order.channel, order.person:
            case (str(kind), _, PersonRef() as person) if kind in {OPTED_OUT, OPT_IN}:
                await self.database.execute(OPT_OUT, {**_person(person), "out": kind == OPTED_OUT})
            case (str(kind), _, PersonRef() as person) if kind == PERSON:
                await self.outbox.forget_person(person.platform, person.workspace, person.person_id)
                await self.eraser.person(person)
            case (str(kind), ChannelRef() as channel, _) if kind == CHANNEL:
                await Access(self.database).know(channel)
                await self.eraser.channel(channel)
        await self.eraser.messages(order.messages)

    async def _carried_out(self, order_id: str) -> None:
        await self.database.execute(CARRIED_OUT, {"order": order_id})

    async def drop_remembered(self, keys: Sequence[str]) -> None:
        """Drops every remembered turn that used one of these messages: they were deleted where they came from."""
        if keys:
            await self.memory.forget_messages(keys)
            await self.retraction.withdraw(keys)

    async def _from_memory(self, gone: Forgotten) -> int:
        await self.drop_remembered(gone.keys)
        return gone.messages


def _person(person: PersonRef) -> dict[str, object]:
    return {"platform": person.platform, "workspace": person.workspace, "id": person.person_id}
