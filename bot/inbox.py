"""What platforms sent, committed before it is acknowledged, and handled at least once.

A handled delivery loses its payload at once; its key stays for a day, so that a late repeat is known.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from bot.conversation import Delivery
from bot.ports import DeliveryHandler
from bot.timing import every, until_back, within
from bot.worker_pool import MOST_CLAIMS, WorkerPool, first_lease, longest_pause
from knowledge.database import Database
from knowledge.errors import KnowledgeUnavailable, SourceUnavailable

log = structlog.get_logger()

ACCEPT_SECONDS = 1.9  # the platform waits 3 s for its acknowledgement, and sends again without one
RETRY_SECONDS = (1.0, 4.0, 16.0, 60.0)
SWEEP_SECONDS = 3600.0

ACCEPT = """
INSERT INTO inbox (platform, workspace, delivery_id, kind, payload)
VALUES (%(platform)s, %(workspace)s, %(delivery_id)s, %(kind)s, %(payload)s) ON CONFLICT DO NOTHING"""
CLAIM = """
WITH oldest AS (
    SELECT inbox_pk FROM inbox
    WHERE finished_at IS NULL AND lease_until < now() AND platform = ANY(%(platforms)s)
    ORDER BY received_at, inbox_pk LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE inbox i SET lease_until = now() + make_interval(secs => %(lease)s), tries = tries + 1
FROM oldest WHERE i.inbox_pk = oldest.inbox_pk
RETURNING i.inbox_pk, i.tries, i.platform, i.workspace, i.delivery_id, i.kind, i.payload"""
# `tries` is the fence: whoever claimed the row since has raised it.
RENEW = """
UPDATE inbox SET lease_until = now() + make_interval(secs => %(lease)s)
WHERE inbox_pk = %(pk)s AND tries = %(tries)s AND finished_at IS NULL"""
RETRY = """
UPDATE inbox SET lease_until = now() + make_interval(secs => %(pause)s)
WHERE inbox_pk = %(pk)s AND tries = %(tries)s AND finished_at IS NULL"""
# A dependency being away is no fault of the delivery: the try does not count, and the pause grows with its age.
POSTPONE = """
UPDATE inbox SET tries = tries - 1,
    lease_until = now() + greatest(least(now() - received_at, make_interval(secs => %(most)s)), interval '1 s')
WHERE inbox_pk = %(pk)s AND tries = %(tries)s AND finished_at IS NULL"""
RELEASE = """
UPDATE inbox i SET lease_until = '-infinity', tries = i.tries - 1
FROM unnest(%(pks)s::bigint[], %(tries)s::integer[]) AS held (pk, tries)
WHERE i.inbox_pk = held.pk AND i.tries = held.tries AND i.finished_at IS NULL"""
FINISH = "UPDATE inbox SET payload = NULL, finished_at = now(), reason = %(reason)s WHERE inbox_pk = %(pk)s"
WAITING = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8
FROM inbox WHERE finished_at IS NULL"""
SWEEP = "DELETE FROM inbox WHERE finished_at < now() - interval '24 hours'"


# Handlers wait for PostgreSQL and for the platform; more of them only delay the acknowledgements beside them.
WORKERS = 6
# One that hangs would keep its lease for ever. Reading the largest file takes two minutes.
HANDLE_SECONDS = 300.0
DOOR_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class _Claimed:
    pk: int
    tries: int
    delivery: Delivery


class PostgresInbox:
    """The inbox table. Several processes may accept into it and run handlers over it.

    `door` is the pool that `accept` uses: with connections of its own it does not queue behind the handlers.
    """

    def __init__(
        self,
        database: Database,
        *,
        door: Database | None = None,
        lease_seconds: float = 60.0,
        workers: int = WORKERS,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        handle_seconds: float = HANDLE_SECONDS,
    ) -> None:
        self._database = database
        self._handle_seconds = handle_seconds
        self._door = door or database
        self._lease_seconds = lease_seconds
        self._retry_seconds = tuple(retry_seconds)
        self._handlers: Mapping[str, DeliveryHandler] = {}
        self._pool = WorkerPool(
            claim=self._claim,
            renew=self._renew,
            release=self._release,
            perform=self._handle,
            workers=workers,
            lease_seconds=lease_seconds,
        )

    async def accept(self, delivery: Delivery) -> bool:
        """Keeps a delivery; False when it was known.

        Errors: `KnowledgeUnavailable`, within 2 s. After a silence it may be kept all the same: the repeat finds out.
        """
        row = {
            "platform": delivery.platform,
            "workspace": delivery.workspace,
            "delivery_id": delivery.delivery_id,
            "kind": delivery.kind,
            "payload": json.dumps(delivery.payload),  # ASCII: PostgreSQL takes neither NUL nor half a surrogate pair
        }
        is_new = await within(ACCEPT_SECONDS, self._keep(row))
        if is_new:
            self._pool.wake()
        return is_new

    async def _keep(self, row: Mapping[str, object]) -> bool:
        # Refused in the second after an outage, it would be sent again in a minute only.
        await self._door.breaker.closed()
        return await self._door.execute(ACCEPT, dict(row)) == 1

    async def run(self, handlers: Mapping[str, DeliveryHandler]) -> None:
        """Handles what was accepted for these platforms, oldest first, for ever.

        A handler that raises is tried again after a growing pause, and given up after five tries.
        """
        self._handlers = dict(handlers)
        async with every(SWEEP_SECONDS, self.sweep):
            await self._pool.run()

    async def waiting(self) -> int:
        """How many deliveries are not yet handled."""
        return int((await self._database.fetch(WAITING))[0][0])

    async def lag_seconds(self) -> float:
        """The age of the oldest delivery not yet handled; 0 without one."""
        return float((await self._database.fetch(WAITING))[0][1])

    async def sweep(self) -> int:
        """Forgets the keys of deliveries handled more than a day ago. Returns how many."""
        return await self._database.execute(SWEEP)

    async def _claim(self, limit: int) -> list[_Claimed]:
        row = {"platforms": list(self._handlers), "limit": limit, "lease": first_lease(self._lease_seconds)}
        claimed = [
            _Claimed(pk, tries, Delivery(platform, workspace, delivery_id, kind, json.loads(payload)))
            for pk, tries, platform, workspace, delivery_id, kind, payload in await self._database.fetch(CLAIM, row)
        ]
        return sorted(claimed, key=lambda one: one.pk)

    async def _renew(self, claimed: _Claimed) -> bool:
        return await self._database.execute(RENEW, {**_key(claimed), "lease": self._lease_seconds}) == 1

    async def _release(self, unfinished: Sequence[_Claimed]) -> None:
        held = {"pks": [one.pk for one in unfinished], "tries": [one.tries for one in unfinished]}
        await self._database.execute(RELEASE, held)

    async def _handle(self, claimed: _Claimed) -> None:
        delivery = claimed.delivery
        if claimed.tries > MOST_CLAIMS:
            await self._give_up(claimed, "Abandoned")  # each process that took it up died of it
            return
        try:
            async with asyncio.timeout(self._handle_seconds):
                await self._handlers[delivery.platform](delivery)
        except (KnowledgeUnavailable, SourceUnavailable) as error:
            log.info("delivery_postponed", **_ids(delivery), error=type(error).__name__)
            pause = {**_key(claimed), "most": longest_pause(error)}
            await until_back(lambda: self._database.execute(POSTPONE, pause))
        except Exception as error:  # one bad delivery must not hold up the others
            log.warning("delivery_failed", **_ids(delivery), attempt=claimed.tries, exc_info=error)
            if claimed.tries > len(self._retry_seconds):
                await self._give_up(claimed, type(error).__name__)
                return
            retry = {**_key(claimed), "pause": self._retry_seconds[claimed.tries - 1]}
            await until_back(lambda: self._database.execute(RETRY, retry))
        else:
            await self._finish(claimed, None)

    async def _give_up(self, claimed: _Claimed, reason: str) -> None:
        log.error("delivery_given_up", **_ids(claimed.delivery), attempt=claimed.tries)
        await self._finish(claimed, reason)

    async def _finish(self, claimed: _Claimed, reason: str | None) -> None:
        await until_back(lambda: self._database.execute(FINISH, {"pk": claimed.pk, "reason": reason}))


def _key(claimed: _Claimed) -> dict[str, int]:
    return {"pk": claimed.pk, "tries": claimed.tries}


def _ids(delivery: Delivery) -> dict[str, str]:
    return {"platform": delivery.platform, "workspace": delivery.workspace, "delivery_id": delivery.delivery_id}
