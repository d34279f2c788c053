"""Attached files on Discord, read only where that is switched on."""

import pytest
from aiohttp import web

from adapters.discord import files
from tests.scenarios.shared.on_discord import DiscordHouse


@pytest.fixture
async def file_host(monkeypatch):
    """Discord's file host, as far as one text goes."""

    async def plan(_request):
        return web.Response(text="The cider press is booked for the ninth of October")

    runner = web.AppRunner(web.Application())
    runner.app.router.add_get("/plan.txt", plan)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    monkeypatch.setattr(files, "may_fetch", lambda address, _: address.startswith(f"http://127.0.0.1:{port}/"))
    yield f"http://127.0.0.1:{port}/plan.txt"
    await runner.cleanup()


@pytest.mark.parametrize("switch", [True, False])
async def test_an_attached_text_answers_questions_where_files_are_read(server, bot, file_host, switch):
    house = DiscordHouse(server, bot)
    file = {"filename": "plan.txt", "url": file_host, "content_type": "text/plain", "size": 50}
    server.post(house.harvest, house.tamarind, "the plan", attachments=[file])
    async with house.bot(files=switch):
        server.post(house.harvest, house.tamarind, "the same plan again", attachments=[file])
        await house.settled()
        bodies = [row[0] for row in await house.rows("SELECT body FROM message WHERE body LIKE '%%plan%%'")]
    assert [("ninth of October" in body) for body in bodies] == [switch, switch]
