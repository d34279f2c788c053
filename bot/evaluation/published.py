"""Figures of others, and goals of our own, that pictures of measurements are held against. This file performs no I/O.

A set is known by the name of its folder. Goals: docs/retrieval.md.
"""

from dataclasses import dataclass

GOALS: dict[tuple[str, str, str], float] = {
    ("locomo", "line", "recall@5"): 0.62,
    ("irc_ubuntu", "unit", "hit@10"): 0.65,
    ("irc_ubuntu", "line", "hit@10"): 0.30,
    ("qmsum", "line", "hit@5"): 0.78,
    ("kdconv_travel", "line", "recall@10"): 0.45,
    ("mtrag", "line", "recall@5"): 0.68,
    ("clapnq", "line", "ndcg@10"): 0.97,
    ("xquad_en", "line", "ndcg@10"): 0.97,
    ("xquad_zh", "line", "ndcg@10"): 0.97,
}
"""Of retrieval: by set, kind of figure, and figure."""

PUBLISHED: dict[tuple[str, str, str], float] = {
    ("locomo", "line", "recall@5"): 0.57,
    ("xquad_en", "line", "ndcg@10"): 0.98,
    ("xquad_zh", "line", "ndcg@10"): 0.96,
}
"""The same. Source: the dense retriever of the paper that LoCoMo comes with; multilingual-e5-base on XQuAD."""

REFUSE_AT_LEAST = 0.70
FALSELY_AT_MOST = 0.15
"""The goal of abstention."""


@dataclass(frozen=True, slots=True)
class System:
    """How often a language model refuses where nothing is relevant, and falsely where something is."""

    name: str
    language: str
    refused: float
    falsely_refused: float


def _nomiracl(name: str, **by_language: tuple[int, int]) -> list[System]:
    # Published is the percentage that *answers* where nothing is relevant.
    return [
        System(name, language, (100 - answering) / 100, refusing / 100)
        for language, (answering, refusing) in by_language.items()
    ]


NOMIRACL = (
    *_nomiracl("GPT-4", en=(42, 5), zh=(44, 4)),
    *_nomiracl("GPT-3.5", en=(44, 8), zh=(56, 4)),
    *_nomiracl("Mistral-7B", en=(6, 59), zh=(6, 62)),
    *_nomiracl("Mixtral", en=(27, 20), zh=(21, 23)),
    *_nomiracl("Llama-2-70B", en=(90, 0), zh=(97, 0)),
)
"""Source: the outputs published with NoMIRACL (Thakur et al., 2024)."""
