import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.small_talk import LONGEST, is_call_for_help, is_thanks


@pytest.mark.parametrize(
    "text",
    [
        "thanks!",
        "Thank you so much 🙏",
        "ok, thanks",
        "Great, thank you!",
        "Got it.",
        ":tada: thx :tada:",
        "多谢！",
        "好的",
    ],
)
def test_thanks_are_known(text):
    assert is_thanks(text)
    assert not is_call_for_help(text)


@pytest.mark.parametrize(
    "text", ["help", "Help!", "/lore help", "what can you do?", "What can I ask you?", "你能做什么？"]
)
def test_a_call_for_help_is_known(text):
    assert is_call_for_help(text)
    assert not is_thanks(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "?", "thanks, and who wrote it?", "who said thanks?", "help with the deploy", "what can you do about it?",
        "nice restaurants", "great, when is it?", "ok google", "谢谢的用法是什么", "thanks " * 20,
    ],
)  # fmt: skip
def test_a_question_is_neither(text):
    assert not is_thanks(text)
    assert not is_call_for_help(text)


@given(st.text(max_size=3 * LONGEST))
def test_no_text_is_both_and_none_fails(text):
    assert not (is_thanks(text) and is_call_for_help(text))
