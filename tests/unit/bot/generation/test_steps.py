"""The steps on a model written by hand: one token is one character."""

from types import SimpleNamespace

import pytest

from bot.generation.scheduler import Scheduler
from bot.generation.sequence import (
    AddLora,
    Count,
    Counts,
    DropLora,
    Embed,
    Failed,
    Finished,
    Generate,
    Lora,
    LoraSettled,
    ModelSpec,
    Piece,
    Progress,
    Rank,
    Scores,
    Segment,
    Vectors,
)
from bot.generation.steps import Steps
from bot.generation.stride import Stride
from bot.generation.texts import Together


class WrittenModel:
    """Answers each request with `answers[request_id]`, or the one answer for all."""

    def __init__(
        self, answer="", *, answers=None, embedding=False, pooling="", n_ctx=100, copies=True, codes=(), lookup=0
    ):
        self.spec = ModelSpec("m", embedding=embedding, pooling=pooling)
        self.together = Together(3, 6)
        self.stride = Stride(100, least=100)
        self.readings: list[int] = []
        self.report = SimpleNamespace(n_ctx=n_ctx, lookup=lookup)
        self.answer, self.answers, self.copies = answer, answers or {}, copies
        self.codes = list(codes)
        self.memory: dict[int, list[int]] = {}
        self.read: list[int] = []
        self.steps: list[list[int]] = []
        self.adapters: list[str] = []
        self.loaded: list[str] = []
        self.samplers = 0

    def tokenize(self, text):
        return list(text.encode())

    def tokenize_segments(self, segments, *, begin):
        return ([0] if begin else []) + [token for segment in segments for token in segment.text.encode()]

    def tokenize_whole(self, text):
        return self.tokenize(text)[: self.report.n_ctx]

    def piece(self, token):
        return bytes([token]) if token >= 0 else b""

    def load_lora(self, adapter):
        if adapter.path == "wrong":
            raise ValueError("It is none.")
        self.loaded.append(adapter.path)
        return adapter.path

    def use_lora(self, adapter):
        assert adapter is None or adapter in self.loaded
        self.adapters.append(adapter)

    def free_lora(self, adapter):
        self.loaded.remove(adapter)

    def decode(self, runs):
        if self.codes and (code := self.codes.pop(0)):
            return code
        self.steps.append([run.sequence for run in runs])
        self.places = {}
        place = -1
        for run in runs:
            held = self.memory.setdefault(run.sequence, [])
            assert len(held) == run.start
            held += run.tokens
            self.read += run.tokens
            place += len(run.tokens)
            self.places |= dict.fromkeys(range(place - run.ends + 1, place + 1), run.sequence)
        return 0

    def clear(self, sequence):
        self.memory.pop(sequence, None)

    def cut(self, sequence, length):
        assert len(self.memory[sequence]) > length
        del self.memory[sequence][length:]

    def save(self, sequence):
        return list(self.memory[sequence]) if self.copies else None

    def restore(self, sequence, state):
        assert sequence not in self.memory
        self.memory[sequence] = list(state)
        return True

    def tokenize_pair(self, query, text):
        return self.tokenize(query + text)

    def vectors(self, texts):
        self.readings.append(len(texts))
        if any(b"!"[0] in text for text in texts):
            raise ValueError("llama.cpp returned -1")
        return [(float(len(text)),) for text in texts]

    def scores(self, pairs):
        return self.vectors(pairs)

    def open_sampler(self, request):
        if request.grammar == "wrong":
            raise ValueError("The grammar is not one.")
        self.samplers += 1
        return iter([*self.answers.get(request.request_id, self.answer).encode(), -1])

    def close_sampler(self, sampler):
        self.samplers -= 1

    def sample(self, sampler, place):
        assert place in self.places, "nothing was to be chosen there"
        return next(sampler)

    def ends(self, token):
        return token < 0


class Child:
    """A model, its steps and its scheduler, with a pipe that is a list."""

    def __init__(self, model, **more):
        self.model = model
        self.scheduler = Scheduler(context=model.report.n_ctx, **{"budget": 8, **more})
        self.steps = Steps(model, self.scheduler)
        self.steps.change(AddLora("0", Lora("style", "style file")))
        self.events = []

    def take(self, *works):
        for work in works:
            self.events += self.steps.take(work)

    def step(self):
        plan = self.steps.plan()
        self.events += [*self.steps.beginning(plan), *self.steps.run(plan)]

    def run(self, *works, limit=1000):
        """All events from taking these until nothing is left to do."""
        before = len(self.events)
        self.take(*works)
        for _ in range(limit):
            if not len(self.scheduler):
                return self.events[before:]
            self.step()
        raise AssertionError("it never ends")


def text_of(events, name="1"):
    return "".join(event.text for event in events if isinstance(event, Piece) and event.request_id == name)


def end_of(events, name):
    return next(event for event in events if isinstance(event, Finished) and event.request_id == name)


def prompt(question="what?", system="be brief", name="1", **options):
    return Generate(name, (Segment(system), Segment(question)), max_tokens=options.pop("max_tokens", 20), **options)


def test_an_answer_ends_where_the_model_ends_it():
    events = Child(WrittenModel("yes, né")).run(prompt())
    assert text_of(events) == "yes, né"
    assert events[-1].reason == "stop"
    assert (events[-1].prompt_tokens, events[-1].new_tokens) == (14, 8)


def test_a_character_of_several_tokens_is_shown_whole():
    pieces = [event.text for event in Child(WrittenModel("a名")).run(prompt()) if isinstance(event, Piece)]
    assert pieces == ["a", "名"]


def test_an_answer_ends_at_its_length():
    events = Child(WrittenModel("abcdef")).run(prompt(max_tokens=3))
    assert (text_of(events), events[-1].reason, events[-1].new_tokens) == ("abc", "length", 3)


def test_an_answer_ends_at_a_stop_string():
    events = Child(WrittenModel("abSTOPcd")).run(prompt(stop=("STOP",)))
    assert (text_of(events), events[-1].reason) == ("ab", "stop")


def test_a_long_prompt_is_read_in_parts():
    progress = [event.done for event in Child(WrittenModel("a")).run(prompt()) if isinstance(event, Progress)]
    assert progress == [0, 8, 14]


@pytest.mark.parametrize("max_tokens", [87, 1000])
def test_a_prompt_that_does_not_fit_is_refused_with_a_sentence(max_tokens):
    model = WrittenModel("a")
    (event,) = Child(model).run(prompt(max_tokens=max_tokens))
    assert isinstance(event, Failed)
    assert event.too_long
    assert "14 tokens" in event.sentence
    assert model.steps == []


def test_no_tokens_wanted_is_an_empty_answer_for_which_nothing_is_read():
    model = WrittenModel("a")
    assert Child(model).run(prompt(max_tokens=0)) == [Finished("1", "length")]
    assert (model.steps, model.samplers) == ([], 0)


def test_who_must_go_on_does_so_behind_the_end():
    model = WrittenModel(answers={"1": "ab"})
    model.open_sampler = lambda request: iter([97, -1, 98, 99])
    model.close_sampler = lambda sampler: None
    events = Child(model).run(prompt(max_tokens=4, goes_on=True))
    assert (text_of(events), events[-1].reason, events[-1].new_tokens) == ("abc", "length", 4)


def test_several_are_written_at_once_and_each_says_only_its_own():
    model = WrittenModel(answers={"1": "one 名", "2": "two", "3": "three"})
    events = Child(model, slots=3, budget=30).run(*(prompt(name=name) for name in "123"))
    assert [text_of(events, name) for name in "123"] == ["one 名", "two", "three"]
    assert [0, 1, 2] in model.steps
    assert (model.memory, model.samplers) == ({}, 0)


def test_a_new_prompt_is_read_beside_those_who_write():
    model = WrittenModel("abcdefgh")
    child = Child(model, slots=2)
    child.take(prompt())
    for _ in range(4):
        child.step()
    child.take(prompt(name="2"))
    child.step()
    assert len(text_of(child.events)) == 4
    assert text_of(child.run(), "2") == "abcdefgh"


def test_a_step_reads_no_more_of_a_prompt_than_the_model_has_time_for():
    model = WrittenModel("abcdefgh")
    model.stride = Stride(3, least=3)
    child = Child(model, slots=2)
    child.take(prompt("0123456789"))
    child.step()
    assert len(model.read) == 3
    child.run()
    model.stride = Stride(5, least=5)
    child.take(prompt("0123456789", name="2"))
    child.step()
    assert len(model.memory[0]) == 5


def test_only_an_identical_static_beginning_is_kept_between_requests():
    model = WrittenModel("ok", n_ctx=100)
    child = Child(model)
    assert child.run(prompt("secret of Ann", static_segments=1))[-1].cached_tokens == 0
    assert model.memory == {}
    model.read.clear()
    second = child.run(prompt("of Ben", static_segments=1))
    assert second[-1].cached_tokens == 9
    assert second[-1].prompt_tokens == 15
    assert bytes(model.read) == b"of Benok"
    assert child.run(prompt("x", system="be long", static_segments=1))[-1].cached_tokens == 0
    assert child.run(prompt("x", system="be long", static_segments=1, lora="style"))[-1].cached_tokens == 0


def test_the_beginning_that_several_wait_for_is_read_once():
    model = WrittenModel("ok")
    child = Child(model, slots=3, budget=20)
    events = child.run(*(prompt(f"question {name}", name=name, static_segments=1) for name in "123"))
    assert bytes(model.read).count(b"be brief") == 1
    assert [end_of(events, name).cached_tokens for name in "123"] == [0, 9, 9]


def test_a_model_that_gives_no_copy_reads_the_beginning_for_each():
    model = WrittenModel("ok", copies=False)
    events = Child(model, slots=2).run(*(prompt(name=name, static_segments=1) for name in "12"))
    assert len(model.read) == 2 * len("\0be briefwhat?ok")
    assert [end_of(events, name).cached_tokens for name in "12"] == [0, 0]


def test_without_a_static_beginning_nothing_is_kept():
    model = WrittenModel("ok")
    child = Child(model)
    child.run(prompt())
    assert model.memory == {}
    assert child.run(prompt())[-1].cached_tokens == 0


def test_only_so_many_beginnings_are_kept():
    child = Child(WrittenModel("ok"))
    for number in range(9):
        child.run(prompt(system=f"system {number}", static_segments=1))
    assert child.run(prompt(system="system 8", static_segments=1))[-1].cached_tokens > 0
    assert child.run(prompt(system="system 0", static_segments=1))[-1].cached_tokens == 0


def test_who_makes_room_goes_on_where_he_was_and_says_nothing_twice():
    model = WrittenModel(answers={"1": "a long story", "2": "another one"}, codes=[0, 0, 0, 1])
    child = Child(model, slots=2, budget=28)
    events = child.run(prompt(name="1", static_segments=1), prompt(name="2", static_segments=1))
    assert [text_of(events, name) for name in "12"] == ["a long story", "another one"]
    assert [end_of(events, name).new_tokens for name in "12"] == [12, 11]
    assert [end_of(events, name).prompt_tokens for name in "12"] == [14, 14]


def test_a_common_room_that_is_too_small_for_all_makes_nobody_fail():
    model = WrittenModel(answers={name: f"story {name} is long" for name in "1234"}, n_ctx=40)
    child = Child(model, slots=4, budget=28, cells=60)
    events = child.run(*(prompt(name=name, static_segments=1) for name in "1234"))
    assert [text_of(events, name) for name in "1234"] == [f"story {name} is long" for name in "1234"]
    assert model.memory == {}


def test_a_step_that_llama_cpp_refuses_ends_those_who_shared_it():
    model = WrittenModel("a", codes=[-1])
    child = Child(model, slots=2, budget=28)
    events = child.run(prompt(name="1"), prompt(name="2"))
    assert [type(event) for event in events[-2:]] == [Failed, Failed]
    assert (model.memory, model.samplers) == ({}, 0)
    assert text_of(child.run(prompt())) == "a"


def test_a_cancelled_request_leaves_nothing_behind():
    model = WrittenModel("a long answer")
    child = Child(model)
    work = prompt(static_segments=1)
    child.take(work)
    child.step()
    cancelled = child.steps.release("1")
    assert (cancelled.reason, cancelled.new_tokens) == ("cancelled", 0)
    assert (model.memory, model.samplers) == ({}, 0)
    assert child.steps.release("1") == Finished("1", "cancelled")
    assert child.run(work)[-1].cached_tokens == 0


def test_an_unknown_adapter_or_a_wrong_grammar_is_refused_and_the_others_go_on():
    model = WrittenModel("fine")
    child = Child(model, slots=2)
    events = child.run(prompt(), prompt(name="2", lora="other"), prompt(name="3", grammar="wrong"))
    refused = [event.sentence for event in events if isinstance(event, Failed)]
    assert refused == ["There is no LoRA adapter named other.", "The grammar is not one."]
    assert text_of(events) == "fine"


def test_each_step_uses_one_adapter():
    model = WrittenModel("abc")
    child = Child(model, slots=2, budget=30)
    child.run(prompt(name="1", lora="style"), prompt(name="2"))
    assert all(len(step) == 1 for step in model.steps)
    assert model.adapters[:4] == ["style file", None, "style file", None]


def test_an_adapter_stays_until_the_last_that_has_it_ends_and_its_name_is_free_at_once():
    model = WrittenModel("abc")
    child = Child(model, slots=2)
    child.take(prompt(name="1", lora="style", static_segments=1))
    child.step()
    assert child.steps.change(DropLora("8", "style")) == LoraSettled("8")
    child.take(prompt(name="2", lora="style"))
    assert child.events[-1] == Failed("2", "There is no LoRA adapter named style.")
    child.steps.change(AddLora("9", Lora("style", "another file")))
    child.run(prompt(name="3", lora="style", static_segments=1))
    assert (text_of(child.events, "1"), text_of(child.events, "3")) == ("abc", "abc")
    assert model.loaded == ["another file"]


def test_what_was_computed_with_an_adapter_goes_with_it():
    model = WrittenModel("abc")
    child = Child(model)
    assert [child.run(prompt(lora="style", static_segments=1))[-1].cached_tokens for _ in range(2)] == [0, 9]
    child.steps.change(AddLora("9", Lora("style", "another file")))
    assert child.steps._prefixes == {}
    assert child.run(prompt(lora="style", static_segments=1))[-1].cached_tokens == 0
    assert child.run(prompt(lora="style", static_segments=1))[-1].cached_tokens == 9


def test_who_is_to_read_the_beginning_again_does_so_when_the_adapter_that_read_it_has_gone():
    model = WrittenModel("abc")
    child = Child(model)
    child.run(prompt(lora="style", static_segments=1))
    child.take(prompt(name="2", lora="style", static_segments=1))
    child.steps.change(DropLora("9", "style"))
    assert text_of(child.run(), "2") == "abc"
    assert model.loaded == []


def test_an_adapter_that_cannot_be_read_leaves_the_one_of_its_name():
    child = Child(WrittenModel("abc"))
    assert child.steps.change(AddLora("9", Lora("style", "wrong"))) == LoraSettled("9", "It is none.")
    assert text_of(child.run(prompt(lora="style"))) == "abc"
    assert child.steps.change(DropLora("9", "never heard of")) == LoraSettled("9")
    child.steps.change(DropLora("9", ""))
    assert text_of(child.run(prompt())) == "abc"


def test_a_few_texts_are_embedded_in_a_step_and_all_in_order():
    child = Child(WrittenModel(embedding=True))
    assert child.run(Embed("1", ("a", "bcd", "efg", "hijklmno", "p", "q"))) == [
        Progress("1", 0), Progress("1", 2), Progress("1", 3), Progress("1", 4), Progress("1", 6),
        Vectors("1", ((1.0,), (3.0,), (3.0,), (8.0,), (1.0,), (1.0,))),
    ]  # fmt: skip
    assert child.model.readings == [2, 1, 1, 2]
    assert child.run(Embed("1", ())) == [Vectors("1", ())]


def test_texts_that_may_have_killed_a_child_are_embedded_one_a_step():
    child = Child(WrittenModel(embedding=True))
    child.run(Embed("1", ("a", "b", "c"), alone=True))
    assert child.model.readings == [1, 1, 1]


def test_a_text_that_cannot_be_read_ends_its_list_only():
    child = Child(WrittenModel(embedding=True))
    events = child.run(Embed("1", ("aaaaaa", "!")), Embed("2", ("b",)))
    assert [type(event) for event in events if event.request_id == "1"] == [Progress, Progress, Failed]
    assert Vectors("2", ((1.0,),)) in events


def test_a_question_is_embedded_before_a_long_list_is_done():
    child = Child(WrittenModel(embedding=True))
    events = child.run(Embed("1", ("abcdef",) * 5), Embed("2", ("q",)))
    assert events.index(Vectors("2", ((1.0,),))) < events.index(Progress("1", 2))


def test_texts_are_ranked_beside_their_question():
    child = Child(WrittenModel(embedding=True, pooling="rank"))
    assert child.run(Rank("1", "why", ("a", "bcd")))[-1] == Scores("1", (4.0, 6.0))
    assert child.run(Rank("1", "why", ())) == [Scores("1", ())]
    assert isinstance(child.run(Embed("1", ("a",)))[-1], Failed)
    assert isinstance(Child(WrittenModel(embedding=True)).run(Rank("1", "why", ("a",)))[-1], Failed)


def test_a_model_does_only_what_it_was_loaded_for():
    assert isinstance(Child(WrittenModel(embedding=True)).run(prompt())[-1], Failed)
    assert isinstance(Child(WrittenModel()).run(Embed("1", ("a",)))[-1], Failed)


def test_counting_waits_for_nobody():
    child = Child(WrittenModel("abc"))
    child.take(prompt(), Count("2", ("abc", "")))
    assert child.events == [Counts("2", (3, 0))]


SOURCE = "the ferry leaves at nine from the northern quay"


def test_an_answer_that_repeats_what_was_read_takes_fewer_steps_and_is_the_same():
    answer = f"{SOURCE.upper()} or: {SOURCE}, the ferry leaves!"
    plain, guessing = WrittenModel(answer, n_ctx=300), WrittenModel(answer, n_ctx=300, lookup=8)
    ends = [end_of(Child(model, budget=16).run(prompt(SOURCE, max_tokens=200)), "1") for model in (plain, guessing)]
    assert [end.new_tokens for end in ends] == [len(answer)] * 2
    assert (ends[0].guessed_tokens, ends[0].right_tokens) == (0, 0)
    assert len(guessing.steps) + ends[1].right_tokens == len(plain.steps)
    assert ends[1].guessed_tokens >= ends[1].right_tokens > len(SOURCE) // 2
    assert (guessing.memory, guessing.samplers) == ({}, 0)


def test_text_is_shown_as_without_guesses():
    answer = f"{SOURCE} 名 {SOURCE} 名 STOP {SOURCE}"
    told = []
    for lookup in (0, 8):
        events = Child(WrittenModel(answer, n_ctx=400, lookup=lookup), budget=16).run(
            prompt(f"{SOURCE} 名 {SOURCE}", max_tokens=200, stop=("STOP",))
        )
        told.append([event for event in events if isinstance(event, Piece)])
        assert end_of(events, "1").reason == "stop"
    assert told[0] == told[1]


@pytest.mark.parametrize("length", range(1, 40))
def test_guesses_end_where_the_answer_must(length):
    model = WrittenModel(SOURCE, n_ctx=300, lookup=8)
    events = Child(model, budget=16).run(prompt(SOURCE, max_tokens=length))
    assert (text_of(events), end_of(events, "1").new_tokens) == (SOURCE[:length], length)
    assert model.memory == {}


def test_several_who_repeat_what_they_read_say_each_their_own_even_when_room_is_short():
    answers = {name: f"{SOURCE} says {name}, and {SOURCE}" for name in "1234"}
    model = WrittenModel(answers=answers, n_ctx=200, lookup=8)
    child = Child(model, slots=4, budget=28, cells=420)
    events = child.run(*(prompt(f"{name} {SOURCE}", name=name, static_segments=1, max_tokens=120) for name in "1234"))
    assert {name: text_of(events, name) for name in "1234"} == answers
    assert all(end_of(events, name).right_tokens > 20 for name in "1234")
    assert model.memory == {}


def test_guesses_leave_prompts_the_whole_of_a_step():
    model = WrittenModel(SOURCE, n_ctx=300, lookup=8)
    child = Child(model, slots=2, budget=20)
    child.take(prompt(SOURCE, max_tokens=100))
    for _ in range(8):
        child.step()
    child.take(prompt("x" * 100, name="2", max_tokens=1))
    child.step()
    assert len(model.memory[1]) == 19


def test_one_who_is_cancelled_in_the_middle_of_guesses_leaves_nothing_behind():
    model = WrittenModel(SOURCE, n_ctx=300, lookup=8)
    child = Child(model, budget=16)
    child.take(prompt(SOURCE, max_tokens=100))
    for _ in range(12):
        child.step()
    assert child.steps.release("1").right_tokens > 0
    assert (model.memory, model.samplers) == ({}, 0)
