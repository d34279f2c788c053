"""Which ways stand beside each other, and how far apart they are."""

import time
from contextlib import AsyncExitStack

from knowledge.evaluation import metrics
from knowledge.evaluation.run import PASSAGES, WHOLE, Asked, Part, ask_all, figures
from knowledge.ranking import Switches
from tests.beside.bm25 import usual, with_our_terms
from tests.beside.documents import messages_of, units_of
from tests.beside.interval import difference
from tests.beside.langchain import vector_store

OURS = "threadlore"
WORDS = "threadlore, words alone, without the talk before"


async def compared(bench, questions, embeddings, left_out=()):
    """One entry for each way, ours first, over one stocked set."""
    async with AsyncExitStack() as stack:
        ways = await _ways(stack, bench, embeddings, left_out)
        asked = {
            OURS: await ask_all(bench.library, questions, WHOLE, bench.show),
            WORDS: await ask_all(bench.library, questions, Part("", Switches(dense=False), history=False), bench.show),
        }
        for name, way in ways.items():
            asked[name] = await _ask(way, bench, questions, _alone, name)
            if any(query.earlier for query in questions.queries) and "our terms" not in name:
                longer = f"{name}, behind the question before"
                asked[longer] = await _ask(way, bench, questions, _behind, longer)
    entries = [{"way": name, **figures(results)} for name, results in asked.items()]
    for entry in entries[1:]:
        entry["ours_minus_it"] = {"ndcg@10": difference(_ndcg(asked[OURS]), _ndcg(asked[entry["way"]]))}
    return {"name": questions.name, "queries": len(asked[OURS]), "ways": entries}


async def _ways(stack, bench, embeddings, left_out):
    messages, units = await messages_of(bench.database), await units_of(bench.database)
    ways = {}
    for kind, documents in (("message", messages), ("unit", units)):
        if f"langchain-{kind}s" not in left_out:
            opened = vector_store(bench.database.url, f"langchain_{kind}s", documents, embeddings, PASSAGES, bench.show)
            ways[f"langchain-postgres, a {kind} each"] = await stack.enter_async_context(opened)
        ways[f"bm25s, a {kind} each"] = usual(documents, PASSAGES)
        ways[f"bm25s over our terms, a {kind} each"] = with_our_terms(documents, PASSAGES)
    return ways


async def _ask(way, bench, questions, wording, step):
    asked = []
    queries = [query for query in questions.queries if query.relevant]
    for number, query in enumerate(queries, start=1):
        channel = query.channel if query.channel in bench.library.channels else None
        text = wording(query)
        started = time.perf_counter()
        units = await way.find(text, channel)
        took = (time.perf_counter() - started) * 1000
        lines = tuple(dict.fromkeys(message for unit in units for message in unit))
        asked.append(Asked(query, lines, tuple(units), took))
        bench.show(step, number, len(queries))
    return asked


def _alone(query):
    return query.text


def _behind(query):
    before = query.earlier[-1].question if query.earlier else ""
    return f"{before}\n{query.text}" if before else query.text


def _ndcg(asked):
    return [metrics.ndcg(one.lines, one.query.relevant, 10) for one in asked]
