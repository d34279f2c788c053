"""The engine as the knowledge base's `Reranker`: a model reads question and text together, and says how they fit."""

from collections.abc import Sequence
from pathlib import Path

from bot.errors import ModelUnavailable
from bot.generation.embedder import unigram_form
from bot.generation.engine import Engine
from knowledge.errors import RerankerUnavailable


class LlamaReranker:
    """Scores texts through a local model. Make one with `open`."""

    def __init__(self, engine: Engine, *, normalise: bool) -> None:
        self.name = Path(engine.spec.path).stem
        self.engine = engine
        self._normalise = normalise

    @classmethod
    async def open(cls, engine: Engine) -> "LlamaReranker":
        """Loads the model: the first question waits too little for that. Errors: those of `Engine.start`."""
        report = await engine.start()
        return cls(engine, normalise=report.tokenizer == "ugm")

    async def relevance(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question. Errors: `RerankerUnavailable`."""
        if self._normalise:
            query, texts = unigram_form(query), [unigram_form(text) for text in texts]
        try:
            return await self.engine.rank(query, texts)
        except ModelUnavailable as error:
            raise RerankerUnavailable(f"The reranker {self.name} did not answer.") from error
