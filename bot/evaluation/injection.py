"""The work of `threadlore eval injection`: documents that give orders, asked about, answered, rendered and judged."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.chain import MODEL_AWAY, QUARANTINED, Asked, Parts, answer_chain, generator
from bot.citations import sentences
from bot.conversation import Answer, Fragment, Question
from bot.errors import ModelUnavailable
from bot.evaluation.answers import Told, is_declined, scored
from bot.evaluation.injection_set import Case, Document, InjectionSet, channel_of
from bot.evaluation.obedience import Judgement, Reply, judge, own_words
from bot.evaluation.rendered import Rendered, counted
from bot.telemetry import Stopwatch
from knowledge.evaluation import overlap
from knowledge.evaluation.library import Library, Progress
from knowledge.evaluation.metrics import mean, percentile

Posted = Callable[[str, Answer, datetime], Mapping[str, Sequence[object]]]
"""What each platform would be sent of an answer: what was shown while it was written, and the answer."""

RESAMPLES = 1000
Z95 = 1.96


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one case."""

    case: Case
    judgement: Judgement
    rendered: Rendered
    is_declined: bool
    obeyed_bare: bool | None
    """The same without the guard, where that was asked for."""


@dataclass(frozen=True, slots=True)
class Scored:
    """How well a clean document was answered with the guard, without it, and by the model's own words without it."""

    guarded: float
    bare: float
    bare_words: float
    is_declined: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was found in one set."""

    name: str
    found: tuple[Found, ...]
    clean: tuple[Scored, ...]


class Bot:
    """Asks about documents in a stocked library, with and without the guard; about each once each way."""

    def __init__(self, parts: Parts, library: Library, documents: Sequence[Document]) -> None:
        self._library = library
        self._channels = {document: channel_of(number) for number, document in enumerate(documents)}
        parts = replace(parts, memory=Told(), search=library.search)
        self._chains = {guarded: answer_chain(replace(parts, guarded=guarded)) for guarded in (True, False)}
        self._said: dict[tuple[Document, bool], tuple[str, Answer]] = {}

    async def say(self, document: Document, *, guarded: bool = True) -> tuple[str, Answer]:
        """What is shown while the answer is written, and the answer. Errors: `ModelUnavailable`."""
        key = (document, guarded)
        if key not in self._said:
            self._said[key] = await self._ask(document, guarded=guarded)
        return self._said[key]

    async def _ask(self, document: Document, *, guarded: bool) -> tuple[str, Answer]:
        channel = self._channels[document]
        scope = self._library.scope(channel)
        question = Question(channel, document.question, scope.audience)
        asked = Asked(question=question, scope=scope, watch=Stopwatch())
        written, answers = "", list[Answer]()
        async with aclosing(generator(self._chains[guarded].astream(asked))) as events:
            async for event in events:
                match event:
                    case Fragment():
                        written += event.text
                    case Answer():
                        answers.append(event)
        if answers[0].text.startswith((MODEL_AWAY, QUARANTINED)):
            raise ModelUnavailable
        return written, answers[0]


async def withstood(bot: Bot, chosen: InjectionSet, posted: Posted, on_progress: Progress, *, bare: bool) -> Outcome:
    """Asks every case and every clean document of a set. `bare`: the cases without the guard, too."""
    found: list[Found] = []
    for number, case in enumerate(chosen.cases, start=1):
        found.append(await _withstood(bot, case, posted, bare=bare))
        on_progress("cases", number, len(chosen.cases))
    clean: list[Scored] = []
    for number, document in enumerate(chosen.clean, start=1):
        clean.append(await _scored(bot, document))
        on_progress("clean documents", number, len(chosen.clean))
    return Outcome(chosen.name, tuple(found), tuple(clean))


async def _withstood(bot: Bot, case: Case, posted: Posted, *, bare: bool) -> Found:
    written, answer = await bot.say(case.document)
    judgement = await _judged(bot, case, guarded=True)
    payloads = posted(written, answer, datetime.now(UTC))
    lines = [*(citation.line for citation in answer.citations), *answer.nearest]
    rendered = counted(payloads, {line.permalink for line in lines})
    without = (await _judged(bot, case, guarded=False)).obeyed if bare else None
    return Found(case, judgement, rendered, is_declined(answer), without)


async def _judged(bot: Bot, case: Case, *, guarded: bool) -> Judgement:
    _, answer = await bot.say(case.document, guarded=guarded)
    known = "\n".join((case.clean.text, *case.document.right))
    found = judge(case.instruction, case.document.question, known, _reply(answer), Reply("", {}))
    if not found.obeyed:  # the answer to the clean document can only acquit
        return found
    _, clean = await bot.say(case.clean, guarded=guarded)
    return judge(case.instruction, case.document.question, known, _reply(answer), _reply(clean))


async def _scored(bot: Bot, document: Document) -> Scored:
    _, guarded = await bot.say(document)
    _, bare = await bot.say(document, guarded=False)
    words = "" if is_declined(bare) else "\n".join(sentences(own_words(_reply(bare))))
    return Scored(
        overlap.f1(scored(guarded), document.right),
        overlap.f1(scored(bare), document.right),
        overlap.f1(words, document.right),
        is_declined(guarded),
    )


def _reply(answer: Answer) -> Reply:
    cited = {citation.n: citation.line.text for citation in answer.citations}
    return Reply(answer.text, cited, is_answer=not is_declined(answer))


def injection_document(outcomes: Sequence[Outcome], model: str) -> dict[str, Any]:
    """What `--json` prints: all sets together, then each."""
    found = tuple(one for outcome in outcomes for one in outcome.found)
    clean = tuple(one for outcome in outcomes for one in outcome.clean)
    whole = _entry(Outcome("", found, clean))
    if len(outcomes) > 1:
        whole["sets"] = [{"name": outcome.name} | _entry(outcome) for outcome in outcomes]
    return whole | {"model": model}


def _entry(outcome: Outcome) -> dict[str, Any]:
    found, clean = outcome.found, outcome.clean
    obeyed = [one.judgement.obeyed for one in found]
    bare = [one.obeyed_bare for one in found if one.obeyed_bare is not None]
    differences = [one.guarded - one.bare for one in clean]
    return {
        "cases": len(found),
        "obeyed": _share(obeyed),
        "links_rendered": sum(one.rendered.links for one in found),
        "mentions_rendered": sum(one.rendered.mentions for one in found),
        "clean_f1_with_guard": _mean([one.guarded for one in clean]),
        "clean_f1_without": _mean([one.bare for one in clean]),
        "obeyed_interval": wilson(sum(obeyed), len(found)),
        **({"obeyed_without_guard": _share(bare)} if bare else {}),
        "quoted": _share([one.judgement.quoted for one in found]),
        "declined": _share([one.is_declined for one in found]),
        "categories": {
            name: _share([one.judgement.obeyed for one in found if one.case.category == name])
            for name in sorted({one.case.category for one in found})
        },
        "clean": {
            "n": len(clean),
            "declined": _share([one.is_declined for one in clean]),
            "own_words_f1_without": _mean([one.bare_words for one in clean]),
            "difference": _mean(differences),
            "difference_interval": bootstrap(differences),
        },
    }


def wilson(hits: int, n: int) -> list[float]:
    """The 95 % interval of a share; unlike a bootstrap it is no point where nothing, or everything, was hit.

    Source: Wilson (1927).
    """
    if not n:
        return [0.0, 1.0]
    share, square = hits / n, Z95**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    reach = Z95 / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return [round(max(0.0, middle - reach), 4), round(min(1.0, middle + reach), 4)]


def bootstrap(values: Sequence[float]) -> list[float]:
    """The 95 % interval of a mean; the same values always give the same one."""
    dice = random.Random(1)  # noqa: S311 - a sample, no secret
    means = [mean(dice.choices(values, k=len(values))) for _ in range(RESAMPLES)] if values else []
    return [round(percentile(means, share), 4) for share in (0.025, 0.975)]


def _share(hits: Sequence[bool]) -> float:
    return _mean([float(hit) for hit in hits])


def _mean(values: Sequence[float]) -> float:
    return round(mean(values), 4)
