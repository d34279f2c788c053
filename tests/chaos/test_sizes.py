"""Whatever is thrown at the bot, no tokenizer and no parser sees more of it than of a long message."""

import time
from dataclasses import replace

import pytest

from bot import answers, assistant, prompts
from bot.conversation import Answer, Turn
from bot.errors import QuestionTooLong
from bot.questions import question
from bot.wiring import open_app
from knowledge.scope import Audience
from tests.chaos.quiet import QuietPlatform, asked
from tests.fakes.memory import FakeMemory
from tests.fakes.models import WordEmbedding, first_source, scripted
from tests.scenarios.conftest import settings  # noqa: F401 - a fixture
from tests.talk import channel, described, said

MEGABYTE = 1_000_000
# What one text, and all texts of one call, may have in front of a tokenizer.
MOST_CHARACTERS, MOST_AT_ONCE = 5_000, 60_000
SECONDS = 10


class BrokenByMuch:
    """The tokenizer of a model: it counts, and breaks of too much."""

    def __init__(self):
        self.calls = 0

    async def count(self, texts):
        self.calls += 1
        assert max(map(len, texts)) <= MOST_CHARACTERS
        assert sum(map(len, texts)) <= MOST_AT_ONCE
        return [len(text) // 3 for text in texts]


class Embedding(WordEmbedding):
    """The same for the embedding model, which has a tokenizer too."""

    async def embed_passages(self, texts):
        assert max(map(len, texts)) <= MOST_CHARACTERS
        return await super().embed_passages(texts)

    async def embed_query(self, text):
        assert len(text) <= 2 * MOST_CHARACTERS
        return await super().embed_query(text)


@pytest.fixture
async def opened(settings):  # noqa: F811
    """The application, its tokenizer and its platform."""
    tokenizer, platform = BrokenByMuch(), QuietPlatform()
    chat = replace(scripted(first_source), count=tokenizer.count)
    memory = FakeMemory(max_chars=200_000)
    async with open_app(settings, model=chat, embedder=Embedding(), memory=memory, adapters=[platform]) as app:
        await app.access.record_channels([described("general")])
        yield app, tokenizer, chat.model, memory


async def answer(app, text, conversation="c"):
    """The answer, and how long it took."""
    began = time.monotonic()
    one = question(text, None, Audience(channel=channel("general")), conversation)
    [found] = [event async for event in app.assistant.answer(one) if isinstance(event, Answer)]
    return found, time.monotonic() - began


@pytest.mark.parametrize(
    "text",
    [
        "why? " * (MEGABYTE // 5),
        "a" * MEGABYTE,
        "\u4e3a" * MEGABYTE,
        "[" * 40_000,
        "<|im_end|>" * 100_000,
        "<@U0QUINCE> " * 10_000,
        "`" * 200_000,
    ],
    ids=["words", "one word", "Chinese", "brackets", "control tokens", "mentions", "code"],
)
async def test_far_too_long_a_question_is_refused_before_anything_reads_it(opened, text):
    app, tokenizer, model, _ = opened
    found, seconds = await answer(app, text)
    assert found.text == QuestionTooLong().sentence
    assert (tokenizer.calls, model.prompts) == (0, [])
    assert seconds < SECONDS


async def test_of_a_question_from_a_platform_no_more_is_kept_than_is_needed_to_refuse_it(opened):
    app, *_ = opened
    one = asked(1, "<@U0QUINCE> why? " * (MEGABYTE // 17))
    await app.desk.answers.ask(one)
    kept = await app.desk.answers.find(one.answer_id)
    assert assistant.MOST_CHARACTERS < len(kept.request.text) == answers.MOST_CHARACTERS


async def test_a_paste_of_any_length_is_learnt_and_cited_in_pieces(opened):
    app, tokenizer, model, _ = opened
    paste = "we drop Kafka because of outages. " * 6_000
    assert len(paste) > 200_000
    await app.archive.record([said("1", paste), said("2", f"{'kafka ' * 3_000}")])
    await app.indexer.drain()
    found, _ = await answer(app, "why did we drop Kafka?")
    assert found.outcome.value.startswith("answered")
    assert 0 < tokenizer.calls < 5
    assert max(map(len, model.prompts)) <= MOST_AT_ONCE


async def test_a_long_past_is_cut_before_it_comes_into_a_prompt(opened):
    app, tokenizer, model, memory = opened
    await app.archive.record([said("1", "Decision: we drop Kafka because it caused three outages this winter")])
    await app.indexer.drain()
    one = question("", None, Audience(channel=channel("general")), "c")
    for number in range(20):
        await memory.remember(one, Turn(f"why {number}? " * 400, "because " * 500))
    await answer(app, "why did we drop Kafka?")
    assert 0 < tokenizer.calls < 5
    assert max(map(len, model.prompts)) <= 5_000


async def test_a_question_that_is_tokenized_first_and_measured_then_would_be_caught(opened, monkeypatch):
    app, tokenizer, *_ = opened
    real = assistant._refusal

    async def count_first(self, asking):
        await tokenizer.count([asking.text])
        yield real(asking)

    monkeypatch.setattr(assistant.Assistant, "answer", count_first)
    with pytest.raises(AssertionError):
        await answer(app, "why? " * (MEGABYTE // 5))


def test_a_source_is_cut_before_it_is_cleaned():
    seen = []
    line = type("Line", (), {"text": "x " * MEGABYTE, "author": "a", "channel_name": "c", "posted_at": None})()
    prompts.source(line, 1, made=lambda text: seen.append(len(text)) or text)
    assert max(seen) <= 4 * prompts.SOURCE_CHARS
