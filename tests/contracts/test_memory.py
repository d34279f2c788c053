"""Conversation memory: one suite over the fake and Redis, then what only Redis can get wrong."""

import asyncio
import json
import socket
import time
from contextlib import suppress

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation import Question, Turn
from bot.memory import PREFIX, RedisMemory, memory_key, open_redis
from bot.ports import Memory, MemoryUnavailable
from knowledge.messages import ChannelRef, PersonRef
from knowledge.scope import Audience
from tests.fakes.memory import FakeMemory
from tests.servers import start_redis, stop

CHANNEL = Audience(channel=ChannelRef("slack", "T1", "C1"))
PRIVATE = Audience(person=PersonRef("slack", "T1", "U1"))
TTL_SECONDS = 60


def question(audience=CHANNEL, conversation="thread-1"):
    return Question("q", "why?", audience, conversation=conversation)


def turn(n, *messages, text="because"):
    return Turn(f"question {n}", f"{text} {n}", messages)


def patient(url):
    """A client as in production, but for its haste: a busy test machine is no outage."""
    return open_redis(f"{url}?socket_timeout=20&socket_connect_timeout=20")


def over(client, **options):
    limits = {"ttl_seconds": TTL_SECONDS, "max_turns": 6, "max_chars": 4000, "call_seconds": 20}
    return RedisMemory(client, **(limits | options))


@pytest.fixture
async def redis(redis_url):
    client = patient(redis_url)
    await client.flushall()
    await client.config_set("maxmemory", 0)
    yield client
    await client.aclose()


@pytest.fixture(params=["fake", "redis"])
def make(request):
    """Builds a memory with given limits; all those of one test share one store."""
    if request.param == "fake":
        return FakeMemory
    client = request.getfixturevalue("redis")
    return lambda **limits: over(client, **limits)


@pytest.fixture
def memory(make) -> Memory:
    return make()


# ---- both ---------------------------------------------------------------------------------------------------------


async def test_everything_can_be_forgotten_at_once(make):
    memory = make()
    for n, audience in enumerate((CHANNEL, PRIVATE)):
        await memory.remember(question(audience), turn(n, f"{n}:1"))
    await memory.forget_everything()
    assert [await memory.recall(question(audience)) for audience in (CHANNEL, PRIVATE)] == [(), ()]


async def test_turns_come_back_oldest_first_and_whole(memory):
    first = Turn("warum?\n", 'weil "so" 因为 \x00 🎉', ("slack:T1:C1:1.5", "a:b"))
    await memory.remember(question(), first)
    await memory.remember(question(), turn(2))
    assert await memory.recall(question()) == (first, turn(2))


async def test_nothing_is_known_of_a_new_conversation(memory):
    await memory.remember(question(), turn(1))
    assert await memory.recall(question(conversation="thread-2")) == ()


async def test_a_question_without_a_conversation_has_no_past(memory):
    await memory.remember(question(conversation=""), turn(1))
    assert await memory.recall(question(conversation="")) == ()
    assert await memory.reset(question(conversation="")) == 0


@pytest.mark.parametrize(
    "other",
    [
        CHANNEL,
        Audience(),
        Audience(person=PersonRef("slack", "T1", "U2")),
        Audience(person=PersonRef("slack", "T2", "U1")),
        Audience(person=PersonRef("discord", "T1", "U1")),
        Audience(channel=ChannelRef("slack", "T1", "U1")),
    ],
)
async def test_a_private_turn_is_recalled_for_nobody_else(memory, other):
    await memory.remember(question(PRIVATE), turn(1, "secret"))
    assert await memory.recall(question(other)) == ()
    assert await memory.recall(question(PRIVATE)) == (turn(1, "secret"),)


async def test_ids_that_look_like_separators_name_different_conversations(memory):
    await memory.remember(question(Audience(channel=ChannelRef("slack", "T1:C1", "x")), "y"), turn(1))
    for audience, conversation in [
        (Audience(channel=ChannelRef("slack", "T1", "C1:x")), "y"),
        (Audience(channel=ChannelRef("slack", "T1%3AC1", "x")), "y"),
        (Audience(channel=ChannelRef("slack", "T1", "x")), "C1:y"),
        (Audience(channel=ChannelRef("slack:T1", "C1", "x")), "y"),
    ]:
        assert await memory.recall(question(audience, conversation)) == ()


async def test_the_oldest_turns_make_room(make):
    memory = make(max_turns=3)
    for n in range(5):
        await memory.remember(question(), turn(n))
    assert await memory.recall(question()) == (turn(2), turn(3), turn(4))


async def test_the_same_turn_again_is_kept_once(memory):
    for one in (turn(1), turn(2), turn(2), turn(1)):
        await memory.remember(question(), one)
    assert await memory.recall(question()) == (turn(2), turn(1))


async def test_long_turns_make_room_by_their_characters_not_their_bytes(make):
    memory = make(max_chars=100)
    turns = [Turn("问", "答" * 28 + str(n), ()) for n in range(4)]
    for one in turns:
        await memory.remember(question(), one)
    assert await memory.recall(question()) == tuple(turns[1:])


async def test_a_turn_too_long_by_itself_is_cut_and_kept(make):
    memory = make(max_chars=100)
    await memory.remember(question(), turn(1))
    await memory.remember(question(), Turn("q" * 80, "a" * 500, ("m",)))
    (kept,) = await memory.recall(question())
    assert kept == Turn("q" * 49 + "…", "a" * 49 + "…", ("m",))


async def test_turns_expire_and_each_new_one_gives_them_more_time(make):
    memory = make(ttl_seconds=2)
    await memory.remember(question(), turn(1, "m"))
    await asyncio.sleep(1.2)
    await memory.remember(question(), turn(2))
    await asyncio.sleep(1.2)
    assert await memory.recall(question()) == (turn(1, "m"), turn(2))
    await asyncio.sleep(1.2)
    assert await memory.recall(question()) == ()


async def test_reset_forgets_one_conversation_for_one_audience(memory):
    for where in (question(), question(PRIVATE), question(conversation="thread-2")):
        await memory.remember(where, turn(1))
    await memory.remember(question(), turn(2))
    assert await memory.reset(question()) == 2
    assert await memory.reset(question()) == 0
    assert await memory.recall(question()) == ()
    assert await memory.recall(question(PRIVATE)) == (turn(1),)
    assert await memory.recall(question(conversation="thread-2")) == (turn(1),)


async def test_a_deletion_reaches_every_turn_that_used_the_message_and_no_other(memory):
    await memory.remember(question(), turn(1, "keep"))
    await memory.remember(question(), turn(2, "keep", "gone"))
    await memory.remember(question(PRIVATE), turn(3, "gone"))
    await memory.remember(question(), turn(4, "also gone"))
    await memory.remember(question(), turn(5))
    assert await memory.forget_messages(["gone", "also gone", "never used"]) == 3
    assert await memory.recall(question()) == (turn(1, "keep"), turn(5))
    assert await memory.recall(question(PRIVATE)) == ()
    assert await memory.forget_messages(["gone"]) == 0
    assert await memory.forget_messages([]) == 0


async def test_a_deletion_reaches_turns_whose_neighbours_were_trimmed(make):
    memory = make(max_turns=2)
    for n, message in enumerate(["a", "b", "a"]):
        await memory.remember(question(), turn(n, message))
    assert await memory.forget_messages(["a"]) == 1
    assert await memory.recall(question()) == (turn(1, "b"),)


async def test_an_answer_begun_before_a_deletion_is_not_kept_after_it(memory):
    await memory.forget_messages(["gone"])
    await memory.remember(question(), turn(1, "gone"))
    await memory.remember(question(), turn(2, "other"))
    assert await memory.recall(question()) == (turn(2, "other"),)


async def test_many_deletions_at_once(memory):
    await memory.remember(question(), turn(1, "m999"))  # the last of them in any order
    assert await memory.forget_messages([f"m{n}" for n in range(1500)]) == 1


# ---- Redis only ---------------------------------------------------------------------------------------------------


@pytest.fixture
def real(redis):
    return over(redis)


async def test_every_key_expires_and_names_its_workspace(redis, real):
    for n in range(8):
        await real.remember(question(), turn(n, f"m{n}", "shared"))
    await real.forget_messages(["m7", "unknown"])
    await real.remember(question(PRIVATE), turn(9, "m9"))
    keys = await redis.keys("*")
    assert len(keys) > 10
    for key in keys:
        assert key.startswith(PREFIX.encode())
        assert 0 < await redis.ttl(key) <= 600
        if key.startswith(f"{PREFIX}:turns:".encode()):
            assert key.startswith(f"{PREFIX}:turns:slack:T1:".encode())


async def test_each_new_turn_gives_the_index_of_the_old_ones_more_time_too(redis, real):
    await real.remember(question(), turn(1, "m"))
    for key in await redis.keys("*"):
        await redis.expire(key, 5)
    await real.remember(question(), turn(2))
    for key in await redis.keys("*"):
        assert await redis.ttl(key) > 5


async def test_a_popular_message_does_not_collect_expired_conversations(redis, real):
    await over(redis, ttl_seconds=1).remember(question(conversation="old"), turn(1, "popular"))
    await real.remember(question(conversation="current"), turn(2, "popular"))
    await asyncio.sleep(2.1)
    await real.remember(question(conversation="new"), turn(3, "popular"))
    assert await redis.zcard(f"{PREFIX}:used:popular") == 2


async def test_a_deleted_text_is_nowhere_in_redis(redis, real):
    await real.remember(question(), turn(1, "m", text="canary"))
    await real.forget_messages(["m"])
    assert b"canary" not in b"".join([await redis.dump(key) or b"" for key in await redis.keys("*")])


async def test_a_turn_whose_index_was_evicted_is_out_of_reach_and_never_recalled(redis, real):
    await real.remember(question(), turn(1, "m"))
    await redis.delete(f"{PREFIX}:used:m")
    assert await real.recall(question()) == ()
    await real.remember(question(), turn(2))
    assert await redis.llen(memory_key(question())) == 1


async def test_no_command_walks_the_key_space(redis, real):
    await redis.config_resetstat()
    await real.remember(question(), turn(1, "m"))
    await real.recall(question())
    await real.forget_messages(["m"])
    await real.reset(question())
    assert not {"cmdstat_keys", "cmdstat_scan"} & (await redis.info("commandstats")).keys()


CORRUPT = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{",
    b'{"question": "q", "answer": "a", "messages": [], "chars": "many"}',
    b'{"question": 1, "answer": "a", "messages": [], "chars": 1}',
    b'{"question": "q", "answer": "a", "messages": [1], "chars": 1}',
    b'{"question": "q", "answer": "a", "messages": {"0": "m"}, "chars": 1}',
    b'{"lc": 1, "type": "secret", "id": ["PATH"]}',
    b'{"question": "\xff", "answer": "a", "messages": [], "chars": 1}',
    b'{"question": "q", "answer": NaN, "messages": [], "chars": 1}',
    b'{"question": "q", "answer": ' + b"[" * 900 + b"]" * 900 + b', "messages": [], "chars": 1}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("stored", CORRUPT, ids=range(len(CORRUPT)))
async def test_a_corrupt_turn_is_passed_over(redis, real, stored):
    await redis.rpush(memory_key(question()), stored)
    assert await real.recall(question()) == ()
    await real.remember(question(), turn(1, "m"))
    assert await real.recall(question()) == (turn(1, "m"),)


@pytest.mark.parametrize("spoil", ["set", "hset", "sadd"])
async def test_a_key_of_another_kind_is_replaced(redis, real, spoil):
    await real.remember(question(), turn(1, "m"))
    for key in (memory_key(question()), f"{PREFIX}:used:m"):
        await redis.delete(key)
        await getattr(redis, spoil)(key, *(("a", "b") if spoil == "hset" else ("a",)))
    assert await real.recall(question()) == ()
    assert await real.reset(question()) == 0
    await real.remember(question(), turn(2, "m"))
    assert await real.recall(question()) == (turn(2, "m"),)


async def test_a_deletion_passes_over_a_key_of_another_kind(redis, real):
    await redis.set(f"{PREFIX}:used:m", "a")
    await redis.zadd(f"{PREFIX}:used:n", {"elsewhere": 1})
    await redis.set("elsewhere", "a")
    assert await real.forget_messages(["m", "n"]) == 0


async def test_stored_turns_are_plain_json_and_serialized_objects_stay_text(redis, real):
    trap = json.dumps({"lc": 1, "type": "secret", "id": ["PATH"]})
    await real.remember(question(), Turn(trap, trap, ()))
    assert await real.recall(question()) == (Turn(trap, trap, ()),)
    (stored,) = await redis.lrange(memory_key(question()), 0, -1)
    assert json.loads(stored) == {"question": trap, "answer": trap, "messages": [], "chars": 2 * len(trap)}


async def test_half_a_surrogate_pair_is_stored_as_a_question_mark(real):
    await real.remember(question(conversation="t\ud800"), Turn("q\ud83d", "a", ("m\udc00",)))
    assert await real.recall(question(conversation="t\ud800")) == (Turn("q?", "a", ("m?",)),)
    assert await real.forget_messages(["m\udc00"]) == 1


async def test_two_processes_write_one_conversation(redis_url, redis):
    clients = [patient(redis_url) for _ in range(2)]
    memories = [over(client, max_turns=50) for client in clients]
    await asyncio.gather(*(memories[n % 2].remember(question(), turn(n, f"m{n}")) for n in range(40)))
    assert set(await memories[0].recall(question())) == {turn(n, f"m{n}") for n in range(40)}
    assert await memories[1].forget_messages([f"m{n}" for n in range(0, 40, 2)]) == 20
    assert await redis.llen(memory_key(question())) == 20
    for client in clients:
        await client.aclose()


async def test_a_full_redis_remembers_nothing_and_still_forgets(redis, real):
    await real.remember(question(), turn(1, "m"))
    await redis.config_set("maxmemory-policy", "noeviction")
    await redis.config_set("maxmemory", 1)
    with structlog.testing.capture_logs() as logs:
        await real.remember(question(), turn(2, "m2"))
        assert await real.recall(question()) == (turn(1, "m"),)
        await real.remember(question(), turn(3))
        await real.remember(question(conversation="new"), turn(4))
        assert await real.recall(question(conversation="new")) == ()
    assert [entry["event"] for entry in logs] == ["memory_refused"]
    assert await redis.exists(f"{PREFIX}:used:m2") == 0
    assert await real.forget_messages(["unknown"]) == 0
    assert await real.forget_messages(["m"]) == 1
    assert await real.recall(question()) == ()


part = st.text(alphabet=":%A3a", max_size=4)
audiences = (
    st.builds(Audience, channel=st.builds(ChannelRef, part, part, part))
    | st.builds(Audience, person=st.builds(PersonRef, part, part, part))
    | st.just(Audience())
)


@given(audiences, part, audiences, part)
def test_no_choice_of_ids_forges_another_key(audience, conversation, other_audience, other_conversation):
    is_same = (audience, conversation) == (other_audience, other_conversation)
    keys = {memory_key(question(audience, conversation)), memory_key(question(other_audience, other_conversation))}
    assert len(keys) == (1 if is_same else 2)


# ---- outages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def serve(tmp_path):
    """Starts a Redis; a second call restarts it at the same address, empty."""
    started = []

    def start():
        url, process = start_redis(tmp_path)
        started.append(process)
        return url, process

    yield start
    for process in started:
        stop(process)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def connections_waiting(door):
    """How many clients have come to a listening socket since last asked."""
    came = 0
    with suppress(BlockingIOError):
        while True:
            door.accept()[0].close()
            came += 1
    return came


async def test_a_killed_redis_costs_memory_only_and_one_warning_per_outage(serve):
    url, process = serve()
    client, clock = patient(url), Clock()
    memory = over(client, clock=clock, pause_seconds=5)
    await memory.remember(question(), turn(1, "m"))
    stop(process)
    with structlog.testing.capture_logs() as logs:
        for _ in range(20):
            assert await memory.recall(question()) == ()
            await memory.remember(question(), turn(2))
            clock.now += 1
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("memory_away", "warning")]
    assert logs[0].keys() == {"event", "log_level", "error"}

    _, process = serve()
    clock.now += 6
    with structlog.testing.capture_logs() as logs:
        await memory.remember(question(), turn(3))
        assert await memory.recall(question()) == (turn(3),)
    assert [entry["event"] for entry in logs] == ["memory_back"]
    stop(process)
    with structlog.testing.capture_logs() as logs:
        await memory.recall(question())
    assert [entry["event"] for entry in logs] == ["memory_away"]
    await client.aclose()


async def test_a_restarted_redis_is_used_at_once(serve):
    url, process = serve()
    client = patient(url)
    memory = over(client)
    await asyncio.gather(*(memory.recall(question()) for _ in range(5)))  # five connections
    stop(process)
    serve()
    await memory.remember(question(), turn(2))
    assert await memory.recall(question()) == (turn(2),)
    await client.aclose()


async def test_a_promise_to_forget_fails_loudly_while_redis_is_away(tmp_path):
    client = open_redis(f"unix://{tmp_path}/nobody.sock")
    memory = over(client)
    for _ in range(2):
        with pytest.raises(MemoryUnavailable, match="cannot reach my memory"):
            await memory.reset(question())
        with pytest.raises(MemoryUnavailable):
            await memory.forget_messages(["m"])
    await client.aclose()


async def test_the_fake_plays_an_outage_as_redis_does():
    memory = FakeMemory()
    await memory.remember(question(), turn(1))
    memory.is_away = True
    assert await memory.recall(question()) == ()
    await memory.remember(question(), turn(2))
    with pytest.raises(MemoryUnavailable):
        await memory.reset(question())
    with pytest.raises(MemoryUnavailable):
        await memory.forget_messages(["m"])
    memory.is_away = False
    assert await memory.recall(question()) == (turn(1),)


async def test_a_black_hole_costs_one_short_timeout_per_pause(tmp_path):
    path = str(tmp_path / "hole.sock")
    with socket.socket(socket.AF_UNIX) as door:  # the kernel takes connections and data, and nobody ever answers
        door.bind(path)
        door.listen()
        door.setblocking(False)
        client, clock = open_redis(f"unix://{path}"), Clock()
        memory = over(client, clock=clock, pause_seconds=5)
        start = time.monotonic()
        for _ in range(50):
            assert await memory.recall(question()) == ()
            await memory.remember(question(), turn(1))
        assert time.monotonic() - start < 2  # not 100 times 0.2
        assert connections_waiting(door) == 1
        clock.now += 5.1
        await asyncio.gather(*(memory.recall(question()) for _ in range(10)))
        assert connections_waiting(door) == 1
        await client.aclose()


async def test_a_refused_tcp_connection_is_an_outage_too():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    client = open_redis(f"redis://127.0.0.1:{port}")
    assert await over(client).recall(question()) == ()
    await client.aclose()


async def test_a_redis_that_hangs_in_the_middle_does_not_mix_up_later_replies(serve):
    url, _ = serve()
    client, clock = patient(url), Clock()
    memory = over(client, clock=clock, pause_seconds=5)
    await memory.remember(question(), turn(1))
    (connection,) = client.connection_pool._available_connections
    connection.socket_timeout = 0.2
    other = patient(url)
    await other.client_pause(1500)
    assert await memory.recall(question()) == ()
    await asyncio.sleep(1.6)
    clock.now += 6
    assert await memory.recall(question(conversation="another")) == ()
    assert await memory.recall(question()) == (turn(1),)
    await other.aclose()
    await client.aclose()


async def test_a_redis_too_slow_for_its_share_of_the_answer_is_away(serve):
    url, _ = serve()
    client = patient(url)
    memory = over(client, call_seconds=0.3)
    await client.client_pause(60_000)
    start = time.monotonic()
    assert await memory.recall(question()) == ()
    with pytest.raises(MemoryUnavailable):
        await memory.reset(question())
    assert time.monotonic() - start < 5
    await client.aclose()


def test_production_gives_up_early():
    options = open_redis("redis://localhost").connection_pool.connection_kwargs
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.2


def test_a_url_of_no_redis_is_refused():
    with pytest.raises(ValueError, match="redis://"):
        open_redis("http://example.org")
