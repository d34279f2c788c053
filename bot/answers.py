"""Questions handed in by adapters, and the answers they led to: found again, rated, opened, taken away."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.answer_records import Posted
from bot.citations import quote
from bot.conversation import Citation, Request
from bot.outbox import Outbox
from knowledge.access import Access
from knowledge.freshness import Freshness
from knowledge.index import Index
from knowledge.messages import ChannelRef, PersonRef
from knowledge.scope import Audience

# As a platform writes it, with ids for names and links in full: four times what a question may have. The rest of what
# is refused anyway is neither kept nor parsed.
MOST_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class Answers:
    """The adapters' side of the outbox. `wake` tells the process that something is to be answered."""

    outbox: Outbox
    access: Access
    freshness: Freshness
    index: Index
    wake: Callable[[], None]

    async def ask(self, request: Request) -> bool:
        """Hands in a question; False when it was handed in before. Errors: `KnowledgeUnavailable`."""
        if len(request.text) > MOST_CHARACTERS:
            request = replace(request, text=request.text[:MOST_CHARACTERS])
        is_new = await self.outbox.open(request)
        if is_new:
            self.wake()
        return is_new

    async def find(self, answer_id: str) -> Posted | None:
        """An answer by its id."""
        return await self.outbox.get(answer_id)

    async def at(self, channel: ChannelRef, place: str) -> Posted | None:
        """The answer that one of our messages shows."""
        return await self.outbox.find_by_place(channel.platform, channel.workspace, channel.channel_id, place)

    async def askers_in(self, channel: ChannelRef, thread_id: str) -> tuple[list[str], int]:
        """Who asked the bot in this thread, latest first, and how many of the questions were other bots'."""
        return await self.outbox.in_thread(channel, thread_id)

    async def rate(self, answer_id: str, person: PersonRef, *, helpful: bool, reason: str = "", note: str = "") -> None:
        """Keeps what a person thinks of an answer; the last word counts."""
        await self.outbox.feedback(answer_id, person.person_id, helpful=helpful, reason=reason, note=note)

    async def sources(self, answer_id: str, person: PersonRef) -> tuple[Citation, ...]:
        """What an answer cites, in full, as far as this person may read it now."""
        audience = Audience(person=person)
        await self.freshness.ensure(audience, person)
        scope = await self.access.scope_for(audience, person)
        cited = await self.outbox.sources(answer_id)
        found = await self.index.lines(scope.channel_pks, [], [message_pk for _, message_pk, _ in cited])
        lines = {line.message_pk: line for lines in found.values() for line in lines}
        return tuple(
            Citation(n, lines[message_pk], quote(lines[message_pk].text))
            for n, message_pk, rev in cited
            if message_pk in lines and lines[message_pk].rev == rev
        )

    async def taken_away(self, channel: ChannelRef, place: str) -> None:
        """Somebody deleted one of our messages: the answer that it showed is not to be shown again."""
        posted = await self.at(channel, place)
        if posted is not None:
            await self.outbox.removed(posted.request.answer_id)

    async def removed(self, answer_id: str) -> None:
        """An answer was taken off the platform."""
        await self.outbox.removed(answer_id)
