"""Which LoRA adapters a model child has. Knows no model, and performs no I/O.

A name may come to mean another file while requests still use the first; each adapter therefore has a key of its own.
One that was dropped or replaced stays until the last request that has it has ended.
"""

from collections.abc import Callable, Collection
from itertools import count
from typing import Any

from bot.generation.sequence import Lora


class Loras:
    """Adapters by name. `load` reads one, and raises ValueError when it cannot; `free` gives its memory back."""

    def __init__(self, load: Callable[[Lora], Any], free: Callable[[Any], None]) -> None:
        self._load = load
        self._free = free
        self._numbers = count(1)
        self._keys: dict[str, str] = {"": ""}
        self._adapters: dict[str, Any] = {}

    def add(self, adapter: Lora) -> None:
        """Loads an adapter; its name means this one from now on. Errors: ValueError, and then nothing has changed."""
        loaded = self._load(adapter)
        key = f"{adapter.name}#{next(self._numbers)}"
        self._keys[adapter.name] = key
        self._adapters[key] = loaded

    def drop(self, name: str) -> None:
        """The name means nothing from now on."""
        if name:
            self._keys.pop(name, None)

    def key_of(self, name: str) -> str | None:
        """What the name means now; "" is the model alone, None: nothing."""
        return self._keys.get(name)

    def adapter(self, key: str) -> Any:
        """The adapter as the model knows it; None is the model alone."""
        return self._adapters[key] if key else None

    def let_go(self, used: Collection[str]) -> list[str]:
        """Frees each adapter that no name means and nobody uses; returns their keys."""
        named = set(self._keys.values())
        gone = [key for key in self._adapters if key not in named and key not in used]
        for key in gone:
            self._free(self._adapters.pop(key))
        return gone
