"""The LoRA adapters of one model: those of the settings, and whatever files lie in a folder just now.

The folder is looked at when an adapter is chosen and each time that one is asked for: an operator adds and removes
adapters while the bot runs by putting files there and taking them away.
"""

from collections.abc import Sequence
from pathlib import Path

import structlog

from bot.adapter_names import is_adapter_name
from bot.errors import AdapterUnusable
from bot.generation.engine import Engine
from bot.generation.sequence import Lora

log = structlog.get_logger()

SUFFIX = ".gguf"


def adapters_directory(home: Path) -> Path:
    """The folder of adapter files under Threadlore's home."""
    return home / "adapters"


class Shelf:
    """Where adapters are found by name. `chosen` go before files in the folder that are called the same."""

    def __init__(self, engine: Engine, chosen: Sequence[Lora], folder: Path) -> None:
        self._engine = engine
        self._chosen = tuple(chosen)
        self._folder = folder

    def names(self) -> list[str]:
        """The names there are now, in order."""
        return sorted(self._found())

    async def fetch(self, name: str) -> None:
        """Has the engine know an adapter as it is now, and forget those that are gone.

        Errors: `AdapterUnusable`, which says why; `ModelUnavailable`.
        """
        found = self._found()
        for gone in [one for one in self._engine.loras if one not in found]:
            await self._engine.drop_lora(gone)
        if name not in found:
            raise AdapterUnusable(f"There is no LoRA adapter named {name}.")
        if self._engine.loras.get(name) != found[name]:
            await self._engine.add_lora(found[name])

    async def usable(self, name: str) -> str:
        """The name, if its adapter can be used; else "", the model alone, and a line in the log."""
        try:
            await self.fetch(name)
        except AdapterUnusable:
            log.warning("adapter_away", adapter=name)
            return ""
        return name

    def _found(self) -> dict[str, Lora]:
        found: dict[str, Lora] = {}
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            name = path.stem.lower()
            if is_adapter_name(name) and path.is_file():
                found.setdefault(name, Lora(name, str(path.absolute()), version=_version(path)))
        return found | {one.name: _as_it_is(one) for one in self._chosen}


def _as_it_is(adapter: Lora) -> Lora:
    path = Path(adapter.path).absolute()
    return Lora(adapter.name, str(path), adapter.scale, _version(path))


def _version(path: Path) -> str:
    """Another one when the file is written again; "" when there is none."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}"
