"""Made-up talk of any size, the same on every machine: what growth is measured on. No I/O.

Words are drawn by Zipf's law from three syllables each, so that nothing reads like anybody's talk; a fifth is Chinese
characters. Threads and open talk alternate as in a busy workspace.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.lexical import FUNCTION_WORDS
from knowledge.messages import Channel, ChannelRef, MessageRef, Person, PersonRef, SourceMessage

PLATFORM = WORKSPACE = "bench"
START = datetime(2024, 1, 1, tzinfo=UTC)
PER_DAY = 2_000
MOST_CHANNELS = 1_000
PEOPLE = 200
VOCABULARY = 300_000
CHARACTERS = 3_000
FIRST_CHARACTER = 0x4E00
# How many messages in a row belong together, on average; in which share of the cases they are a thread, or Chinese.
TOGETHER = 3
MOST_TOGETHER = 30
THREADS = 0.4
CHINESE = 0.2
# What is talked about has words of its own: so many, in this share of all.
TOPIC_WORDS = 50
TOPIC_SHARE = 0.3
# Every so many words are identifiers.
IDENTIFIERS = 25
MOST_WORDS = 60
MOST_SECONDS_BETWEEN = 120
LAST_START = 80_000

_SYLLABLES = [f"{consonant}{vowel}" for consonant in "bdfghjklmnprtvz" for vowel in "aeiou"]


class Uttered(NamedTuple):
    """A message, and the number of the topic it is about."""

    message: SourceMessage
    topic: int


@dataclass(frozen=True)
class Talk:
    """So many messages. The same numbers give the same talk."""

    messages: int
    seed: int = 7
    per_day: int = PER_DAY

    @property
    def topics(self) -> int:
        """How many things there are to talk about."""
        return int(np.clip(self.messages // 500, 20, 2_000))

    @cached_property
    def channels(self) -> tuple[Channel, ...]:
        """Channels, the busiest first: the busiest of a thousand has two in a hundred of the messages."""
        count = max(1, min(MOST_CHANNELS, self.messages // 10))
        return tuple(Channel(ChannelRef(PLATFORM, WORKSPACE, f"C{n:04}"), f"c{n:04}") for n in range(count))

    @cached_property
    def people(self) -> tuple[Person, ...]:
        """Those who talk."""
        return tuple(Person(PersonRef(PLATFORM, WORKSPACE, f"P{n:03}"), f"p{n:03}") for n in range(PEOPLE))

    def days(self) -> Iterator[list[Uttered]]:
        """The talk day by day. A thread ends on the day it began."""
        for day, done in enumerate(range(0, self.messages, self.per_day)):
            yield list(self._day(day, min(self.per_day, self.messages - done)))

    def _day(self, day: int, count: int) -> Iterator[Uttered]:
        dice = np.random.default_rng((self.seed, day))
        sizes = np.minimum(dice.geometric(1 / TOGETHER, count), MOST_TOGETHER)
        sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), count)) + 1]
        sizes[-1] -= sizes.sum() - count
        channels = dice.choice(len(self.channels), len(sizes), p=_shares(len(self.channels)))
        topics = dice.integers(0, self.topics, len(sizes))
        is_thread = (dice.random(len(sizes)) < THREADS) & (sizes > 1)
        is_chinese = dice.random(len(sizes)) < CHINESE
        begins = dice.integers(0, LAST_START, len(sizes))
        between = dice.integers(1, MOST_SECONDS_BETWEEN, count)
        authors = dice.integers(0, len(self.people), count)
        ranks = iter(_ranks(dice, np.repeat(topics, sizes)))
        number = 0
        for place, size in enumerate(sizes):
            at = START + timedelta(days=day, seconds=int(begins[place]))
            channel = self.channels[channels[place]].ref
            root = f"{day}-{number}"
            for _ in range(size):
                words = next(ranks)
                yield Uttered(
                    SourceMessage(
                        ref=MessageRef(channel, f"{day}-{number}"),
                        text=chinese(words) if is_chinese[place] else english(words),
                        author=self.people[authors[number]].ref,
                        author_name=self.people[authors[number]].name,
                        posted_at=at,
                        thread_id=root if is_thread[place] else None,
                        permalink=f"https://bench.example/archives/{channel.channel_id}/{day}-{number}",
                    ),
                    int(topics[place]),
                )
                at += timedelta(seconds=int(between[number]))
                number += 1


def english(ranks: Sequence[int]) -> str:
    """A sentence of the words of these ranks."""
    words = _words()
    return " ".join([words[rank] for rank in ranks])


def chinese(ranks: Sequence[int]) -> str:
    """The same in words of two characters."""
    pairs = [
        chr(FIRST_CHARACTER + rank % CHARACTERS) + chr(FIRST_CHARACTER + rank * 31 // 7 % CHARACTERS) for rank in ranks
    ]
    return "".join(pairs) + "。"


@lru_cache(maxsize=1)
def _words() -> list[str]:
    """Every word, the most frequent first: those that shape English, then made-up ones, some of them identifiers."""
    count = len(_SYLLABLES)
    shaping = sorted(FUNCTION_WORDS)
    made_up = [
        _SYLLABLES[n % count] + _SYLLABLES[n // count % count] + _SYLLABLES[n // count**2 % count]
        for n in range(VOCABULARY - len(shaping))
    ]
    for n in range(IDENTIFIERS - 1, len(made_up), IDENTIFIERS):
        made_up[n] = f"{made_up[n]}_{n}"
    return shaping + made_up


@lru_cache(maxsize=1)
def _frequencies() -> NDArray[np.float64]:
    """How often the words up to each rank occur. Source: Zipf's law, with Mandelbrot's shift."""
    sums = np.cumsum(1 / (np.arange(VOCABULARY) + 2.7))
    return np.asarray(sums / sums[-1])


@lru_cache(maxsize=8)
def _shares(channels: int) -> NDArray[np.float64]:
    weights = 1 / (np.arange(channels) + 10.0)
    return np.asarray(weights / weights.sum())


def _ranks(dice: np.random.Generator, topics: NDArray[np.int64]) -> Iterator[list[int]]:
    """The words of each message, as ranks."""
    lengths = np.clip(dice.lognormal(2.3, 0.7, len(topics)), 1, MOST_WORDS).astype(int)
    total = int(lengths.sum())
    ranks = np.searchsorted(_frequencies(), dice.random(total))
    first = len(FUNCTION_WORDS)
    own = (np.repeat(topics, lengths) * 7_919 + (TOPIC_WORDS ** dice.random(total)).astype(int) * 104_729) % (
        VOCABULARY - first
    ) + first
    ranks = np.where(dice.random(total) < TOPIC_SHARE, own, ranks).tolist()
    for end, length in zip(accumulate(lengths.tolist()), lengths.tolist(), strict=True):
        yield ranks[end - length : end]
