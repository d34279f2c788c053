"""No made-up answer (R21): whatever breaks in retrieval, the asker hears that it failed; nothing is written instead."""

import itertools

import pytest

from bot.errors import AnswerFailed, KnowledgeDown
from knowledge.errors import KnowledgeUnavailable
from knowledge.index import Index
from knowledge.retriever import Search
from tests.load.processes import UNLIMITED
from tests.scenarios.slack.talk import WHY_KAFKA, Tidepool

INVENTED = "The moon is made of excellent cheese"
FAILED = {f":x: {KnowledgeDown().sentence}", f":x: {AnswerFailed().sentence}"}
PLACES = ("statistics", "search_text", "search_vector", "lines", "passages")
ERRORS = (KnowledgeUnavailable, RuntimeError, TimeoutError, ValueError, MemoryError)


def invented(_prompt):
    return f"{INVENTED} [1]"


async def told(tidepool, number):
    answer = await tidepool.answer(tidepool.mention(f"{WHY_KAFKA} ({number})"))
    return answer.text


@pytest.mark.timeout(1200)
async def test_a_fault_in_retrieval_is_told_as_a_fault(slack, slack_bot, monkeypatch, size, report):
    faults = size(20, 100)
    tidepool, said = Tidepool(slack, slack_bot), []
    async with tidepool.bot(invented, limits=UNLIMITED):
        nothing = await told(tidepool, "unicorn? lease of the aquarium, insurer in Iceland")
        pairs = itertools.islice(itertools.cycle(itertools.product(PLACES, ERRORS)), faults)
        for number, (place, error) in enumerate(pairs):
            with monkeypatch.context() as broken:

                async def fails(*_arguments, error=error, **_options):
                    raise error("out of order")

                broken.setattr(Search if place == "passages" else Index, place, fails)
                said.append(await told(tidepool, number))
        prompts = len(tidepool.prompts)
    report("retrieval_faults", faults=faults, prompts=prompts, sentences=len(set(said)))
    assert set(said) <= FAILED
    assert nothing not in FAILED
    assert prompts == 0
    assert INVENTED not in str([one.payload for one in slack.visible_payloads()])


async def test_a_fault_that_passes_for_nothing_found_would_be_caught(slack, slack_bot, monkeypatch):
    tidepool, sound = Tidepool(slack, slack_bot), Search.passages

    async def swallowing(search, *arguments, **options):
        try:
            return await sound(search, *arguments, **options)
        except RuntimeError:
            return []

    async def fails(*_arguments, **_options):
        raise RuntimeError

    async with tidepool.bot(invented):
        monkeypatch.setattr(Search, "passages", swallowing)
        monkeypatch.setattr(Index, "lines", fails)
        assert await told(tidepool, 0) not in FAILED
