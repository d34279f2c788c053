"""From what is typed on the command line to a Question: names become people and channels."""

from uuid import uuid4

from bot.conversation import Question
from bot.errors import UsageProblem
from knowledge.access import Access
from knowledge.messages import ChannelRef, PersonRef
from knowledge.scope import Audience


async def asker_and_audience(
    access: Access, user: str | None, channel: str | None
) -> tuple[PersonRef | None, Audience]:
    """Who asks, and who will see the answer.

    A channel: its readers. A person alone: that person. Neither: the operator, who sees everything.
    Errors: `UsageProblem` for a name that is unknown or means several.
    """
    here = await the_channel(access, channel) if channel is not None else None
    asker = await the_person(access, user, here) if user is not None else None
    if here is not None:
        return asker, Audience(channel=here)
    return asker, Audience(person=asker)


def question(
    text: str, asker: PersonRef | None, audience: Audience, conversation: str = "", *, adapter: str = ""
) -> Question:
    """A question from the terminal. `adapter`: as of `Question`."""
    return Question(uuid4().hex, text, audience, asker, conversation, adapter=adapter)


async def the_channel(access: Access, name: str) -> ChannelRef:
    """The one channel of that name or id. Errors: `UsageProblem`."""
    found = await access.find_channels(name)
    if not found:
        raise UsageProblem(f"There is no channel {name}: `threadlore status` lists those that are known.")
    if len(found) > 1:
        ids = ", ".join(f"{ref.channel_id} in {ref.workspace}" for ref, _ in found)
        raise UsageProblem(f"Several channels are called {name} ({ids}): name one by its id.")
    return found[0][0]


async def the_person(access: Access, name: str, here: ChannelRef | None = None) -> PersonRef:
    """The one person of that name or id, in the channel's workspace if a channel is given. Errors: `UsageProblem`."""
    found = [
        ref
        for ref, _ in await access.find_people(name)
        if here is None or (ref.platform, ref.workspace) == (here.platform, here.workspace)
    ]
    if not found:
        raise UsageProblem(f"There is no person {name} here.")
    if len(found) > 1:
        ids = ", ".join(f"{ref.person_id} in {ref.workspace}" for ref in found)
        raise UsageProblem(f"Several people are called {name} ({ids}): name one by id.")
    return found[0]
