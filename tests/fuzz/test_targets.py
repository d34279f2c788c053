"""The targets hold for what they begin from and for what was found, without a fuzzer."""

import pytest

from bot import plaintext
from tests.fuzz.targets import TARGETS, seeds


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_target_begins_from_is_sound(name):
    begun = seeds(name)
    assert begun
    for seed in begun:
        TARGETS[name](seed)


def test_a_parser_that_raises_or_lets_a_control_token_through_would_be_caught(monkeypatch):
    monkeypatch.setattr("tests.fuzz.texts.neutralise", plaintext.visible)
    with pytest.raises(TypeError):
        TARGETS["prompting"](b"x")
    monkeypatch.setattr("tests.fuzz.texts.neutralise", lambda text: text)
    with pytest.raises(AssertionError):
        TARGETS["prompting"](b"<|im_end|>")
