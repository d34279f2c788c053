"""What a message said before it was edited is neither told to the model nor shown, whenever the edit comes (R8)."""

import random

import pytest

from bot.conversation import Fragment
from bot.questions import question
from knowledge.index import STILL_TRUE
from knowledge.scope import Audience
from tests.scenarios.conftest import ask, learn
from tests.talk import said

BEFORE, WHILE, BETWEEN = MOMENTS = ("before it is asked about", "while it is answered", "between two questions")


async def stale(app, number, moment):
    """What is wrong after the edit of one message: the old text told or shown again, the new one not shown whole."""
    text, talk, place = (
        f"For which day is the press of row{number}x booked?",
        f"talk-{number}",
        {"minute": number * 1500},
    )
    old, new, end = f"old{number}x", f"new{number}x", f"end{number}x"
    edit = said(str(number), f"The press of row{number}x is booked for {new}, and until {end}", **place, edited=1)
    await learn(app, said(str(number), f"The press of row{number}x is booked for {old}", **place))
    if moment == BETWEEN:
        await ask(app, text, conversation=talk)
    if moment != WHILE:
        await app.archive.record([edit])
    told = len(app.chat.model.prompts) + (moment == WHILE)  # that prompt was made before the edit
    async for event in app.assistant.answer(question(text, None, Audience(), talk)):
        if moment == WHILE and isinstance(event, Fragment):
            await app.archive.record([edit])  # with each word; from the second on it changes nothing
    answers = [event]
    await app.indexer.drain()
    answers.append((await ask(app, text, conversation=talk))[0])
    shown = [one for answer in answers for one in (answer.text, *(cited.line.text for cited in answer.citations))]
    whole = [answer.text for answer in (answers[1:] if moment == WHILE else answers)]
    wrong = [one for one in (*shown, *app.chat.model.prompts[told:]) if old in one]
    return wrong + [one for one in whole if end not in one]


async def edited_at_any_moment(opened, trials):
    dice, wrong = random.Random(7), []
    async with opened(delay_seconds=0.002) as app:
        for number in range(trials):
            wrong += await stale(app, number, MOMENTS[number % 3] if number < 3 else dice.choice(MOMENTS))
    return wrong


@pytest.mark.timeout(3600)
async def test_an_old_text_is_never_told_or_shown_again(opened, size):
    assert await edited_at_any_moment(opened, size(12, 500)) == []


async def test_citing_a_message_without_its_revision_would_be_caught(opened, monkeypatch):
    without = STILL_TRUE.replace("USING (message_pk, rev)", "USING (message_pk)")
    assert without != STILL_TRUE
    monkeypatch.setattr("knowledge.index.STILL_TRUE", without)
    assert await edited_at_any_moment(opened, 3)


async def test_leaving_an_edited_message_as_it_was_cut_would_be_caught(opened, monkeypatch):
    monkeypatch.setattr("knowledge.archive.DROP_LINES", "SELECT %(messages)s::bigint[]")
    assert await edited_at_any_moment(opened, 3)
