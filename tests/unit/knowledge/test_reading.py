"""Where a reading goes on."""

from hypothesis import given
from hypothesis import strategies as st

from knowledge.ports import Page, Thread
from knowledge.reading import Place, ThreadPlace

cursors = st.none() | st.text()
places = st.builds(
    Place,
    begun=st.booleans(),
    history=cursors,
    threads=st.lists(st.builds(ThreadPlace, st.text(), cursors, st.integers(0, 9), st.text())).map(tuple),
    faults=st.integers(0, 9),
)


@given(places)
def test_a_place_is_kept_as_it_is(place):
    assert Place.load(place.dump()) == place


def test_reading_begins_at_the_newest_page_and_is_not_at_its_end():
    place = Place.load(None)
    assert place.next == (None, None)
    assert not place.is_end


def test_threads_come_before_older_history():
    place = Place().after(Page((), "older"), [Thread("a", 2, "a2"), Thread("b", 1, "b1")])
    order = []
    for cursor in ["a2", None, None]:
        order.append(place.next)
        place = place.after(Page((), cursor), [])
    assert order == [("a", None), ("a", "a2"), ("b", None)]
    assert place.next == (None, "older")
    assert not place.is_end
    assert place.after(Page(()), []).is_end


def test_the_threads_of_the_last_page_are_read_before_the_end():
    place = Place().after(Page(()), [Thread("a", 1, "a1")])
    assert not place.is_end
    assert place.after(Page(()), []).is_end


def test_a_page_that_was_read_clears_the_faults():
    assert Place(faults=4).after(Page((), "older"), []).faults == 0


def test_a_thread_keeps_its_count_from_page_to_page():
    place = Place().after(Page((), "older"), [Thread("a", 2, "a2")]).after(Page((), "on"), [])
    assert place.threads == (ThreadPlace("a", "on", 2, "a2"),)
