"""A platform in this process: it keeps messages by place, loses replies when told to, and finds what it posted."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from bot.conversation import Answer, Question, Request
from bot.ports import ReplyLost
from knowledge.errors import SourceUnavailable
from knowledge.scope import Audience

PLACEHOLDER = "…"


@dataclass(slots=True)
class Message:
    """One message of the bot, as everybody sees it."""

    answer_id: str
    text: str
    is_final: bool = False


@dataclass
class FakePlatform:
    """Shared by all processes of a test, as the real one would be.

    `lose_replies`: so many of the next posts are made, and their ids lost on the way back. `is_down`: nothing gets
    through. `gone`: conversations nobody is in any more, by channel id.
    """

    name: str = "slack"
    reader_kinds: tuple[str, ...] = ()
    lose_replies: int = 0
    is_down: bool = False
    gone: set[str] = field(default_factory=set)
    post_seconds: float = 0.0
    messages: dict[str, Message] = field(default_factory=dict)
    calls: dict[str, list[tuple[str, object]]] = field(default_factory=lambda: defaultdict(list))
    offered: list[str] = field(default_factory=list)
    withdrawn: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    _numbers: count = field(default_factory=lambda: count(1))

    async def reply_to(self, request: Request, places: Sequence[str], *, resumed: bool) -> "FakeReply":
        await self._reach(request)
        self.calls[request.answer_id].append(("reply_to", resumed))
        return FakeReply(self, request, list(places) or (self.find(request.answer_id) if resumed else []))

    async def question(self, request: Request) -> Question:
        await self._reach(request)
        return Question(request.answer_id, request.text, Audience(channel=request.channel), request.asker)

    async def offer_privately(self, request: Request) -> None:
        await self._reach(request)
        self.offered.append(request.answer_id)

    async def withdraw(self, request: Request, places: Sequence[str]) -> None:
        self.withdrawn.append((request.answer_id, tuple(places)))

    def shown(self, answer_id: str) -> list[str]:
        """The messages that everybody sees of one answer."""
        return [message.text for message in self.messages.values() if message.answer_id == answer_id]

    def find(self, answer_id: str) -> list[str]:
        """The places of one answer."""
        return [place for place, message in self.messages.items() if message.answer_id == answer_id]

    def times(self, answer_id: str, call: str) -> int:
        return [name for name, _ in self.calls[answer_id]].count(call)

    async def post(self, answer_id: str, text: str) -> str:
        await asyncio.sleep(self.post_seconds)
        place = f"{next(self._numbers)}.0"
        self.messages[place] = Message(answer_id, text)
        if self.lose_replies:
            self.lose_replies -= 1
            raise SourceUnavailable("The post was made; nobody heard.")
        return place

    async def _reach(self, request: Request) -> None:
        await asyncio.sleep(0)
        if request.channel.channel_id in self.gone:
            raise ReplyLost
        if self.is_down:
            raise SourceUnavailable("The platform does not answer.")


class FakeReply:
    """One message, edited in place. It is posted once: when the id of a post was lost, it is looked for first.

    Calls of one reply never come two at a time: that would be two placeholders.
    """

    def __init__(self, platform: FakePlatform, request: Request, places: list[str]) -> None:
        self._platform = platform
        self._request = request
        self._places = places
        self._is_unsure = False
        self._is_busy = False

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(self._places)

    async def waiting(self, place: int) -> None:
        await self._show("waiting", place, PLACEHOLDER)

    async def write(self, text: str) -> None:
        await self._show("write", text, text)

    async def finish(self, answer: Answer) -> None:
        await self._show("finish", answer, answer.text)
        self._platform.messages[self._places[0]].is_final = True

    async def fail(self, sentence: str) -> None:
        await self._show("fail", sentence, sentence)

    async def _show(self, call: str, argument: object, text: str) -> None:
        assert not self._is_busy, "two calls of one reply at a time"
        self._is_busy = True
        try:
            await self._platform._reach(self._request)
            self._platform.calls[self._request.answer_id].append((call, argument))
            if self._is_unsure and not self._places:
                self._places += self._platform.find(self._request.answer_id)
            if self._places:
                self._platform.messages[self._places[0]].text = text
            else:
                self._is_unsure = True
                self._places.append(await self._platform.post(self._request.answer_id, text))
        finally:
            self._is_busy = False
