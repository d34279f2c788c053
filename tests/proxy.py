"""A door in front of PostgreSQL or Redis that can be shut, or can swallow what comes through."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

PORT = 5432


class FaultProxy:
    """Passes bytes between clients and a server on a unix socket. `url` is the address to use instead."""

    def __init__(self, url: str, server: str, path: Path) -> None:
        self.url = url
        self._server = server
        self._path = path
        self._open = asyncio.Event()
        self._open.set()
        self._refuses = False
        self._dice, self._chance = random.Random(0), 0.0
        self._connections: set[asyncio.Task[None]] = set()

    def swallow(self) -> None:
        """From now on nothing gets through, and nobody is told: a black hole."""
        self._open.clear()

    def refuse(self) -> None:
        """Cuts every connection, and each new one."""
        self._refuses = True
        self.cut()

    def cut(self) -> None:
        """Cuts every connection, in the middle of whatever it carries. New ones are taken."""
        for connection in self._connections:
            connection.cancel()

    def interrupt(self, chance: float) -> None:
        """From now on a connection may break off whenever it has carried something to the server.

        What was asked there is done, or is not, and nobody is told.
        """
        self._chance = chance

    def restore(self) -> None:
        """All is well again. What was swallowed arrives late."""
        self._refuses = False
        self._chance = 0.0
        self._open.set()

    async def serve(self) -> asyncio.AbstractServer:
        return await asyncio.start_unix_server(self._connected, str(self._path))

    async def close(self) -> None:
        self.refuse()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Notes the task before it has run a line, so that none is cut unseen and leaves its ends open."""
        connection = asyncio.create_task(self._carry(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        connection.add_done_callback(lambda _: writer.close())

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            return
        server_reader, server_writer = await asyncio.open_unix_connection(self._server)
        ways = [
            asyncio.create_task(self._pass(reader, server_writer, is_asking=True)),
            asyncio.create_task(self._pass(server_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server_writer.close()
            for way in ways:
                way.cancel()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_asking: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
                if is_asking and self._dice.random() < self._chance:
                    return


@asynccontextmanager
async def fault_proxy(url: str, folder: Path) -> AsyncIterator[FaultProxy]:
    """In front of a PostgreSQL."""
    known = conninfo_to_dict(url)
    server = f"{known['host']}/.s.PGSQL.{known.get('port') or PORT}"
    address = make_conninfo(url, host=str(folder), port=PORT)
    async with _serving(FaultProxy(address, server, folder / f".s.PGSQL.{PORT}")) as proxy:
        yield proxy


@asynccontextmanager
async def redis_proxy(url: str, folder: Path) -> AsyncIterator[FaultProxy]:
    """In front of a Redis on a unix socket."""
    path = folder / "door.sock"
    async with _serving(FaultProxy(f"unix://{path}", url.removeprefix("unix://"), path)) as proxy:
        yield proxy


@asynccontextmanager
async def _serving(proxy: FaultProxy) -> AsyncIterator[FaultProxy]:
    server = await proxy.serve()
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await asyncio.sleep(0)  # a transport closes in the loop's next turn
