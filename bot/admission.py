"""The last look before a prompt: each line stands for a message that is in scope, as it stands now.

Whatever found a line, the search, a summary's reading or the thread it was asked in, it is admitted here or dropped.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

import structlog

from bot.thread_context import is_kept
from knowledge.index import Index
from knowledge.messages import MessageRef
from knowledge.passages import Line, Passage
from knowledge.scope import Scope

log = structlog.get_logger()


def message_key(line: Line) -> str:
    """A message as one answer saw it: an edit makes a new key, so what was said of the old text is not recalled."""
    return f"{line.message_pk}:{line.rev}"


async def admitted(index: Index, scope: Scope, lines: Sequence[Line], told: Collection[MessageRef] = ()) -> list[Line]:
    """The lines that may stand in a prompt. Of those that are not kept, only what was `told` with the question may.

    Errors: `KnowledgeUnavailable`.
    """
    kept = [line for line in lines if is_kept(line)]
    standing = await index.still_true(scope.channel_pks, sorted({message_key(line) for line in kept}))
    may: list[Line] = []
    for line in lines:
        if message_key(line) in standing if is_kept(line) else line.ref in told:
            may.append(line)
        else:
            log.warning("line_not_admitted", message_pk=line.message_pk, channel_pk=line.channel_pk, rev=line.rev)
    return may


async def admitted_passages(
    index: Index, scope: Scope, passages: Sequence[Passage], told: Collection[MessageRef] = ()
) -> list[Passage]:
    """The passages, with admitted lines alone; one of which none is left goes."""
    lines = [line for passage in passages for line in passage.lines]
    may = {id(line) for line in await admitted(index, scope, lines, told)}
    cut = (replace(one, lines=tuple(line for line in one.lines if id(line) in may)) for one in passages)
    return [passage for passage in cut if passage.lines]
