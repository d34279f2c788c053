"""What became of things that were to happen once each: lost, unexpected, duplicated. The idea is Jepsen's."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many never came, how many nobody asked for, and how many came more than once."""

    lost: int = 0
    unexpected: int = 0
    duplicated: int = 0

    def figures(self) -> dict[str, int]:
        """For a report."""
        return asdict(self)


SOUND = Verdict()


def verdict(expected: Iterable[str], found: Iterable[str]) -> Verdict:
    """`expected`: each once. `found`: as it came, repeats kept."""
    wanted, seen = set(expected), Counter(found)
    return Verdict(
        lost=len(wanted - seen.keys()),
        unexpected=len(seen.keys() - wanted),
        duplicated=sum(count > 1 for one, count in seen.items() if one in wanted),
    )
