"""The steps on a model written by hand: one token is one character."""

from types import SimpleNamespace

import pytest

from bot.generation.sequence import (
    Count,
    Counts,
    Embed,
    Failed,
    Finished,
    Generate,
    ModelSpec,
    Piece,
    Progress,
    Segment,
    Vectors,
)
from bot.generation.steps import Steps


class WrittenModel:
    def __init__(self, answer="", *, embedding=False, n_ctx=100, batch=8):
        self.spec = ModelSpec("m", embedding=embedding)
        self.report = SimpleNamespace(n_ctx=n_ctx)
        self.batch = batch
        self.answer = list(answer.encode())
        self.memory: list[int] = []
        self.read: list[int] = []
        self.samplers = 0

    def tokenize(self, text):
        return list(text.encode())

    def tokenize_segments(self, segments, *, begin):
        return ([0] if begin else []) + [token for segment in segments for token in segment.text.encode()]

    def tokenize_whole(self, text):
        return self.tokenize(text)[: self.report.n_ctx]

    def piece(self, token):
        return bytes([token])

    def use_lora(self, name):
        return name in {"", "style"}

    def decode(self, tokens):
        self.memory += tokens
        self.read += tokens
        return 0

    def trim(self, keep):
        self.memory = self.memory[:keep]
        return keep > 0

    def vector(self, tokens):
        return (float(len(tokens)),)

    def open_sampler(self, request):
        self.samplers += 1
        self.script = iter([*self.answer, -1])
        return object()

    def close_sampler(self, sampler):
        self.samplers -= 1

    def sample(self, sampler):
        return next(self.script)


def run(steps, work, limit=1000):
    events = []
    for _ in range(limit):
        events += steps.step(work)
        if not isinstance(events[-1], Progress | Piece):
            steps.release(work.request_id)
            break
    return events


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, Piece))


def prompt(question="what?", system="be brief", **options):
    return Generate("1", (Segment(system), Segment(question)), max_tokens=options.pop("max_tokens", 20), **options)


def test_an_answer_ends_where_the_model_ends_it():
    events = run(Steps(WrittenModel("yes, né")), prompt())
    assert text_of(events) == "yes, né"
    assert events[-1].reason == "stop"
    assert (events[-1].prompt_tokens, events[-1].new_tokens) == (14, 8)


def test_a_character_of_several_tokens_is_shown_whole():
    pieces = [event.text for event in run(Steps(WrittenModel("a名")), prompt()) if isinstance(event, Piece)]
    assert pieces == ["a", "名"]


def test_an_answer_ends_at_its_length():
    events = run(Steps(WrittenModel("abcdef")), prompt(max_tokens=3))
    assert (text_of(events), events[-1].reason, events[-1].new_tokens) == ("abc", "length", 3)


def test_an_answer_ends_at_a_stop_string():
    events = run(Steps(WrittenModel("abSTOPcd")), prompt(stop=("STOP",)))
    assert (text_of(events), events[-1].reason) == ("ab", "stop")


def test_a_long_prompt_is_read_in_parts():
    progress = [event.done for event in run(Steps(WrittenModel("a")), prompt()) if isinstance(event, Progress)]
    assert progress == [8, 14]


@pytest.mark.parametrize("max_tokens", [87, 1000])
def test_a_prompt_that_does_not_fit_is_refused_with_a_sentence(max_tokens):
    (event,) = run(Steps(WrittenModel("a")), prompt(max_tokens=max_tokens))
    assert isinstance(event, Failed)
    assert event.too_long
    assert "14 tokens" in event.sentence


def test_only_an_identical_static_beginning_is_kept_between_requests():
    model = WrittenModel("ok", n_ctx=100)
    steps = Steps(model)
    assert run(steps, prompt("secret of Ann", static_segments=1))[-1].cached_tokens == 0
    assert bytes(model.memory) == b"\0be brief"
    model.read.clear()
    second = run(steps, prompt("of Ben", static_segments=1))
    assert second[-1].cached_tokens == 9
    assert second[-1].prompt_tokens == 15
    assert bytes(model.read) == b"of Benok"
    assert run(steps, prompt("x", system="be long", static_segments=1))[-1].cached_tokens == 0
    assert run(steps, prompt("x", system="be long", static_segments=1, lora="style"))[-1].cached_tokens == 0


def test_without_a_static_beginning_nothing_is_kept():
    model = WrittenModel("ok")
    run(Steps(model), prompt())
    assert model.memory == []


def test_a_cancelled_request_leaves_nothing_behind():
    model = WrittenModel("a long answer")
    steps = Steps(model)
    work = prompt(static_segments=1)
    list(steps.step(work))
    cancelled = steps.release("1")
    assert (cancelled.reason, cancelled.new_tokens) == ("cancelled", 0)
    assert (model.memory, model.samplers) == ([], 0)
    assert steps.release("1") == Finished("1", "cancelled")
    assert run(steps, work)[-1].cached_tokens == 0


def test_an_unknown_adapter_is_refused():
    (event,) = run(Steps(WrittenModel("a")), prompt(lora="other"))
    assert "no LoRA adapter named other" in event.sentence


def test_texts_are_embedded_one_a_step():
    events = run(Steps(WrittenModel(embedding=True)), Embed("1", ("a", "bcd")))
    assert events == [Progress("1", 1), Progress("1", 2), Vectors("1", ((1.0,), (3.0,)))]
    assert run(Steps(WrittenModel(embedding=True)), Embed("1", ())) == [Vectors("1", ())]


def test_a_model_does_only_what_it_was_loaded_for():
    assert isinstance(run(Steps(WrittenModel(embedding=True)), prompt())[-1], Failed)
    assert isinstance(run(Steps(WrittenModel()), Embed("1", ("a",)))[-1], Failed)


def test_counting():
    assert run(Steps(WrittenModel()), Count("1", ("abc", ""))) == [Counts("1", (3, 0))]
