"""What is written beside others is what llama-cpp-python's own object writes, one prompt after another.

Several tokens in a step are multiplied in another order than one, so that logits differ in their last digits; where the
two likeliest tokens are as near as that, either may be chosen. Each difference must be such a case: the token that we
chose lies within the margin of the one that the yardstick chose, at the very place where they part.
"""

import asyncio
import ctypes
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import llama_cpp
import numpy as np
import pytest

from bot.generation.engine import Engine
from bot.generation.load_log import LoadLog
from bot.generation.model_files import default_chat_model
from bot.generation.runner import Model
from bot.generation.sequence import Finished, Generate, ModelSpec, Piece
from bot.generation.templates import ChatTurn, render

SYSTEM = "You answer questions about a team from the messages given."
THINGS = ("harbour", "lighthouse", "ferry", "market", "printer", "garden", "bakery", "library", "bridge", "museum")
ASKED = (
    "Where is the {} and who may go there?", "Tell me three things about a {}.", "Why was the {} closed in May?",
    "请用中文介绍一下 {}。", "Write one sentence about the {}.", "How old is the {}?", "What does the {} cost a year?",
    "Name two reasons to visit the {}.", "Who built the {}?", "What happens at the {} at night?",
    "Describe the {} for a child.", "List what one needs for the {}.", "Is the {} open today?", "Plan a new {}.",
    "What is the history of the {}?", "Compare the {} with a ship.", "When was the {} painted?", "Sing of the {}.",
    "Explain the {} to a visitor.", "Where does the {} get its light?",
)  # fmt: skip
CONTEXT, SLOTS = 512, 16
# The largest seen was 0.16, where 5 of 160 answers of 48 tokens parted from the library's; later 0.15, 6 of 800.
MARGIN = 0.4


@pytest.fixture(scope="module")
def chat_file(tmp_path_factory):
    return default_chat_model(tmp_path_factory.mktemp("home"))


@dataclass
class Yardstick:
    """The high-level object, and what it knows of the place where two answers part."""

    model: object

    @property
    def vocabulary(self):
        return llama_cpp.llama_model_get_vocab(self.model.model)

    @cached_property
    def pieces(self):
        room = ctypes.create_string_buffer(256)
        sizes = (
            llama_cpp.llama_token_to_piece(self.vocabulary, token, room, 256, 0, False)
            for token in range(self.model.n_vocab())
        )
        return [room.raw[:size] for size in sizes]

    def tokens(self, prompt):
        pieces = [
            self.model.tokenize(one.text.encode(), add_bos=False, special=one.control) for one in prompt if one.text
        ]
        return [token for piece in pieces for token in piece]

    def write(self, prompt, length):
        """The likeliest tokens, as far as the end of the answer."""
        written = []
        for token in self.model.generate(self.tokens(prompt), temp=0.0, repeat_penalty=1.0):
            if llama_cpp.llama_vocab_is_eog(self.vocabulary, token):
                break
            written.append(token)
            if len(written) == length:
                break
        return written

    def text(self, tokens):
        return self.model.detokenize(tokens, special=False)

    def margin(self, prompt, written, ours):
        """By how much the likeliest token is above the likeliest of those that our text may go on with where it parts.

        Which token it was is not known, for a character may take several; the likeliest makes the margin no larger.
        The answer is read token by token, as it was written: read at once, the library too may prefer the other.
        """
        same = max(k for k in range(len(written) + 1) if ours.startswith(self.text(written[:k])))
        rest = ours[len(self.text(written[:same])) :]
        self.model.reset()
        self.model.eval(self.tokens(prompt))
        for token in written[:same]:
            self.model.eval([token])
        pointer = llama_cpp.llama_get_logits_ith(self.model._ctx.ctx, -1)
        logits = np.array(np.ctypeslib.as_array(pointer, (self.model.n_vocab(),)))
        fits = next(token for token in np.argsort(-logits) if self.goes_on(int(token), rest))
        return float(logits.max() - logits[fits])

    def goes_on(self, token, rest):
        """Whether a text goes on with this token, or ends with it where nothing is left of it."""
        if llama_cpp.llama_vocab_is_eog(self.vocabulary, token):
            return not rest
        return bool(self.pieces[token]) and rest.startswith(self.pieces[token])


@pytest.fixture(scope="module")
def yardstick(chat_file):
    model = llama_cpp.Llama(str(chat_file), n_ctx=CONTEXT, n_threads=1, n_threads_batch=2, verbose=False)
    yield Yardstick(model)
    model.close()


async def written_beside(engine, prompts, length, askers, ends=None):
    """Each prompt's answer as bytes, so many asked at a time. How each ended is added to `ends`."""
    turn = asyncio.Semaphore(askers)

    async def one(prompt):
        async with turn:
            request = Generate(engine.new_request_id(), prompt, max_tokens=length, static_segments=3)
            events = [event async for event in engine.stream(request)]
            assert isinstance(events[-1], Finished)
            if ends is not None:
                ends.append(events[-1])
            return "".join(event.text for event in events if isinstance(event, Piece)).encode()

    return await asyncio.gather(*(one(prompt) for prompt in prompts))


@pytest.mark.model
@pytest.mark.timeout(7200)
async def test_what_many_ask_at_once_is_answered_as_it_is_one_after_another(chat_file, yardstick, size, report):
    texts = [asked.format(thing) for thing, asked in product(THINGS, ASKED)][:: size(17, 1)]
    prompts = [render([ChatTurn("system", SYSTEM), ChatTurn("user", text)], "chatml") for text in texts]
    length = size(12, 48)
    expected = [yardstick.write(prompt, length) for prompt in prompts]
    engine = Engine(ModelSpec(str(chat_file), n_ctx=CONTEXT, gpu_layers=0, parallel=SLOTS))
    parted, margins = {}, []
    try:
        for askers in (1, 4, 8, 16):
            answers = await written_beside(engine, prompts, length, askers)
            other = [
                (prompt, tokens, text)
                for prompt, tokens, text in zip(prompts, expected, answers, strict=True)
                if whole(text) != whole(yardstick.text(tokens))
            ]
            parted[askers] = len(other)
            margins += [yardstick.margin(*one) for one in other]
    finally:
        await engine.close()
    largest = round(max(margins, default=0.0), 3)
    report("engine against the high-level object", prompts=len(prompts), tokens=length, parted=parted, margin=largest)
    assert largest <= MARGIN
    assert max(parted.values()) <= len(prompts) // 2


def whole(text):
    """Without a character that the length cut in two, which one side shows as a mark and the other leaves out."""
    return re.sub("�+$", "", text.decode("utf-8", "replace"))


REPEATED = (
    "Repeat this three times, word for word: the ferry leaves the northern quay at nine, and nobody may be late.",
    "请把这句话重复三遍：渡船九点从北码头出发，任何人都不可以迟到。",
)


@pytest.mark.model
async def test_guessed_tokens_change_no_answer(chat_file, yardstick):
    prompts = [render([ChatTurn("user", text)], "chatml") for text in REPEATED]
    expected = [yardstick.write(prompt, 48) for prompt in prompts]
    engine = Engine(ModelSpec(str(chat_file), n_ctx=CONTEXT, gpu_layers=0, parallel=2, lookup=15))
    ends = []
    try:
        for askers in (1, 2):
            answers = await written_beside(engine, prompts, 48, askers, ends)
            for prompt, tokens, text in zip(prompts, expected, answers, strict=True):
                same = whole(text) == whole(yardstick.text(tokens))
                assert same or yardstick.margin(prompt, tokens, text) <= MARGIN
    finally:
        await engine.close()
    assert all(end.right_tokens <= end.guessed_tokens for end in ends)
    assert sum(end.right_tokens for end in ends) > sum(end.new_tokens for end in ends) // 5


@pytest.mark.model
async def test_guessing_keeps_what_a_seed_a_grammar_and_penalties_choose(chat_file):
    prompt = render([ChatTurn("user", REPEATED[0])], "chatml")
    ways = {
        "seed": {"temperature": 0.3, "seed": 5},
        "grammar": {"grammar": 'root ::= ("the ferry leaves the northern quay at nine. "){3}'},
        "penalties": {"repeat_penalty": 1.05, "presence_penalty": 0.05},
    }
    told, right = {}, 0
    for lookup in (0, 15):
        engine = Engine(ModelSpec(str(chat_file), n_ctx=CONTEXT, gpu_layers=0, lookup=lookup))
        try:
            for way, options in ways.items():
                request = Generate(engine.new_request_id(), prompt, max_tokens=40, **options)
                events = [event async for event in engine.stream(request)]
                text = "".join(event.text for event in events if isinstance(event, Piece))
                assert told.setdefault(way, text)[:40] == text[:40]
                right += events[-1].right_tokens
        finally:
            await engine.close()
    assert told["grammar"] == "the ferry leaves the northern quay at nine. " * 3
    assert right > 10


@pytest.mark.model
@pytest.mark.parametrize("kind", ["llama_model_is_recurrent", "llama_model_is_hybrid", "llama_model_n_swa"])
def test_nothing_is_guessed_where_tokens_cannot_be_taken_back(chat_file, monkeypatch, kind):
    spec = ModelSpec(str(chat_file), n_ctx=256, gpu_layers=0, lookup=15)
    assert Model(spec, LoadLog()).report.lookup == 15
    monkeypatch.setattr(llama_cpp, kind, lambda _model: 1)
    assert Model(spec, LoadLog()).report.lookup == 0


@pytest.mark.model
def test_answers_to_other_questions_would_be_noticed(yardstick):
    prompts = [render([ChatTurn("user", asked.format("ferry"))], "chatml") for asked in ASKED[:5]]
    written = [yardstick.write(prompt, 8) for prompt in prompts]
    others = [yardstick.text(tokens) for tokens in written[1:]]
    assert max(yardstick.margin(prompts[0], written[0], one) for one in others) > MARGIN
