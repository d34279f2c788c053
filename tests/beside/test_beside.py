"""What the other ways are given, and how they are compared; the other ways themselves are not installed here."""

import json

from bot.evaluation.laboratory import stocked_with
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation.datasets import QuestionSet
from tests.beside.documents import messages_of, units_of
from tests.beside.interval import difference
from tests.fakes.models import WordEmbedding

ROWS = [
    {"id": "1", "channel": "yard", "author": "Quince", "text": "The  wagon is\nrepaired", "ts": "2026-05-04T09:00:00"},
    {"id": "2", "channel": "yard", "text": "漆已经干了", "ts": "2026-05-04T09:01:00"},
    {"id": "3", "channel": "mill", "author": "Medlar", "text": "Grain is late. " * 200},
]


async def test_the_other_ways_get_every_message_and_the_texts_that_we_embed(server_url, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(map(json.dumps, ROWS)))
    model = WordEmbedding()
    async with stocked_with(server_url, QuestionSet("farm", corpus), ModelEmbeddings(model)) as bench:
        messages, units = await messages_of(bench.database), await units_of(bench.database)
    assert [(one.messages, one.channel) for one in messages] == [(("1",), "yard"), (("2",), "yard"), (("3",), "mill")]
    assert [one.signed for one in messages[:2]] == ["Quince: The wagon is repaired", "漆已经干了"]
    assert {one.text for one in units} == set(model.texts)
    assert ("1", "2") in [one.messages for one in units]
    assert sum(one.messages == ("3",) for one in units) > 1


def test_a_difference_is_taken_question_by_question():
    theirs = [n / 100 for n in range(100)]
    apart = difference([one + 0.1 for one in theirs], theirs)
    assert (apart["mean"], apart["low"], apart["high"]) == (0.1, 0.1, 0.1)
    apart = difference([1.0, 0.0] * 50, [0.0, 1.0] * 50)
    assert apart["low"] < apart["mean"] == 0.0 < apart["high"]
