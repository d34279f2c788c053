from hypothesis import given
from hypothesis import strategies as st

from bot.generation.stops import StopFilter


def feed(stops, pieces):
    filter_ = StopFilter(stops)
    shown = [filter_.push(piece) for piece in pieces]
    return "".join(shown) + filter_.flush(), filter_.stopped, shown


def test_a_stop_string_split_over_pieces_is_never_shown():
    text, stopped, shown = feed(("<|im_end|>", "\n\n"), ["Hi", " <|", "im_", "end", "|> more"])
    assert (text, stopped) == ("Hi ", True)
    assert all("<" not in piece for piece in shown)


def test_what_only_looked_like_a_stop_string_is_shown_after_all():
    assert feed(("STOP",), ["a ST", "ART", " S"])[:2] == ("a START S", False)


def test_the_earliest_stop_string_wins():
    assert feed(("b", "ab"), ["xxab"])[0] == "xx"


def test_without_stop_strings_everything_passes_at_once():
    assert feed((), ["a", "b"])[2] == ["a", "b"]


@given(st.text("ab<|>", max_size=40), st.lists(st.text("ab<|>", min_size=1, max_size=4), max_size=3), st.integers(1, 5))
def test_the_text_is_cut_where_the_first_stop_string_begins(text, stops, size):
    shown, stopped, _ = feed(stops, [text[at : at + size] for at in range(0, len(text), size)])
    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    assert stopped == any(stop in text for stop in stops)
    assert stopped or shown == text
