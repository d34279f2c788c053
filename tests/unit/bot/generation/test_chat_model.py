"""What of a call reaches the engine."""

from types import SimpleNamespace

from bot.generation.chat_model import LlamaChatModel
from bot.generation.sequence import Generate
from bot.generation.templates import ChatTurn

REPORT = SimpleNamespace(template="chatml", thinks=False)


class Numbered:
    def new_request_id(self):
        return "1"


def asked(fields=None, **options):
    model = LlamaChatModel.model_construct(engine=Numbered(), **(fields or {}))
    return model._request([ChatTurn("user", "Hello")], REPORT, None, options)


def test_without_a_word_the_likeliest_token_is_taken_and_nothing_is_cut():
    plain, default = asked(), Generate("1", ())
    for name in ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty"):
        assert getattr(plain, name) == getattr(default, name)
    assert (plain.logit_bias, plain.grammar, plain.alone, plain.goes_on) == ((), "", False, False)


def test_a_call_says_it_for_itself_and_a_field_for_all_calls():
    options = {
        "temperature": 0.5, "top_k": 20, "top_p": 0.9, "min_p": 0.1, "repeat_penalty": 1.1, "presence_penalty": 0.2,
        "frequency_penalty": 0.3, "grammar": "root ::= [a-z]", "seed": 3, "max_tokens": 7,
    }  # fmt: skip
    for request in (asked(**options), asked(options)):
        assert {name: getattr(request, name) for name in options} == options
    assert asked(logit_bias={"5": -1}).logit_bias == ((5, -1.0),)
