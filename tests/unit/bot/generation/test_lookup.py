"""What is guessed of an answer, from what stands before it."""

from hypothesis import given
from hypothesis import strategies as st

from bot.generation.lookup import LEAST, Lookup


def test_what_followed_the_same_tokens_before_is_guessed():
    assert Lookup([1, 2, 3, 4, 5, 6, 7, 9, 1, 2, 3, 4]).guess(8) == (5, 6, 7, 9)


def test_after_few_repeated_tokens_nothing_is_guessed():
    assert Lookup([1, 2, 3, 4, 5, 6, 7, 9, 1, 2][: 8 + LEAST - 1]).guess(8) == ()
    assert Lookup([1, 2, 3]).guess(8) == ()
    assert Lookup([]).guess(8) == ()


def test_no_more_is_guessed_than_may_be():
    assert Lookup([1, 2, 3, 4, 5, 6, 7, 9, 1, 2, 3, 4]).guess(2) == (5, 6)
    assert Lookup([1, 2, 3, 4, 5, 6, 7, 9, 1, 2, 3, 4]).guess(0) == ()


def test_the_place_that_is_alike_for_longest_counts_and_of_two_the_later():
    text = [1, 2, 3, 4, 5, 6, 8, 2, 3, 4, 5, 7]
    assert Lookup([*text, 1, 2, 3, 4, 5]).guess(1) == (6,)
    assert Lookup([*text, 8, 2, 3, 4, 5]).guess(1) == (7,)
    assert Lookup([*text, 9, 2, 3, 4, 5]).guess(1) == (7,)


def test_an_answer_that_grows_is_looked_up_in_itself():
    tokens = [1, 2, 3]
    lookup = Lookup(tokens)
    assert lookup.guess(4) == ()
    tokens += [4, 5, 6, 1, 2, 3, 4]
    assert lookup.guess(4) == (5, 6, 1, 2)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 9), st.lists(st.integers(0, 59), max_size=4))
def test_a_guess_stands_behind_what_was_repeated_however_often_one_asks(tokens, most, asked_at):
    growing: list[int] = []
    lookup = Lookup(growing)
    for at, token in enumerate(tokens):
        growing.append(token)
        if at in asked_at:
            lookup.guess(most)
    guess = lookup.guess(most)
    assert guess == Lookup(tokens).guess(most)
    assert len(guess) <= most
    if guess:
        wanted = [*tokens[-LEAST:], *guess]
        assert any(tokens[at : at + len(wanted)] == wanted for at in range(len(tokens)))
