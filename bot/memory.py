"""Conversation memory in Redis. Soft: without Redis the bot answers, it only forgets what was said before.

Keys, all with an expiry:
  threadlore:memory:turns:{platform}:{workspace}:{conversation}:{audience}   list of turns, our own JSON
  threadlore:memory:used:{message key}   sorted set of the lists that hold a turn using this message, by expiry
  threadlore:memory:gone:{message key}   the message was deleted a moment ago

The first kind has each part percent-quoted, the other two end in the message key itself, so no id can spell
another id's key. A turn that its `used` keys do not name is never recalled: should Redis evict such a key, the
turn is lost with it instead of being out of a deletion's reach.
"""

import asyncio
import json
import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.conversation import Question, Turn
from bot.ports import MemoryUnavailable

log = structlog.get_logger()

SOCKET_SECONDS = 0.2  # redis-py's own default is 5 s, for every call
CALL_SECONDS = 0.5  # connecting takes several replies, each with its own socket timeout
PAUSE_SECONDS = 5.0
GONE_SECONDS = 600  # longer than an answer takes: one begun before a deletion must not be kept after it
FORGET_BATCH = 500

PREFIX = "threadlore:memory"
AWAY = (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError)

# Scripts run alone in Redis, so two processes never see or write half a change.
TURN_OF = """
local used = 'threadlore:memory:used:'
local gone = 'threadlore:memory:gone:'
local function is_list(key) return redis.call('TYPE', key).ok == 'list' end
local function turn_of(raw)
  local ok, turn = pcall(cjson.decode, raw)
  if not ok or type(turn) ~= 'table' or type(turn.messages) ~= 'table' or type(turn.chars) ~= 'number' then
    return nil
  end
  for _, message in ipairs(turn.messages) do
    if type(message) ~= 'string' then return nil end
  end
  return turn
end
local function is_reachable(turn, key)
  for _, message in ipairs(turn.messages) do
    if redis.call('TYPE', used .. message).ok ~= 'zset' or not redis.call('ZSCORE', used .. message, key) then
      return false
    end
  end
  return true
end
"""

RECALL = (
    TURN_OF
    + """
local found = {}
if not is_list(KEYS[1]) then return found end
for _, raw in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local turn = turn_of(raw)
  if turn and is_reachable(turn, KEYS[1]) then found[#found + 1] = raw end
end
return found
"""
)

# RPUSH is the first write: a Redis that is full refuses it, and then nothing has been written. Later ones it allows.
REMEMBER = (
    TURN_OF
    + """
local key, new = KEYS[1], ARGV[1]
local max_turns, max_chars, ttl = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for _, message in ipairs(turn_of(new).messages) do
  if redis.call('EXISTS', gone .. message) == 1 then return 0 end
end
local kind = redis.call('TYPE', key).ok
if kind ~= 'list' and kind ~= 'none' then redis.call('DEL', key) end
redis.call('RPUSH', key, new)
local before = redis.call('LRANGE', key, 0, -2)
local kept, chars = {new}, turn_of(new).chars
for i = #before, 1, -1 do
  local turn = turn_of(before[i])
  if turn and before[i] ~= new and is_reachable(turn, key) then  -- equal: sent again over a new connection
    chars = chars + turn.chars
    if #kept >= max_turns or chars > max_chars then break end
    table.insert(kept, 1, before[i])
  end
end
redis.call('DEL', key)
local now = tonumber(redis.call('TIME')[1])
for _, raw in ipairs(kept) do
  redis.call('RPUSH', key, raw)
  for _, message in ipairs(turn_of(raw).messages) do
    local index = used .. message
    if redis.call('TYPE', index).ok ~= 'zset' then redis.call('DEL', index) end
    redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
    redis.call('ZADD', index, now + ttl, key)
    if redis.call('TTL', index) < ttl then redis.call('EXPIRE', index, ttl) end
  end
end
redis.call('EXPIRE', key, ttl)
return 1
"""
)

RESET = (
    TURN_OF
    + """
local turns = is_list(KEYS[1]) and redis.call('LLEN', KEYS[1]) or 0
redis.call('DEL', KEYS[1])
return turns
"""
)

# A Redis that is full allows removals, and after one the rest of its script. So SET comes last.
FORGET = (
    TURN_OF
    + """
local dropped = 0
for i = 2, #ARGV do
  local message = ARGV[i]
  local index = used .. message
  local keys = redis.call('TYPE', index).ok == 'zset' and redis.call('ZRANGE', index, 0, -1) or {}
  for _, key in ipairs(keys) do
    for _, raw in ipairs(is_list(key) and redis.call('LRANGE', key, 0, -1) or {}) do
      local turn = turn_of(raw)
      local is_hit = turn == nil
      for _, one in ipairs(turn and turn.messages or {}) do is_hit = is_hit or one == message end
      if is_hit then dropped = dropped + redis.call('LREM', key, 0, raw) end
    end
  end
  redis.call('DEL', index)
  redis.call('SET', gone .. message, '1', 'EX', ARGV[1])
end
return dropped
"""
)


# A stretch of all keys; returns where the next one begins.
FORGET_SOME = """
local page = redis.call('SCAN', ARGV[1], 'MATCH', 'threadlore:memory:turns:*', 'COUNT', 1000)
for _, key in ipairs(page[2]) do redis.call('UNLINK', key) end
return page[1]
"""


def open_redis(url: str) -> Redis:
    """A client that gives up after 0.2 s and never retries: whoever asks has something better to do.

    Nothing is connected yet. Options in the URL win.
    Errors: `ValueError` when the URL is none of redis://, rediss://, unix://.
    """
    return Redis.from_url(
        url,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


class RedisMemory:
    """Memory over a Redis that may be shared with other processes.

    A call that could not reach Redis closes the way for `pause_seconds`; then one call tries again. So a dead
    Redis costs one timeout in that time, and one warning in the log for the whole outage.
    """

    def __init__(
        self,
        client: Redis,
        *,
        ttl_seconds: int,
        max_turns: int,
        max_chars: int,
        call_seconds: float = CALL_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._ttl_seconds = ttl_seconds
        self._max_turns = max_turns
        self._max_chars = max_chars
        self._call_seconds = call_seconds
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._is_away = False
        self._next_try = 0.0
        self._refused: set[str] = set()

    async def recall(self, question: Question) -> tuple[Turn, ...]:
        """The turns before this question, oldest first."""
        if not question.conversation:
            return ()
        try:
            stored = await self._run(RECALL, memory_key(question))
        except MemoryUnavailable:
            return ()
        return tuple(turn for raw in stored if (turn := _read(raw)) is not None)

    async def remember(self, question: Question, turn: Turn) -> None:
        """Keep a turn; the oldest ones make room. A turn too long by itself is cut."""
        if not question.conversation:
            return
        stored = _write(turn, self._max_chars)
        try:
            await self._run(REMEMBER, memory_key(question), stored, self._max_turns, self._max_chars, self._ttl_seconds)
        except MemoryUnavailable:
            return

    async def reset(self, question: Question) -> int:
        """Forget this question's conversation, for its audience; returns the number of turns dropped."""
        return int(await self._run(RESET, memory_key(question))) if question.conversation else 0

    async def forget_messages(self, message_keys: Collection[str]) -> int:
        """Drop every turn, of any conversation, that used any of these messages; returns their number."""
        keys = sorted({_storable(key) for key in message_keys})
        dropped = 0
        for start in range(0, len(keys), FORGET_BATCH):
            dropped += int(await self._run(FORGET, None, GONE_SECONDS, *keys[start : start + FORGET_BATCH]))
        return dropped

    async def forget_everything(self) -> None:
        """Drop every turn of every conversation."""
        cursor = "0"
        while (cursor := _text(await self._run(FORGET_SOME, None, cursor))) != "0":
            pass

    async def _run(self, script: str, key: str | None, *args: str | int) -> Any:
        """Run one script. Errors: `MemoryUnavailable` for whatever Redis has against it."""
        if self._is_away:
            if self._clock() < self._next_try:
                raise MemoryUnavailable
            self._next_try = self._clock() + self._pause_seconds  # the others wait for what this call finds
        keys = () if key is None else (key,)
        try:
            async with asyncio.timeout(self._call_seconds):
                result = await self._eval(script, keys, args)
        except AWAY as error:
            self._note_away(error)
            raise MemoryUnavailable from error
        except RedisError as error:
            self._note_refused(script, error)
            raise MemoryUnavailable from error
        if self._is_away:
            log.info("memory_back")
        self._is_away = False
        self._refused.discard(script)
        return result

    async def _eval(self, script: str, keys: tuple[str, ...], args: tuple[str | int, ...]) -> Any:
        try:
            return await self._client.eval(script, len(keys), *keys, *args)
        except RedisConnectionError as error:
            if self._is_away or isinstance(error.__cause__, RedisTimeoutError):
                raise
            # A restart of Redis leaves broken connections in the pool; finding one costs no time, so try a new one.
            await self._client.connection_pool.disconnect(inuse_connections=False)
            return await self._client.eval(script, len(keys), *keys, *args)

    def _note_away(self, error: Exception) -> None:
        if not self._is_away:
            log.warning("memory_away", error=type(error).__name__)
        self._is_away = True
        self._next_try = self._clock() + self._pause_seconds

    def _note_refused(self, script: str, error: Exception) -> None:
        """Redis answered, and said no (out of memory, read-only): that costs no waiting, so the way stays open."""
        if script not in self._refused:
            log.warning("memory_refused", error=type(error).__name__)
        self._refused.add(script)
        self._is_away = False


def memory_key(question: Question) -> str:
    """The Redis key of a question's conversation as one audience sees it.

    With platform and workspace before it, `Audience.key` is unambiguous whatever its parts contain.
    """
    place = question.audience.channel or question.audience.person
    parts = (
        place.platform if place else "",
        place.workspace if place else "",
        question.conversation,
        question.audience.key,
    )
    return ":".join((PREFIX, "turns", *(quote(_storable(part), safe="") for part in parts)))


def _write(turn: Turn, max_chars: int) -> str:
    question, answer = _storable(turn.question), _storable(turn.answer)
    if len(question) + len(answer) > max_chars:
        question = _clip(question, max_chars // 2)
        answer = _clip(answer, max_chars - len(question))
    messages = [_storable(key) for key in turn.message_keys]
    chars = len(question) + len(answer)
    return json.dumps({"question": question, "answer": answer, "messages": messages, "chars": chars})


def _read(raw: bytes) -> Turn | None:
    """A stored turn; None when it is not one. Plain strings only: nothing stored is ever revived as an object."""
    try:
        stored = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    match stored:
        case {"question": str(question), "answer": str(answer), "messages": list(messages)}:
            return Turn(question, answer, tuple(str(key) for key in messages))
        case _:
            return None


def _text(reply: Any) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)


def _storable(text: str) -> str:
    """Half a surrogate pair is no text to Redis' JSON reader."""
    return text.encode("utf-8", "replace").decode()


def _clip(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: max(chars - 1, 0)] + "…"
