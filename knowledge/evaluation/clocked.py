"""A database that adds up how long its statements take, apart from what is made of their rows."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from knowledge.database import Connection, Database


class Clocked(Database):
    """`seconds`: spent in statements since it was last set to zero, through this database and its views."""

    def __init__(self, url: str, *, size: int = 2) -> None:
        super().__init__(url, size=size)
        self._spent = [0.0]

    @property
    def seconds(self) -> float:
        """From sending a statement until its last row is here, still as the server sent it."""
        return self._spent[0]

    def reset(self) -> None:
        """Counts from zero again."""
        self._spent[0] = 0.0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """As that of `Database`."""
        async with super().transaction() as connection:
            # Within a snapshot it is the connection that is clocked already.
            clocked = connection if isinstance(connection, _Clocked) else _Clocked(connection, self._spent)
            yield cast("Connection", clocked)


class _Clocked:
    def __init__(self, connection: Connection, spent: list[float]) -> None:
        self._connection = connection
        self._spent = spent

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return await self._connection.execute(*arguments, **options)
        finally:
            self._spent[0] += time.perf_counter() - began

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
