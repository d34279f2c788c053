"""What reads like a link goes, and what only has a dot or a slash in it stays."""

import time

import pytest

from bot.links import LINK_REMOVED, without_links
from tests.hostile import ADDRESSES

ORDINARY = [
    "we moved from monday.com to ASP.NET, node.js and socket.io",
    "see bot/citations.py:12, README.md#walks, node.js/express, and/or, TCP/IP, e.g./i.e., v1.2/v1.3",
    "10.0.0.0/8, db.internal:5432, 16:9, 3/4, a//b, C:\\kelp, ops@tidepool.example",
    "data: three rows; javascript: a language; tel: ask Quince",
    "我们用了Kafka。然后/再看",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_taken_out(address):
    shown = without_links(f"go to {address} now").replace("\u200b", "")
    assert "evil" not in shown
    assert "2130706433" not in shown
    assert LINK_REMOVED in shown


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_are_left_alone(text):
    assert without_links(text) == text


@pytest.mark.parametrize(
    "piece", ["a.", "a", "xn--", "-", "a.bc/", "/", "//a", "a:", "．", "a．", "www.", "data:", "é.", "mailto:", "://"]
)
def test_time_grows_with_length_only(piece):
    def seconds(size):
        text = piece * (size // len(piece))

        def once():
            begin = time.process_time()
            without_links(text)
            return time.process_time() - begin

        return min(once() for _ in range(3))

    assert seconds(40_000) < 40 * max(seconds(5_000), 0.001)
