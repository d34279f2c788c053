from dataclasses import replace
from datetime import UTC
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation import Request, Task
from bot.requests import WITHOUT_TEXT, answer_id_of, request_from, request_json, without_text
from knowledge.messages import ChannelRef, PersonRef

ids = st.text(max_size=8)
# Any text at all, half surrogate pairs included; two halves side by side are one character to JSON, and so left out.
texts = st.text(st.characters(exclude_categories=()), max_size=20).filter(lambda text: text == utf16(text))
times = st.datetimes() | st.datetimes(timezones=st.just(UTC))
requests = st.builds(
    Request,
    answer_id=st.uuids().map(str),
    channel=st.builds(ChannelRef, ids, ids, ids),
    text=texts,
    asker=st.none() | st.builds(PersonRef, ids, ids, ids),
    message_id=ids,
    thread_id=st.none() | ids,
    task=st.sampled_from(Task),
    private=st.booleans(),
    direct=st.booleans(),
    by_bot=st.booleans(),
    since=st.none() | times,
    of_thread=st.none() | ids,
    reply_to=st.dictionaries(ids, texts, max_size=3),
)


def utf16(text):
    """The text with each two halves of a pair joined."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@given(requests)
def test_a_stored_request_reads_back(request):
    stored = request_json(request)
    assert request_from(stored) == request
    assert stored.isascii()
    assert "\0" not in stored


@given(requests)
def test_an_erased_request_is_the_same_without_its_text_and_erasing_shows(request):
    erased = without_text(request_json(request))
    assert request_from(erased) == replace(request, text="")
    assert erased.startswith(WITHOUT_TEXT)
    assert request_json(request).startswith(WITHOUT_TEXT) == (request.text == "")


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.text() | json_like.map(repr))
def test_what_is_no_request_is_read_as_none_and_erased_whole(stored):
    assert request_from(stored) is None
    assert without_text(stored).startswith(WITHOUT_TEXT)
    assert request_from(without_text(stored)) is None


@pytest.mark.parametrize(
    "broken",
    [
        *('"task": "dance"', '"channel": ["slack"]', '"since": "tomorrow"', '"asker": 5', '"text": 5'),
        *('"reply_to": "ts"', '"reply_to": {"ts": 5}', '"channel": "abc"', '"thread_id": {}'),
    ],
)
def test_a_request_of_a_newer_version_is_left_to_it(broken):
    stored = request_json(Request("a", ChannelRef("slack", "tidepool", "C1"), "why?"))
    assert request_from(stored) is not None
    assert request_from(stored[:-1] + f", {broken}}}") is None  # of two equal keys the later one counts


places = st.tuples(ids, ids, ids, ids, st.sampled_from(Task))


@given(places, places)
def test_each_place_and_task_has_one_answer_and_no_other_place_has_it(one, other):
    assert (answer_id_of(*one) == answer_id_of(*other)) == (one == other)
    assert str(UUID(answer_id_of(*one))) == answer_id_of(*one)


def test_the_id_of_an_answer_never_changes():
    assert answer_id_of("slack", "T1", "C1", "1700000000.000100", Task.ANSWER) == "015cd36e-1c5c-5d48-acb7-0afc08722755"
