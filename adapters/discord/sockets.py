"""What discord.py leaves behind of its connections, ended in order."""

import asyncio
import threading
from typing import Any

import aiohttp
import discord

# An event that is being taken in when the bot stops gets so long to be kept.
LAST_WORDS_SECONDS = 5.0


class Sockets:
    """The gateway sockets of one client. discord.py leaves those open that Discord closed, or that it was opening."""

    def __init__(self, http: discord.http.HTTPClient) -> None:
        self._open: set[aiohttp.ClientWebSocketResponse] = set()
        self._connect = http.ws_connect
        http.ws_connect = self._connected  # type: ignore[method-assign] # the one place where it opens them

    async def close(self) -> None:
        """Ends all of them, their heartbeats, and then the handlers of events that came by them."""
        for socket in self._open:
            await socket.close()
        self._open.clear()
        for thread in threading.enumerate():
            if isinstance(thread, discord.gateway.KeepAliveHandler):
                thread.stop()
        handling = [task for task in asyncio.all_tasks() if task.get_name().startswith("discord.py: ")]
        if handling:
            await asyncio.wait(handling, timeout=LAST_WORDS_SECONDS)

    async def _connected(self, url: str, **options: Any) -> aiohttp.ClientWebSocketResponse:
        for ended in [socket for socket in self._open if socket.close_code is not None]:
            self._open.discard(ended)
            await ended.close()
        socket = await self._connect(url, **options)
        self._open.add(socket)
        return socket
