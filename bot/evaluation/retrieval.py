"""The work of `threadlore eval retrieval`: stocks the libraries that a question set is asked of."""

from collections.abc import Sequence
from typing import Any

from bot.evaluation.laboratory import stocked_with
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation.datasets import QuestionSet
from knowledge.evaluation.run import WHOLE, Part, evaluate_retrieval
from knowledge.reranking import Reranking


async def measured(
    server_url: str,
    questions: QuestionSet,
    embeddings: ModelEmbeddings,
    parts: Sequence[Part],
    reranking: Reranking | None = None,
) -> list[dict[str, Any]]:
    """One entry for the set, and one for each part switched off. Errors: `UnreadableSource`, `KnowledgeUnavailable`."""
    entries: list[dict[str, Any]] = []
    for speaker in (True, False):
        wanted = [part for part in (WHOLE, *parts) if part.speaker is speaker]
        if not wanted:
            continue
        async with stocked_with(server_url, questions, embeddings, speaker=speaker, reranking=reranking) as bench:
            entries += [
                await evaluate_retrieval(bench.library, questions, embeddings.name, part, bench.show) for part in wanted
            ]
    return entries
