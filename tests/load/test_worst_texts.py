"""Time grows with the length of a text and with nothing else: no text of a stranger keeps the bot busy."""

import re
import time

import pytest

from adapters.discord.escaping import unlinked as on_discord
from adapters.discord.markdown import discord_markdown
from adapters.replies import clean, split
from adapters.slack.escaping import unlinked as on_slack
from adapters.slack.mrkdwn import mrkdwn
from bot import citations
from bot.plaintext import harmless, neutralise, question_text
from knowledge.kept import kept
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line
from tests.worst import texts

CHARS = 40_000
MOST_SECONDS = 1.0
"""For one text: a wide limit, because other work runs beside a test. What grows with the square needs more."""
MOST_GROWTH = 3.0
"""From half the length. Twice the time is linear, four times is not."""
CLEARLY = 0.2
"""Seconds; what takes less is too short to tell how it grows."""

EIGHT = [
    Line(number, 1, MessageRef(ChannelRef("slack", "T1", "C1"), "1"), 1, "harvest", "quince", f"{number} a", None, "")
    for number in range(8)
]
READERS = {
    "kept": kept,
    "question": question_text,
    "prompt": neutralise,
    "answer": harmless,
    "citations": lambda text: citations.resolve(text, []),
    "citations of eight": lambda text: citations.resolve(text, EIGHT),
    "terminal": clean,
    "parts": lambda text: split(text, 3_000),
    "slack": mrkdwn,
    "slack quotation": on_slack,
    "discord": discord_markdown,
    "discord quotation": on_discord,
}


def seconds(reader, text, tries=1):
    best = float("inf")
    for _ in range(tries):
        begin = time.process_time()
        reader(text)
        best = min(best, time.process_time() - begin)
    return best


def slow(reader, size):
    """The texts that take too long, and the longest time of all: a doubtful one is tried again."""
    found, longest = {}, (0.0, "")
    half = texts(size // 2)
    for name, text in texts(size).items():
        took = seconds(reader, text)
        if took > CLEARLY:
            took = seconds(reader, text, 3)
            if took > MOST_SECONDS or (took > CLEARLY and took > MOST_GROWTH * seconds(reader, half[name], 3)):
                found[name] = round(took, 3)
        longest = max(longest, (took, name))
    return found, longest


@pytest.mark.parametrize("name", READERS)
def test_the_worst_texts_take_linear_time(name, report):
    found, (took, text) = slow(READERS[name], CHARS)
    report(name, texts=len(texts(100)), worst_ms=round(took * 1000), worst_text=text)
    assert found == {}


def test_the_checker_catches_a_pattern_that_tracks_back():
    mention = re.compile(r"@+(?=everyone\b)")
    found, _ = slow(lambda text: mention.sub("", text), CHARS // 2)
    assert "@" in found
