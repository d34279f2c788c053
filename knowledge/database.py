"""The connection pool, transactions, and the one guard through which every driver error passes."""

import asyncio
import copy
import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection, sql
from psycopg.abc import RV, PQGen
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from knowledge import wall
from knowledge.breaker import PROBE_SECONDS, Breaker
from knowledge.errors import KnowledgeUnavailable

Connection = AsyncConnection[TupleRow]

# A question must hear within seconds that the index is away, not after the pool's default of thirty.
POOL_TIMEOUT_SECONDS = 2.0
# The pool tries to connect after 1 s, 2 s, 4 s and so on, so that after a long outage it would be long before it looked
# again. Having given up, it looks as soon as somebody asks.
RECONNECT_SECONDS = 2.0
# For what the pool does by itself: setting a connection up, looking whether an idle one still works.
POOL_PATIENCE_SECONDS = 3.0
# A process that stands still in the middle of a transaction keeps its rows locked: nobody could take its work over.
IDLE_SECONDS = 20.0
IDLE = "SELECT set_config('idle_in_transaction_session_timeout', %(seconds)s, false)"
# A server that a disk or an operator has made read-only takes nothing in, as one that is away.
AWAY = (
    psycopg.OperationalError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.ReadOnlySqlTransaction,
    PoolTimeout,
)
# Both end with the transaction: a connection goes back to the pool as it came.
WITHIN_AS = "SELECT set_config('role', %(reader)s, true), set_config('threadlore.scope', %(scope)s, true)"
WITHIN = "SELECT set_config('threadlore.scope', %(scope)s, true)"
AT_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
HAS_DATABASE = "SELECT 1 FROM pg_database WHERE datname = %s"


class _Connection(AsyncConnection[TupleRow]):
    """Hangs up on a server that is silent for longer than whoever borrowed it has patience.

    A timeout around a statement would not do: cancelled, psycopg asks the server to stop, and waits for its answer.
    """

    patience_seconds: float | None = POOL_PATIENCE_SECONDS

    async def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
        """What everything that talks to the server goes through."""
        if self.patience_seconds is None:
            return await super().wait(gen, *arguments, **options)
        alarm = asyncio.get_running_loop().call_later(self.patience_seconds, self._hang_up)
        try:
            return await super().wait(gen, *arguments, **options)
        finally:
            alarm.cancel()

    def _hang_up(self) -> None:
        """The driver reads the end of the stream, and raises what it raises for a lost connection."""
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.pgconn.socket)) as line:
            line.shutdown(socket.SHUT_RDWR)


class Database:
    """A pool of connections to one PostgreSQL database. Open it before use, close it after.

    `missing_wall`: a sentence to the operator where row-level security is off, else empty. `breaker`: that of another
    pool on the same server.
    """

    def __init__(self, url: str, *, size: int = 8, breaker: Breaker | None = None) -> None:
        self.url = url
        self.patience_seconds: float | None = None
        self.breaker = breaker or Breaker(self._is_there)
        self._closes_breaker = breaker is None
        self.missing_wall = ""
        self._reader: str | None = None
        self._held: Connection | None = None
        self._giving: set[asyncio.Task[None]] = set()
        self._pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
            url,
            connection_class=_Connection,
            min_size=1,
            max_size=size,
            timeout=POOL_TIMEOUT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            configure=_configure,
            kwargs={"connect_timeout": 3, "application_name": "threadlore"},
        )

    async def __aenter__(self) -> Self:
        # The pool retries in the background and logs each try; one sentence to the operator is enough.
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
        with _guard():
            await self._pool.open()
            try:
                await self._pool.wait(timeout=10)
            except BaseException:
                await self._pool.close()
                raise
            self.breaker.on_back.append(self._pool.check)
            async with self.transaction() as connection:
                self._reader = await wall.reader_of(connection)
                self.missing_wall = await wall.missing_wall(connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.breaker.on_back.remove(self._pool.check)
        if self._closes_breaker:
            await self.breaker.close()
        await self._pool.close()

    def hurried(self, seconds: float) -> Self:
        """The same pool, for callers who would rather fail than wait for one statement longer than that."""
        view = copy.copy(self)
        view.patience_seconds = seconds
        return view

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One connection inside one transaction. Errors: `KnowledgeUnavailable`."""
        if self._held is not None:
            # Rolled back, a savepoint takes with it what `reading` has set.
            with _guard():
                async with self._held.transaction(force_rollback=True):
                    yield self._held
            return
        task = asyncio.current_task()
        asked_to_stop = task.cancelling() if task is not None else 0
        self.breaker.ask()
        with _guard(self.breaker):
            async with self._borrowed() as connection, connection.transaction():
                # In Python 3.11 the pool, waiting for a connection, may lose that its task was cancelled.
                if task is not None and task.cancelling() > asked_to_stop:
                    raise asyncio.CancelledError
                yield connection

    @asynccontextmanager
    async def reading(self, scope: Sequence[int]) -> AsyncIterator[Connection]:
        """As `transaction`, for reading what an answer is made of: it shows these channels and no other.

        Whatever a statement in it asks for. Where the database has no wall, this is a transaction like any other.
        """
        async with self.transaction() as connection:
            row = {"reader": self._reader, "scope": ",".join(map(str, scope))}
            await connection.execute(WITHIN if self._reader is None else WITHIN_AS, row)
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Self]:
        """The database as it stands at one moment, for one task: what is read through it is all of one state."""
        async with self.transaction() as connection:
            await connection.execute(AT_ONE_MOMENT)
            view = copy.copy(self)
            view._held = connection  # noqa: SLF001 - a copy of ourselves
            yield view

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Connection]:
        """A connection of the pool. Given back by a task of its own: `putconn`, cancelled, would lose it for ever."""
        connection = await self._pool.getconn()
        connection.patience_seconds = self.patience_seconds
        try:
            yield connection
        finally:
            connection.patience_seconds = POOL_PATIENCE_SECONDS
            giving = asyncio.create_task(self._pool.putconn(connection))
            self._giving.add(giving)
            giving.add_done_callback(self._giving.discard)
            await asyncio.shield(giving)

    async def _is_there(self) -> bool:
        """Whether the server takes a new connection, within a second."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                connection = await AsyncConnection.connect(self.url, application_name="threadlore")
        except (psycopg.Error, OSError, TimeoutError):
            return False
        await connection.close()
        return True

    async def fetch(self, statement: LiteralString, parameters: dict[str, Any] | None = None) -> list[TupleRow]:
        """All rows of one statement, in a transaction of its own."""
        async with self.transaction() as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall()

    async def read(
        self,
        scope: Sequence[int],
        statement: LiteralString,
        parameters: dict[str, Any] | None = None,
        *,
        binary: bool = False,
    ) -> list[TupleRow]:
        """All rows of one statement, `reading`; it finds its scope among the parameters too.

        `binary`: values come as the server keeps them, not as text.
        """
        async with self.reading(scope) as connection:
            cursor = await connection.execute(
                statement, {**(parameters or {}), "scope": array_of(scope)}, binary=binary
            )
            return await cursor.fetchall()

    async def execute(self, statement: LiteralString, parameters: dict[str, Any] | None = None) -> int:
        """One statement in a transaction of its own. Returns how many rows it touched."""
        async with self.transaction() as connection:
            return (await connection.execute(statement, parameters)).rowcount


def array_of(numbers: Sequence[int]) -> str:
    """Keys as PostgreSQL reads an array of them. A thousand channels take the driver a millisecond, each time."""
    return "{" + ",".join(map(str, numbers)) + "}"


def environment_of(url: str) -> dict[str, str]:
    """An address as the variables that PostgreSQL's own programs read: a password does not show in their arguments."""
    options = psycopg.pq.Conninfo.parse(url.encode())
    return {one.envvar.decode(): one.val.decode() for one in options if one.envvar and one.val}


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Connection]:
    """One connection outside any pool, committing each statement: for migrations and `doctor`."""
    with _guard():
        connection = await AsyncConnection.connect(url, autocommit=True, connect_timeout=3)
        try:
            yield connection
        finally:
            await connection.close()


async def ensure_database(url: str, name: str, *, template: str = "template1") -> str:
    """The address of another database on the same server, created as a copy of `template` when it is not there."""
    async with connect(url) as connection:
        known = await (await connection.execute(HAS_DATABASE, [name])).fetchone()
        if known is None:
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                await connection.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
                )
    return make_conninfo(url, dbname=name)


async def drop_database(url: str, name: str) -> None:
    """Removes a database, whoever is connected to it."""
    async with connect(url) as connection:
        await connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class _guard:  # noqa: N801  # reads as a statement: with _guard()
    """Turns the driver's connection errors into `KnowledgeUnavailable`, cause kept, and tells the breaker."""

    def __init__(self, breaker: Breaker | None = None) -> None:
        self._breaker = breaker

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._breaker is not None and error is None:
            self._breaker.answered()
        if self._breaker is not None and error is not None and _is_lost(error):
            self._breaker.lost()
        if isinstance(error, AWAY):
            reason = " ".join(str(error).split()) or type(error).__name__
            raise KnowledgeUnavailable(
                f"PostgreSQL cannot be reached ({reason}). Check that it runs, and THREADLORE_DATABASE__URL."
            ) from error


def _is_lost(error: BaseException) -> bool:
    """Whether the server was not there, and not there to say no. 57P: it is being stopped or started."""
    if isinstance(error, psycopg.OperationalError):
        return error.sqlstate is None or error.sqlstate[:3] == "57P"
    return isinstance(error, PoolTimeout)


async def _configure(connection: Connection) -> None:
    await register_vector_async(connection)
    await connection.execute(IDLE, {"seconds": f"{IDLE_SECONDS} s"})
    await connection.commit()
