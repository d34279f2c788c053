"""Whatever is asked, of whatever is kept: a sensible answer, and never an error."""

import pytest

from bot.assistant import MOST_CHARACTERS
from bot.conversation import Outcome
from tests.scenarios.conftest import KAFKA, LUNCH, ask, learn
from tests.talk import said

STRANGE = {
    "a word that only shapes questions": "the",
    "fifty thousand characters": "kafka " * 8_333 + "?",
    "as many as are read": ("why kafka " * MOST_CHARACTERS)[:MOST_CHARACTERS],
    "nothing but emoji": "🔥🚀👍",
    "a script that the model never saw": "ᚠᚢᚦᚨᚱᚲ ᚷᚹᚺᚾ",
    "Chinese and English": "我们为什么 drop 了 Kafka？",
    "SQL": "'; DROP TABLE message; -- kafka %s %(scope)s",
    "a regular expression": r"(a+)+$ [kafka .*? \1 {9999999}",
    "text search operators": "kafka & ! | <-> :* lunch",
    "a null character": "why\x00 kafka",
    "half a pair of code units": "why kafka \ud83d",
    "one long word": "k" * 3_000,
    "spaces alone": " \t\n ",
}
ANSWERS = {Outcome.ANSWERED, Outcome.ANSWERED_WITH_WARNING, Outcome.DECLINED, Outcome.ASKED_BACK, Outcome.REFUSED_LIMIT}


async def asked_of(opened, *messages):
    async with opened() as app:
        await learn(app, *messages)
        return {name: (await ask(app, text, conversation=name))[0] for name, text in STRANGE.items()}


@pytest.mark.parametrize("kept", [(), (KAFKA,), (KAFKA, LUNCH)], ids=["nothing", "one message", "two"])
async def test_strange_questions_are_answered_sensibly(opened, kept):
    answers = await asked_of(opened, *kept)
    assert all(answer.text for answer in answers.values())
    assert answers["fifty thousand characters"].outcome is Outcome.REFUSED_LIMIT
    assert answers["nothing but emoji"].outcome is answers["spaces alone"].outcome is Outcome.ASKED_BACK
    assert answers["a script that the model never saw"].outcome is Outcome.DECLINED
    assert {answer.outcome for answer in answers.values()} <= ANSWERS
    mixed = answers["Chinese and English"]
    assert [one.line.ref.message_id for one in mixed.citations] == (["1"] if kept else [])


async def test_an_empty_base_says_that_it_knows_nothing(opened):
    async with opened() as app:
        answer, _ = await ask(app, "why did we drop Kafka?")
    assert answer.outcome is Outcome.DECLINED
    assert not answer.nearest


async def test_a_pronoun_is_asked_about_and_its_name_alone_then_answers(opened):
    async with opened() as app:
        await learn(app, KAFKA, said("3", "Tamarind owns the Kafka cluster", minute=900), LUNCH)
        first, _ = await ask(app, "who owns it?")
        second, _ = await ask(app, "the Kafka cluster")
    assert first.outcome is Outcome.ASKED_BACK
    assert "“it”" in first.text
    assert [one.line.ref.message_id for one in second.citations] == ["3"]


async def test_a_thousand_notices_of_a_robot_do_not_hide_what_people_said(opened, size):
    count = size(1_000, 10_000)
    async with opened() as app:
        await learn(
            app, *(said(f"n{i}", f"kafka broker {i} restarted", who="robot", minute=i * 6) for i in range(count))
        )
        await learn(app, KAFKA)
        answer, _ = await ask(app, "why did we drop kafka?")
        number, _ = await ask(app, "when was kafka broker 417 restarted?")
    assert "1" in {one.line.ref.message_id for one in answer.citations}
    assert "n417" in {one.line.ref.message_id for one in number.citations}
