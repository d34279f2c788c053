"""How many texts a step reads."""

from hypothesis import given
from hypothesis import strategies as st

from bot.generation.sequence import Embed, Rank, Scores, Vectors
from bot.generation.texts import Reading, Together, how_many


@given(st.lists(st.integers(1, 600), min_size=1), st.integers(1, 16), st.integers(0, 600))
def test_a_step_reads_one_text_or_as_many_as_fit_and_never_more(lengths, texts, tokens):
    count = how_many(lengths, Together(texts, tokens))
    assert 1 <= count <= min(texts, len(lengths))
    assert count == 1 or sum(lengths[:count]) <= tokens
    if count < min(texts, len(lengths)):
        assert sum(lengths[: count + 1]) > tokens


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=9)), st.booleans(), st.booleans())
def test_each_text_is_read_once_and_in_order(texts, alone, ranks):
    words = ("w",) * len(texts)
    reading = Reading(Rank("1", "q", words, alone) if ranks else Embed("1", words, alone), texts)
    read = []
    while not reading.is_done:
        step = reading.next(Together(4, 12))
        assert len(step) == 1 or not alone
        read += step
        reading.made += [(float(len(text)),) for text in step]
    assert read == texts
    lengths = [float(len(text)) for text in texts]
    expected = Scores("1", tuple(lengths)) if ranks else Vectors("1", tuple((length,) for length in lengths))
    assert reading.result() == expected
