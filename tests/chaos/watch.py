"""Looks at everything that the bot shows: who may not read a word, and which word is gone."""

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Watch:
    """`readers`: of each private word, whoever may read it. What was taken from somebody, or from everybody, may still
    be told for `grace_seconds`: so long the news of it may be on its way while something else is broken.

    `leaks` and `served` hold the faults; `shown` counts what was rightly told of each word.
    """

    grace_seconds: float
    readers: dict[str, set[str]] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    shown: Counter[str] = field(default_factory=Counter)
    leaks: list[tuple[str, str]] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    _lost: dict[tuple[str, str], float] = field(default_factory=dict)
    _gone: dict[str, float] = field(default_factory=dict)

    def take_from(self, word: str, reader: str) -> None:
        self.readers[word].discard(reader)
        self._lost[word, reader] = time.monotonic()

    def give_to(self, word: str, reader: str) -> None:
        self.readers[word].add(reader)

    def retire(self, word: str) -> None:
        """It was deleted, forgotten, or edited away."""
        self._gone.setdefault(word, time.monotonic())

    @property
    def gone(self) -> list[str]:
        return list(self._gone)

    def be_strict(self) -> None:
        """All news has arrived: from now on there is no excuse."""
        self.grace_seconds = 0.0

    def look(self, text: str, audience: set[str]) -> None:
        """Something was shown just now to these people."""
        now = time.monotonic()
        for word in self.words:
            if word not in text:
                continue
            self.shown[word] += 1
            if word in self._gone and now > self._gone[word] + self.grace_seconds:
                self.served.append(word)
            for reader in audience - self.readers.get(word, audience):
                lost = self._lost.get((word, reader))
                if lost is None or now > lost + self.grace_seconds:
                    self.leaks.append((word, reader))
