"""What is guessed of an answer, from what stands before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.generation.lookup import FEW, MANY, Lookup

SAID = list(range(100, 160))


@pytest.mark.parametrize(("repeated", "guessed"), [(0, 0), (1, 0), (5, 0), (6, 3), (15, 3), (16, 15), (40, 15)])
def test_what_followed_the_same_tokens_before_is_guessed_and_more_the_longer_they_are(repeated, guessed):
    assert Lookup([*SAID, 1, *SAID[:repeated]]).guess(63) == tuple(SAID[repeated : repeated + guessed])


def test_no_more_is_guessed_than_may_be():
    assert Lookup([*SAID, 1, *SAID[:8]]).guess(2) == (108, 109)
    assert Lookup([*SAID, 1, *SAID[:8]]).guess(0) == ()
    assert Lookup([]).guess(8) == ()


def test_the_place_that_is_alike_for_longest_counts_and_of_two_the_later():
    said = [1, 2, 3, 4, 5, 6]
    text = [9, *said, 10, 8, *said, 11]
    assert Lookup([*text, 9, *said]).guess(1) == (10,)
    assert Lookup([*text, 8, *said]).guess(1) == (11,)
    assert Lookup([*text, 7, *said]).guess(1) == (11,)


def test_after_guesses_that_did_not_pay_only_a_long_repetition_is_followed_until_they_pay_again():
    tokens = [*SAID, 1, *SAID[:8]]
    lookup = Lookup(tokens)
    lookup.proved(3, 2)
    assert lookup.guess(3) == (108, 109, 110)
    lookup.proved(3, 0)
    assert lookup.guess(3) == ()
    tokens += SAID[8:16]
    assert len(lookup.guess(63)) == 15
    lookup.proved(15, 15)
    tokens += [1, *SAID[:8]]
    assert lookup.guess(3) == (108, 109, 110)


def test_an_answer_that_grows_is_looked_up_in_itself_and_what_goes_round_goes_on():
    tokens = [1, 2]
    lookup = Lookup(tokens)
    assert lookup.guess(15) == ()
    tokens += [1, 2] * 8
    assert lookup.guess(15) == (1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1)


@given(st.lists(st.integers(0, 1), max_size=60), st.integers(0, 20), st.lists(st.integers(0, 59), max_size=4))
def test_a_guess_stands_behind_what_was_repeated_however_often_one_asks(tokens, most, asked_at):
    growing: list[int] = []
    lookup = Lookup(growing)
    for at, token in enumerate(tokens):
        growing.append(token)
        if at in asked_at:
            lookup.guess(most)
    guess = lookup.guess(most)
    assert guess == Lookup(tokens).guess(most)
    assert len(guess) <= min(most, MANY[1])
    if guess:
        wanted, whole = [*tokens[-FEW[0] :], *guess], [*tokens, *guess]
        assert any(whole[at : at + len(wanted)] == wanted for at in range(len(tokens) - FEW[0]))
