"""Putting one answer where its asker sees it: in a channel, or in the place an interaction holds open."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from adapters.discord.calls import Calls, DiscordRefused
from adapters.discord.render import Rendered
from bot.conversation import Request
from bot.ports import ReplyLost
from knowledge.errors import SourceUnavailable

log = structlog.get_logger()

# An interaction's token lives fifteen minutes; an answer that is written at its very end must still arrive.
TOKEN_LIFE = timedelta(minutes=14)
NONCE_CHARS = 20
UNKNOWN_MESSAGE = 10008


class Place(Protocol):
    """Where the messages of one answer go. Errors: `DiscordRefused`, `SourceUnavailable`."""

    async def post(self, message: Rendered, number: int) -> str:
        """Adds a message; the id it has."""
        ...

    async def edit(self, message_id: str, message: Rendered, number: int) -> str:
        """Replaces a message; the id of the one that shows it now."""
        ...

    async def delete(self, message_id: str) -> None:
        """Takes a message away."""
        ...

    async def find(self) -> list[str]:
        """The messages of this answer that an earlier try posted, in order."""
        ...


class ChannelPlace:
    """A channel, a thread or a conversation of two; the answer replies to the message that asked, if there is one."""

    def __init__(self, calls: Calls, request: Request, channel_id: str, bot_id: str, reply_to: str) -> None:
        self._calls = calls
        self._answer_id = request.answer_id
        self._channel_id = channel_id
        self._bot_id = bot_id
        self._reply_to = reply_to

    async def post(self, message: Rendered, number: int) -> str:
        """As `Place`; sent twice it stands there once."""
        nonce = f"{self._answer_id.replace('-', '')[:NONCE_CHARS]}-{number}"
        return await self._calls.send(self._channel_id, message, nonce=nonce, reply_to=self._reply_to)

    async def edit(self, message_id: str, message: Rendered, number: int) -> str:  # noqa: ARG002 -- the id suffices
        """As `Place`."""
        await self._calls.edit(self._channel_id, message_id, message)
        return message_id

    async def delete(self, message_id: str) -> None:
        """As `Place`."""
        await self._calls.delete(self._channel_id, message_id)

    async def find(self) -> list[str]:
        """What we posted after the message that asked, and in reply to it."""
        if not self._reply_to:
            return []
        found = await self._calls.messages_after(self._channel_id, self._reply_to)
        return [
            str(one["id"])
            for one in found
            if str(one["author"]["id"]) == self._bot_id
            and str((one.get("message_reference") or {}).get("message_id", "")) == self._reply_to
        ]


class HeldPlace:
    """What an interaction holds open: its first message is there already and says that the bot is thinking.

    When its token has run out, `later` takes over: the channel, or for private words the conversation of two.
    """

    def __init__(
        self, calls: Calls, token: str, later: Callable[[], Awaitable[ChannelPlace]], *, ephemeral: bool, alive: bool
    ) -> None:
        self._calls = calls
        self._token = token
        self._later = later
        self._ephemeral = ephemeral
        self._alive = alive

    async def post(self, message: Rendered, number: int) -> str:
        """As `Place`. The first one takes the place that is held open."""
        if self._alive:
            try:
                if number == 0:
                    return await self._calls.edit_original(self._token, message)
                return await self._calls.follow_up(self._token, message, ephemeral=self._ephemeral)
            except DiscordRefused as error:
                self._expire(error)
        return await (await self._later()).post(message, number)

    async def edit(self, message_id: str, message: Rendered, number: int) -> str:
        """As `Place`. What only one person sees cannot be reached without the token: it is said to them anew."""
        if self._alive:
            try:
                await self._calls.edit_follow_up(self._token, message_id, message)
            except DiscordRefused as error:
                self._expire(error)
            else:
                return message_id
        later = await self._later()
        try:
            return await later.edit(message_id, message, number)
        except DiscordRefused as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
        return await later.post(message, number)

    async def delete(self, message_id: str) -> None:
        """As `Place`."""
        if self._alive:
            await self._calls.delete_follow_up(self._token, message_id)
        elif not self._ephemeral:
            await (await self._later()).delete(message_id)

    async def find(self) -> list[str]:
        """Nothing needs to be found: the first message is edited, whether it was before or not."""
        return []

    def _expire(self, error: DiscordRefused) -> None:
        if not error.is_expired:
            raise error
        self._alive = False


class Posting:
    """The messages of one answer. The first is posted early and edited; more follow when the answer is long."""

    def __init__(self, place: Place, known: Sequence[str]) -> None:
        self.place = place
        self._ids = list(known)

    @property
    def ids(self) -> tuple[str, ...]:
        """The messages so far."""
        return tuple(self._ids)

    async def take_over(self) -> None:
        """Finds what an earlier try posted and could not note. Errors: `ReplyLost`, `SourceUnavailable`."""
        with lost():
            self._ids += [one for one in await self.place.find() if one not in self._ids]

    async def show(self, message: Rendered) -> None:
        """Puts this into the first message, posting it when there is none. Errors: `ReplyLost`, `SourceUnavailable`."""
        with lost():
            await self._put(0, message)

    async def finish(self, parts: Sequence[Rendered]) -> None:
        """The whole answer: parts beyond those posted are added, those beyond the answer are taken away."""
        with lost():
            for number, part in enumerate(parts):
                await self._put(number, part)
            for surplus in self._ids[len(parts) :]:
                await self.place.delete(surplus)
            del self._ids[len(parts) :]

    async def _put(self, number: int, message: Rendered) -> None:
        if number < len(self._ids):
            self._ids[number] = await self.place.edit(self._ids[number], message, number)
        else:
            self._ids.append(await self.place.post(message, number))


class lost:  # noqa: N801  # reads as a statement: with lost()
    """A refusal that no other try can change means that nobody can be told any more."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DiscordRefused):
            if error.is_gone or error.is_expired:
                raise ReplyLost from error
            raise SourceUnavailable(str(error)) from error


def is_alive(opened_at: str, now: datetime | None = None) -> bool:
    """Whether an interaction's token, opened then (ISO), can still be used."""
    try:
        return (now or datetime.now(UTC)) - datetime.fromisoformat(opened_at) < TOKEN_LIFE
    except (ValueError, TypeError):
        return False
