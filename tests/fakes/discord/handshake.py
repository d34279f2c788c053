"""How a connection gets its session: IDENTIFY and RESUME, and every reason to refuse them."""

import itertools
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.intents import GUILD_MEMBERS, GUILDS, KNOWN, PRIVILEGED
from tests.fakes.discord.outbox import Outbox
from tests.fakes.discord.sessions import Connection, Session
from tests.fakes.slack.clock import Clock

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

BAD_TOKEN, INVALID_SEQ, BAD_SHARD, BAD_INTENTS, FORBIDDEN_INTENTS = 4004, 4007, 4010, 4013, 4014
IDENTIFIES_A_DAY, DAY_SECONDS, IDENTIFY_SECONDS = 1_000, 86_400.0, 5.0


class Refusal(Exception):
    """`code` closes the connection; without one, the session is called invalid."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


class Handshake:
    """Keeps count of what was asked."""

    def __init__(self, world: "World", clock: Clock, outbox: Outbox) -> None:
        self._world = world
        self.clock = clock
        self._outbox = outbox
        self._numbers = itertools.count(1)
        self._last = 0.0
        self._day_ends = 0.0
        self._used = 0
        self.strict = False
        """Whether only one IDENTIFY is taken in five seconds, of all shards together."""
        self.privileged = PRIVILEGED
        """The privileged intents that are switched on in the portal; GUILD_MEMBERS hangs on `lists_members` too."""

    def start_limit(self) -> dict[str, int]:
        """`session_start_limit` of GET /gateway/bot."""
        left = self._day_ends - self.clock.now()
        return {
            "total": IDENTIFIES_A_DAY,
            "remaining": IDENTIFIES_A_DAY - (self._used if left > 0 else 0),
            "reset_after": max(0, int(left * 1000)),
            "max_concurrency": 1,
        }

    def use_up(self, *, remaining: int, day_ends_in: float) -> None:
        """So many starts are left until the day ends, in seconds."""
        self._used, self._day_ends = IDENTIFIES_A_DAY - remaining, self.clock.now() + day_ends_in

    def identify(self, connection: Connection, asked: dict[str, Any]) -> Session:
        """A new session, with READY and its guilds on their way. Errors: Refusal."""
        if self._token_of(asked) != self._world.token or self.start_limit()["remaining"] <= 0:
            raise Refusal(BAD_TOKEN)
        shard = tuple(asked.get("shard") or (0, 1))
        if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            raise Refusal(BAD_SHARD)
        self._count()
        intents = asked.get("intents")
        if not isinstance(intents, int) or intents & ~KNOWN:
            raise Refusal(BAD_INTENTS)
        switched_on = self.privileged if self._world.lists_members else self.privileged & ~GUILD_MEMBERS
        if intents & PRIVILEGED & ~switched_on:
            raise Refusal(FORBIDDEN_INTENTS)
        session = Session(f"session-{next(self._numbers)}", intents, shard, asked.get("large_threshold", 50))
        self._outbox.sessions[session.id] = session
        connection.attach(session)
        self._greet(session, connection, with_shard="shard" in asked)
        return session

    def resume(self, connection: Connection, asked: dict[str, Any]) -> Session:
        """A session goes on after the last event the bot knows. Errors: Refusal."""
        if self._token_of(asked) != self._world.token:
            raise Refusal(BAD_TOKEN)
        session = self._outbox.sessions.get(str(asked.get("session_id")))
        seq = asked.get("seq")
        if session is None or session.is_forgotten:
            raise Refusal
        if not isinstance(seq, int) or not 0 <= seq <= session.seq:
            raise Refusal(INVALID_SEQ)
        connection.attach(session, after=seq)
        self._outbox.tell(session, "RESUMED", {"_trace": []})
        return session

    def _greet(self, session: Session, connection: Connection, *, with_shard: bool) -> None:
        ready = self._world.ready_payload()
        guilds = [guild for guild in ready["guilds"] if session.has(guild["id"])]
        session.guilds.update(guild["id"] for guild in guilds)
        ready |= {
            "guilds": guilds,
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": connection.resume_url,
            "_trace": [],
        }
        if with_shard:
            ready["shard"] = list(session.shard)
        self._outbox.tell(session, "READY", ready)
        for guild in guilds:
            if session.intents & GUILDS and guild["id"] not in self._world.unavailable:
                self._outbox.tell(session, "GUILD_CREATE", self._world.guild_payload(guild["id"]))

    def _count(self) -> None:
        now = self.clock.now()
        if self._day_ends <= now:
            self._day_ends, self._used = now + DAY_SECONDS, 0
        self._used += 1
        if self.strict and now - self._last < IDENTIFY_SECONDS:
            raise Refusal
        self._last = now

    @staticmethod
    def _token_of(asked: dict[str, Any]) -> str:
        return str(asked.get("token", "")).removeprefix("Bot ")
