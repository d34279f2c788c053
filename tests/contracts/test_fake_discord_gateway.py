"""The fake Discord's gateway, with the real discord.py on real sockets; where that is too polite, a bare socket."""

import asyncio
import contextlib
import json
import zlib
from collections.abc import AsyncIterator

import aiohttp
import discord
import pytest
import yarl

from tests.fakes.discord.fake import FakeDiscord
from tests.fakes.discord.intents import GUILD_MEMBERS, GUILD_MESSAGES, GUILDS, MESSAGE_CONTENT
from tests.fakes.discord.permissions import READ, VIEW_CHANNEL

INTENTS = discord.Intents(
    guilds=True, members=True, guild_messages=True, dm_messages=True, message_content=True, guild_reactions=True
)


class Bot(discord.Client):
    """Keeps what it hears."""

    def __init__(self, *, intents: discord.Intents = INTENTS, **more) -> None:
        super().__init__(intents=intents, guild_ready_timeout=0.2, **more)
        self.heard: list[str] = []
        self.told: list[str] = []

    async def before_identify_hook(self, shard_id, *, initial=False) -> None:
        """Without the five seconds that a polite bot waits before it identifies again."""

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message.content)

    async def on_resumed(self) -> None:
        self.told.append("resumed")

    async def on_ready(self) -> None:
        self.told.append("ready")

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self.told.append(f"join {guild.name}")

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self.told.append(f"available {guild.name}")

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        self.told.append(f"unavailable {guild.name}")

    async def on_thread_remove(self, thread: discord.Thread) -> None:
        self.told.append(f"removed from {thread.name}")

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        self.told.append(f"edit {payload.data['content']}")


@pytest.fixture
async def fake(monkeypatch) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as server:
        monkeypatch.setattr(discord.http.Route, "BASE", server.api_url)
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.gateway_url))
        yield server


@contextlib.asynccontextmanager
async def running(fake: FakeDiscord, bot: Bot, *, connections: int = 1) -> AsyncIterator[Bot]:
    """The bot from READY on; leaving closes it and raises what it died of."""
    task = asyncio.create_task(bot.start(fake.token))
    try:
        await fake.until(lambda: task.done() or len(fake.gateway.sessions) >= connections)
        if not task.done():
            await bot.wait_until_ready()
            await fake.settled()
            yield bot
    finally:
        await bot.close()
        await task


@contextlib.asynccontextmanager
async def socket(fake: FakeDiscord, query: str = "v=10&encoding=json"):
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{fake.gateway_url}?{query}") as ws:
        yield ws


def identify(fake: FakeDiscord, intents: int = GUILDS, **more) -> dict:
    return {"op": 2, "d": {"token": fake.token, "intents": intents, "properties": {}} | more}


async def event(ws, name: str) -> dict:
    """The data of the next event of that name."""
    while (said := await ws.receive_json(timeout=5))["t"] != name:
        pass
    return said["d"]


@pytest.fixture
def place(fake) -> tuple[str, str, str]:
    """A guild, a channel in it, and a member."""
    guild = fake.add_guild("tidepool")
    return guild, fake.add_channel(guild, "harvest"), fake.add_member(guild, "quince")


async def test_a_bot_that_connects_knows_its_guilds_channels_and_members(fake, place):
    async with running(fake, Bot()) as bot:
        [guild] = bot.guilds
        assert guild.name == "tidepool"
        assert [channel.name for channel in guild.text_channels] == ["harvest"]
        assert sorted(member.name for member in guild.members) == ["quince", "threadlore", "warden"]
        assert bot.told == ["available tidepool", "ready"]
    assert [(opening.op, opening.outcome) for opening in fake.gateway.openings] == [("identify", "ready")]
    assert [dispatch.seq for dispatch in fake.gateway.dispatches] == [1, 2, 3]


async def test_live_messages_arrive_in_order(fake, place):
    _, channel, asker = place
    async with running(fake, Bot()) as bot:
        for number in range(20):
            fake.post(channel, asker, f"pear {number}")
        await fake.settled()
        assert bot.heard == [f"pear {number}" for number in range(20)]


DISTURBANCES = {
    "close 4000": lambda gateway: gateway.close(4000),
    "close 1000": lambda gateway: gateway.close(1000),
    "drop": lambda gateway: gateway.drop(),
    "reconnect": lambda gateway: gateway.reconnect(),
    "invalid but resumable": lambda gateway: gateway.invalidate(resumable=True),
}


@pytest.mark.parametrize("disturb", DISTURBANCES.values(), ids=DISTURBANCES)
async def test_a_disturbed_connection_is_resumed_and_nothing_is_lost_or_repeated(fake, place, disturb):
    _, channel, asker = place
    async with running(fake, Bot()) as bot:
        fake.post(channel, asker, "before")
        await fake.settled()
        fake.gateway.hold()
        disturb(fake.gateway)
        fake.post(channel, asker, "in the gap")
        await fake.until(lambda: len(fake.gateway.openings) == 2)
        fake.gateway.release()
        await fake.settled()
        fake.post(channel, asker, "after")
        await fake.settled()
        assert bot.heard == ["before", "in the gap", "after"]
        assert bot.told[-1] == "resumed"
    [first, second] = fake.gateway.openings
    assert (second.op, second.outcome, second.path) == ("resume", "resumed", "/resume/")
    assert second.session == first.session
    assert [dispatch.event for dispatch in fake.gateway.dispatches if dispatch.is_replayed] == ["MESSAGE_CREATE"]


def forget_and_drop(gateway) -> None:
    gateway.forget_sessions()
    gateway.drop()


ENDINGS = {
    "invalid": lambda gateway: gateway.invalidate(),
    "forgotten": forget_and_drop,
    "close 4009": lambda gateway: gateway.close(4009),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
async def test_a_session_that_ended_is_begun_anew_and_what_was_said_between_is_lost(fake, place, end):
    _, channel, asker = place
    async with running(fake, Bot()) as bot:
        fake.gateway.hold()
        end(fake.gateway)
        fake.post(channel, asker, "in the gap")
        await fake.until(lambda: len(fake.gateway.identifies) == 2)
        fake.gateway.release()
        await fake.until(lambda: bot.told.count("ready") == 2)
        fake.post(channel, asker, "after")
        await fake.settled()
        assert bot.heard == ["after"]
    assert len({opening.session for opening in fake.gateway.identifies}) == 2


@pytest.mark.parametrize("silence", ["no acks", "muted"])
async def test_a_silent_connection_is_left_and_resumed(fake, place, silence):
    _, channel, asker = place
    fake.gateway.heartbeat_interval_ms = 50
    async with running(fake, Bot(heartbeat_timeout=0.3)) as bot:
        if silence == "muted":
            fake.gateway.mute()
        else:
            fake.gateway.answers_heartbeats = False
        if silence == "muted":
            fake.post(channel, asker, "into the void")
        await fake.until(lambda: fake.gateway.resumes, timeout=10)
        fake.gateway.answers_heartbeats = True
        if silence != "muted":
            fake.post(channel, asker, "into the void")
        await fake.until(lambda: bot.heard == ["into the void"], timeout=10)


@pytest.mark.parametrize(("code", "op"), [(1000, 9), (1001, 9), (4000, 0)])
async def test_a_client_that_closes_with_1000_or_1001_ends_its_session(fake, code, op):
    async with socket(fake) as ws:
        await ws.receive_json()
        await ws.send_json(identify(fake))
        ready = await event(ws, "READY")
        await ws.close(code=code)
    async with socket(fake) as ws:
        await ws.receive_json()
        await ws.send_json({"op": 6, "d": {"token": fake.token, "session_id": ready["session_id"], "seq": 1}})
        said = await ws.receive_json(timeout=5)
        assert (said["op"], said["t"]) == (op, None if op else "RESUMED")


@pytest.mark.parametrize("missing", [GUILD_MEMBERS, MESSAGE_CONTENT])
async def test_an_intent_that_is_not_switched_on_is_refused(fake, place, missing):
    if missing == GUILD_MEMBERS:
        fake.lists_members = False
    else:
        fake.gateway.handshake.privileged = GUILD_MEMBERS
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(fake, Bot()):
            pytest.fail("it connected")
    assert fake.gateway.identifies[0].outcome == "4014"


async def test_what_the_bot_may_not_see_and_did_not_ask_for_does_not_reach_it(fake, place):
    guild, channel, asker = place
    hidden = fake.add_channel(guild, "cellar", overwrites={guild: (0, VIEW_CHANNEL)})
    secret = fake.start_thread(channel, asker, "windfall", private=True)
    async with running(fake, Bot()) as bot:
        fake.post(hidden, asker, "hidden")
        fake.post(secret, asker, "in a private thread")
        fake.post(channel, asker, "open")
        await fake.settled()
        assert bot.heard == ["open"]
        fake.add_thread_member(secret, fake.bot_user_id)
        fake.set_overwrites(hidden, {guild: (READ, 0)})
        fake.post(hidden, asker, "no longer hidden")
        fake.post(secret, asker, "in the thread with the bot")
        await fake.settled()
        assert bot.heard == ["open", "no longer hidden", "in the thread with the bot"]
        assert bot.get_guild(int(guild)).get_thread(int(secret)) is not None
        fake.remove_thread_member(secret, fake.bot_user_id)
        fake.post(secret, asker, "without the bot again")
        await fake.settled()
        assert bot.heard[-1] == "in the thread with the bot"
        assert bot.told[-1] == "removed from windfall"  # discord.py leaves `thread.me` as it was


async def test_messages_need_their_intent(fake, place):
    _, channel, asker = place
    async with running(fake, Bot(intents=discord.Intents(guilds=True, dm_messages=True))) as bot:
        fake.post(channel, asker, "in the guild")
        fake.post(fake.open_dm(asker), asker, "in a direct message")
        await fake.settled()
        assert bot.heard == ["in a direct message"]


async def test_without_the_content_intent_only_what_concerns_the_bot_has_text(fake, place):
    _, channel, asker = place
    async with running(fake, Bot(intents=discord.Intents(guilds=True, messages=True))) as bot:
        question = fake.post(channel, asker, "not for the bot", embeds=[{"title": "pear"}], attachments=["pear.txt"])
        fake.post(channel, asker, f"<@{fake.bot_user_id}> for the bot", reply_to=question)
        fake.post(fake.open_dm(asker), asker, "direct")
        fake.create_message(channel, fake.bot_user_id, {"content": "own"})
        fake.edit(channel, question, "still not for the bot")
        await fake.settled()
        assert bot.heard == ["", f"<@{fake.bot_user_id}> for the bot", "direct", "own"]
        assert bot.told[-1] == "edit "
        [first, second, *_] = bot.cached_messages
        assert (first.embeds, first.attachments) == ([], [])
        assert second.reference.resolved.content == ""


async def test_members_come_in_chunks_and_can_be_asked_for_by_name_and_id(fake, place):
    guild, _, asker = place
    for number in range(2_100):
        fake.add_member(guild, f"seedling {number}")
    async with running(fake, Bot()) as bot:
        known = bot.get_guild(int(guild))
        assert known.chunked
        assert len(known.members) == 2_103
        assert [each.event for each in fake.gateway.dispatches].count("GUILD_MEMBERS_CHUNK") == 3
        assert len(await known.query_members("seedling 20", limit=5)) == 5
        assert [each.name for each in await known.query_members(user_ids=[int(asker), 17])] == ["quince"]


async def test_without_the_members_intent_only_the_bots_own_changes_arrive(fake, place):
    guild, _, asker = place
    role = fake.add_role(guild, "pickers")
    async with running(fake, Bot(intents=discord.Intents(guilds=True))) as bot:
        known = bot.get_guild(int(guild))
        fake.set_member_roles(guild, asker, [role])
        fake.set_member_roles(guild, fake.bot_user_id, [role])
        await fake.settled()
        assert [each.name for each in known.members] == ["threadlore"]
        assert [each.name for each in known.me.roles] == ["@everyone", "pickers"]
        assert await known.query_members("quince") != []


async def test_an_outage_of_a_guild_is_no_farewell(fake, place):
    guild, channel, asker = place
    async with running(fake, Bot()) as bot:
        fake.set_unavailable(guild)
        fake.post(channel, asker, "during the outage")
        await fake.settled()
        fake.set_unavailable(guild, unavailable=False)
        await fake.until(lambda: bot.told[-1] == "available tidepool")
        fake.add_guild("rockery")
        await fake.until(lambda: bot.told[-1] == "join rockery")
        assert bot.told == [
            "available tidepool", "ready", "unavailable tidepool", "available tidepool", "join rockery",
        ]  # fmt: skip
        assert bot.heard == []


async def test_a_guild_belongs_to_one_shard_and_direct_messages_to_the_first(fake):
    guilds = [fake.add_guild(f"tidepool {number}") for number in range(4)]
    asker = fake.add_user("quince")
    for guild in guilds:
        fake.add_member(guild, asker)
    bots = [Bot(shard_id=number, shard_count=2) for number in range(2)]
    async with running(fake, bots[0]), running(fake, bots[1], connections=2):
        for guild in guilds:
            fake.post(fake.add_channel(guild, "harvest"), asker, guild)
        fake.post(fake.open_dm(asker), asker, "direct")
        await fake.settled()
    halves = [[guild for guild in guilds if (int(guild) >> 22) % 2 == number] for number in range(2)]
    assert [bot.heard for bot in bots] == [[*halves[0], "direct"], halves[1]]


async def test_two_sessions_of_one_bot_each_get_everything(fake, place):
    _, channel, asker = place
    bots = [Bot(), Bot()]
    async with running(fake, bots[0]), running(fake, bots[1], connections=2):
        fake.post(channel, asker, "pear")
        await fake.settled()
    assert [bot.heard for bot in bots] == [["pear"], ["pear"]]


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        ({"drop": True}, ["2", "3"]),
        ({"duplicate": 1}, ["1", "1", "2", "3"]),
        ({"reorder": 1}, ["2", "1", "3"]),
        ({"delay": 60.0}, ["2", "3", "1"]),
    ],
)
async def test_faults_lose_repeat_and_reorder_events(fake, place, fault, heard):
    _, channel, asker = place
    async with running(fake, Bot()) as bot:
        fake.faults.on_event("MESSAGE_CREATE", where=lambda data: data["content"] == "1", **fault)
        for text in "123":
            fake.post(channel, asker, text)
        await asyncio.sleep(0.05)
        fake.clock.advance(60)
        await fake.settled()
        assert bot.heard == heard


async def test_held_events_wait_in_order(fake, place):
    _, channel, asker = place
    async with running(fake, Bot()) as bot:
        fake.gateway.hold()
        for text in ("first", "second"):
            fake.post(channel, asker, text)
        with pytest.raises(TimeoutError):
            await fake.gateway.settled(timeout=0.1)
        assert bot.heard == []
        fake.gateway.release()
        await fake.settled()
        assert bot.heard == ["first", "second"]


async def test_a_bare_socket_gets_plain_frames_and_what_it_tells_of_is_plain_json(fake, place):
    _, channel, asker = place
    async with socket(fake) as ws:
        assert (await ws.receive_json())["op"] == 10
        await ws.send_json(identify(fake, GUILDS | GUILD_MESSAGES | MESSAGE_CONTENT))
        ready = await event(ws, "READY")
        assert ready["v"] == 10
        assert [guild["unavailable"] for guild in ready["guilds"]] == [True]
        guild = await event(ws, "GUILD_CREATE")
        assert [member["user"]["username"] for member in guild["members"]] == ["threadlore"]
        assert guild["member_count"] == 3
        fake.post(channel, asker, "a pear, 梨")
        assert (await event(ws, "MESSAGE_CREATE"))["content"] == "a pear, 梨"
        await ws.send_json({"op": 1, "d": 3})
        assert (await ws.receive_json(timeout=5))["op"] == 11


async def test_a_socket_that_asks_for_it_gets_one_compressed_stream(fake, place):
    stream = zlib.decompressobj()
    async with socket(fake, "v=10&encoding=json&compress=zlib-stream") as ws:
        assert json.loads(stream.decompress(await ws.receive_bytes()))["op"] == 10
        await ws.send_json(identify(fake))
        frame = await ws.receive_bytes()
        assert frame.endswith(b"\x00\x00\xff\xff")
        assert json.loads(stream.decompress(frame))["t"] == "READY"


async def test_a_resume_names_the_last_event_that_arrived(fake, place):
    _, channel, asker = place
    async with socket(fake) as ws:
        await ws.receive_json()
        await ws.send_json(identify(fake, GUILDS | GUILD_MESSAGES | MESSAGE_CONTENT))
        ready = await event(ws, "READY")
        for text in "123":
            fake.post(channel, asker, text)
        await event(ws, "MESSAGE_CREATE")
        await ws.close(code=4000)
    fake.post(channel, asker, "4")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{ready['resume_gateway_url']}?v=10&encoding=json") as ws,
    ):
        await ws.receive_json()
        await ws.send_json({"op": 6, "d": {"token": fake.token, "session_id": ready["session_id"], "seq": 3}})
        frames = [await ws.receive_json(timeout=5) for _ in range(4)]
    assert [(frame["s"], frame["t"], frame["d"].get("content")) for frame in frames] == [
        (4, "MESSAGE_CREATE", "2"),
        (5, "MESSAGE_CREATE", "3"),
        (6, "MESSAGE_CREATE", "4"),
        (7, "RESUMED", None),
    ]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("pear", 4002),
        (json.dumps({"op": 1, "d": "x" * 5_000}), 4002),
        (json.dumps({"op": 99}), 4001),
        (json.dumps({"op": 8, "d": {}}), 4003),
        (json.dumps({"op": 2, "d": {"token": "stolen", "intents": 1}}), 4004),
        (json.dumps({"op": 6, "d": {"token": "stolen", "session_id": "session-1", "seq": 1}}), 4004),
        ({"shard": [2, 2]}, 4010),
        ({"intents": 1 << 30}, 4013),
    ],
)
async def test_mistakes_close_the_socket_with_their_code(fake, said, code):
    async with socket(fake) as ws:
        await ws.receive_json()
        await ws.send_str(said if isinstance(said, str) else json.dumps(identify(fake, **said)))
        assert (await ws.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == code


async def test_an_old_version_and_a_second_identify_are_refused(fake):
    async with socket(fake, "v=6") as ws:
        await ws.receive(timeout=5)
        assert ws.close_code == 4012
    async with socket(fake) as ws:
        await ws.receive_json()
        await ws.send_json(identify(fake))
        await event(ws, "READY")
        await ws.send_json(identify(fake))
        await ws.receive(timeout=5)
        assert ws.close_code == 4005


async def test_a_sequence_number_that_never_was_is_refused(fake):
    async with socket(fake) as ws:
        await ws.receive_json()
        await ws.send_json(identify(fake))
        ready = await event(ws, "READY")
        await ws.close(code=4000)
    async with socket(fake) as ws:
        await ws.receive_json()
        await ws.send_json({"op": 6, "d": {"token": fake.token, "session_id": ready["session_id"], "seq": 99}})
        await ws.receive(timeout=5)
        assert ws.close_code == 4007


async def test_identifies_are_counted_and_rationed(fake):
    fake.gateway.handshake.strict = True
    for outcome in ("READY", None):
        async with socket(fake) as ws:
            await ws.receive_json()
            await ws.send_json(identify(fake))
            said = await ws.receive_json(timeout=5)
            assert (said["t"], said["op"]) == (outcome, 0 if outcome else 9)
    assert fake.gateway.handshake.start_limit()["remaining"] == 998
    fake.clock.advance(5)
    async with socket(fake) as ws:
        await ws.receive_json()
        await ws.send_json(identify(fake))
        await event(ws, "READY")
        for _ in range(120):
            await ws.send_json({"op": 3, "d": {}})
        await ws.receive(timeout=5)
        assert ws.close_code == 4008
    fake.clock.advance(86_400)
    assert fake.gateway.handshake.start_limit()["remaining"] == 1_000


async def test_the_thousandth_identify_of_a_day_is_the_last(fake, monkeypatch):
    monkeypatch.setattr("tests.fakes.discord.handshake.IDENTIFIES_A_DAY", 1)
    for outcome in ("ready", "4004"):
        async with socket(fake) as ws:
            await ws.receive_json()
            await ws.send_json(identify(fake))
            await ws.receive(timeout=5)
        assert fake.gateway.identifies[-1].outcome == outcome
