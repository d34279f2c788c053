"""Each part that `eval retrieval --ablate` switches off is missed where a question hangs on it."""

import json

import pytest

from bot.evaluation.laboratory import stocked_with
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation.datasets import Query, QuestionSet
from knowledge.evaluation.run import PARTS, RERANK, WHOLE, evaluate_retrieval
from knowledge.followup import Exchange
from knowledge.reranking import Reranking
from tests.fakes.models import WordEmbedding
from tests.fakes.reranker import FakeReranker

APART = 1_000
"""Talk so many numbers apart is cut apart."""
# Of two that are as good the first comes first, so what is wanted stands last.
TALK = {
    "speaker": [[("Kumquat", "The wagon is repaired")], [("Quince", "The wagon is repaired")]],
    "context": [
        [
            ("Medlar", "The press for the olives?"),
            ("Quince", "By the door under that roof of rusty tin"),
            ("Medlar", "Yes"),
            ("Sorrel", "Hm"),
            ("Sorrel", "A door"),
        ]
    ],
    "lexical": [
        *([("Sorrel", "Lunch")] for _ in range(5)),
        [("Sorrel", "Nothing at all today, good night")],
        [("Sorrel", "Kafka went away")],
    ],
    "dense": [[("Sorrel", "Sails over here")], [("Sorrel", "Sails we had")]],
    "priors": [[("Medlar", "We oil the mill")], [("Sorrel", "We oil the mill")]],
    "history": [[("Sorrel", "That cheese is cold")], [("Sorrel", "Boats are painted in March")]],
}
QUESTIONS = {
    "speaker": ("Has Quince repaired it?", "1-0", ()),
    "context": ("Which door has the press for olives?", "0-1", ()),
    "lexical": ("Kafka lunch", "6-0", ()),
    "dense": ("What sails had we?", "1-0", ()),
    "priors": ("Who oils the mill in April?", "0-0", ()),
    "history": ("And when was that?", "1-0", (Exchange("Are the boats painted?", "Yes."),)),
}


def _when(part, n, m):
    """Where a message stands: by its number, or where time plays a part, in a month of its own."""
    return {"ts": f"2026-{4 + n:02}-10T09:00:00"} if part == "priors" else {"seq": APART * n + m}


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    rows = [
        {"id": f"{part}:{n}-{m}", "channel": part, "author": author, "text": text, **_when(part, n, m)}
        for part, stretches in TALK.items()
        for n, stretch in enumerate(stretches)
        for m, (author, text) in enumerate(stretch)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


async def test_each_part_is_missed_where_a_question_hangs_on_it(server_url, corpus):
    embeddings = ModelEmbeddings(WordEmbedding())

    async def place(bench, name, off):
        text, relevant, earlier = QUESTIONS[name]
        questions = QuestionSet("orchard", corpus, (Query(name, text, {f"{name}:{relevant}": 1}, name, earlier),))
        entry = await evaluate_retrieval(bench.library, questions, "words", off, bench.show)
        assert entry.get("without", "") == off.name
        return entry["line"]["mrr@10"]

    everything = QuestionSet("orchard", corpus)
    async with (
        stocked_with(server_url, everything, embeddings) as signed,
        stocked_with(server_url, everything, embeddings, speaker=False) as unsigned,
    ):
        whole = {part.name: await place(signed, part.name, WHOLE) for part in PARTS}
        off = {part.name: await place(signed if part.speaker else unsigned, part.name, part) for part in PARTS}
    assert whole == {"speaker": 1, "context": 0.5, "lexical": 1, "dense": 1, "history": 1, "priors": 1}
    assert [name for name in whole if off[name] >= whole[name]] == []


async def test_a_reranker_is_missed_where_it_is_switched_off(server_url, corpus):
    reranking = Reranking(FakeReranker(lambda _query, text: float("away" in text), name="sage"))
    query = Query("rerank", "Lunch?", {"lexical:6-0": 1}, "lexical")
    questions, embeddings = QuestionSet("orchard", corpus, (query,)), ModelEmbeddings(WordEmbedding())
    async with stocked_with(server_url, questions, embeddings, reranking=reranking) as bench:
        whole, off = [
            await evaluate_retrieval(bench.library, questions, "words", part, bench.show) for part in (WHOLE, RERANK)
        ]
    assert whole["line"]["mrr@10"] == 1.0
    assert off["line"]["mrr@10"] < 1.0
    assert (whole["reranker"], whole.get("without"), off["without"]) == ("sage", None, "rerank")
    assert "reranker" not in off


async def test_without_speakers_no_text_that_is_embedded_holds_a_name(server_url, corpus):
    model = WordEmbedding()
    async with stocked_with(server_url, QuestionSet("orchard", corpus), ModelEmbeddings(model), speaker=False):
        pass
    assert "#speaker\nThe wagon is repaired" in model.texts
    assert not [text for text in model.texts if "Quince" in text or "Sorrel" in text]
