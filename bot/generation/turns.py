"""Turns among groups that cannot share a step. This file performs no I/O."""

from collections.abc import Hashable


class Turns:
    """Whoever has waited longest is first. A group that joins stands behind all that are here."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, None] = {}

    def join(self, group: Hashable) -> None:
        """Takes part from now on; nothing changes for one that does already."""
        self._groups.setdefault(group)

    def leave(self, group: Hashable) -> None:
        """Takes part no longer."""
        self._groups.pop(group, None)

    def order(self) -> list[Hashable]:
        """All that take part, whose turn is first in front."""
        return list(self._groups)

    def served(self, group: Hashable) -> None:
        """It had its turn and goes to the end."""
        self._groups.pop(group)
        self._groups[group] = None
