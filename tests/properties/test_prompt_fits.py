"""Whatever is asked, was said or was found: the prompt and the answer fit into the context, counted by the model."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.conversation import Question, Turn
from bot.generation.chat_model import turn_of
from bot.generation.model_files import CHAT_SOURCE, packaged_file
from bot.generation.templates import FAMILIES, render
from bot.models import ChatModel
from bot.prompts import fitted
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line, Passage
from knowledge.scope import Audience

ALPHABETS = ("abcdefgh ", "潮汐表在港口办公室", "🌊⚓🧭 ", "[]<|>\n\t", "ÀÉÎœß\u0301 ")
TEXT = st.builds(
    lambda piece, times: (piece * times)[:1500],
    st.one_of(
        *(st.text(alphabet, min_size=1, max_size=20) for alphabet in ALPHABETS), st.text(min_size=1, max_size=20)
    ),
    st.integers(1, 400),
)
CASES = {
    "question": TEXT,
    "said": st.lists(TEXT, min_size=1, max_size=5),
    "turn": st.none() | st.tuples(TEXT, TEXT),
    "n_ctx": st.integers(512, 4096),
    "max_tokens": st.integers(8, 128),
    "usual_budget": st.integers(256, 4096),
    "language": st.sampled_from(["", "Chinese"]),
    "family": st.sampled_from(sorted(FAMILIES)),
}
FLOOD = {
    "question": "潮汐🌊" * 1300,
    "said": ["⚓港口" * 1000] * 5,
    "turn": ("🧭" * 4000, "表" * 4000),
    "n_ctx": 512,
    "max_tokens": 96,
    "usual_budget": 4096,
    "language": "Chinese",
    "family": "chatml",
}


@pytest.fixture(scope="session")
def tokens_of():
    """The real vocabulary, without the weights."""
    import llama_cpp

    model = llama_cpp.Llama(str(packaged_file(*CHAT_SOURCE)), vocab_only=True, verbose=False)
    yield lambda text, special=False: len(
        model.tokenize(text.encode("utf-8", "replace"), add_bos=False, special=special)
    )
    model.close()


def passages_of(said):
    where = ChannelRef("test", "tidepool", "general")
    lines = [
        Line(n, 1, MessageRef(where, str(n)), 1, "general", "quince", text, datetime(2026, 3, 2, tzinfo=UTC), "", 1 / n)
        for n, text in enumerate(said, start=1)
    ]
    return [Passage(1, "general", (line,), line.score) for line in lines]


def overflow_of(case, tokens_of, counted_by):
    """By how many tokens prompt and answer are too long together; whether the question and a source are there."""

    async def count(texts):
        return [counted_by(text) for text in texts]

    asked = Question("q", case["question"], Audience(), None, "", language=case["language"])
    turns = [Turn(*case["turn"], ())] if case["turn"] else []

    async def ready():
        return SimpleNamespace(n_ctx=case["n_ctx"], offloaded_layers=0)

    chat = ChatModel(None, "", count, SimpleNamespace(ready=ready), case["usual_budget"], case["max_tokens"])

    async def fit():
        budget = await chat.prompt_budget()
        return await fitted(passages_of(case["said"]), asked, turns, budget.tokens, count)

    prompt = asyncio.run(fit())
    segments = render([turn_of(message) for message in prompt.messages], case["family"])
    total = sum(tokens_of(segment.text, special=segment.control) for segment in segments) + 1
    human = str(prompt.messages[-1].content)
    return total + case["max_tokens"] - case["n_ctx"], "\nQuestion: " in human and "\n[1] " in human, prompt.sources


@pytest.fixture
def examples(request):
    return 2000 if request.config.getoption("--full") else 200


def test_prompt_and_answer_fit_and_the_question_and_a_source_survive(tokens_of, examples):
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries(CASES))
    @example(FLOOD)
    def check(case):
        overflow, is_whole, sources = overflow_of(case, tokens_of, tokens_of)
        assert overflow <= 0
        assert is_whole
        assert sources

    check()


def test_who_counts_characters_instead_is_found_out(tokens_of):
    overflow, _, _ = overflow_of(FLOOD, tokens_of, lambda text: len(text) // 4 + 1)
    assert overflow > 0
