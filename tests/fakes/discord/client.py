"""The real discord.py, its HTTP part alone, at the fake's door. The gateway is not needed to try the API."""

import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import discord
import pytest
from discord.http import Route

from tests.fakes.discord.fake import FakeDiscord


@contextlib.contextmanager
def routed_to(fake: FakeDiscord) -> Any:
    """While it lasts, discord.py calls the fake instead of Discord."""
    before, Route.BASE = Route.BASE, fake.api_url
    try:
        yield
    finally:
        Route.BASE = before


@contextlib.asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[tuple[FakeDiscord, discord.Client]]:
    """A fake, and a client that has logged in; at the end no call may differ from Discord's own description."""
    async with FakeDiscord(**settings) as fake:
        client = discord.Client(intents=discord.Intents.none(), max_ratelimit_timeout=30)
        with routed_to(fake):
            try:
                await client.login(fake.token)
                yield fake, client
            finally:
                await client.close()
        assert fake.violations == [], "\n".join(fake.violations)


async def refusal(work: Awaitable[Any]) -> tuple[int, int]:
    """The status and the code of the error that a call ends in."""
    with pytest.raises(discord.HTTPException) as caught:
        await work
    return caught.value.status, caught.value.code
