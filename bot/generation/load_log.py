"""What llama.cpp says while it loads a model, and what of it tells where the model went. Child process only."""

import ctypes
import re
from collections import deque
from typing import Any, ClassVar

import llama_cpp

ASSIGNED = re.compile(r"layer\s+\d+ assigned to device (\w+)")
DEVICE = re.compile(r"using device (\S+ \([^)]*\))")
OFFLOADED = re.compile(r"offloaded (\d+)/\d+ layers")
FLASH = re.compile(r"flash_attn\s*=\s*(\w+)")
FLASH_CHOSEN = re.compile(r"Flash Attention (?:was auto, set to |not supported, set to )?(enabled|disabled)")
CACHE_TYPES = re.compile(r"K \((\w+)\):.*V \((\w+)\):")
ERROR_LEVEL, CONTINUED_LEVEL = 4, 5


class LoadLog:
    """Takes llama.cpp's log lines instead of standard error, and remembers those of the last load."""

    _called: ClassVar[list[Any]] = []
    """llama.cpp may call what it was given until the process ends; by then another log may be gone."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=4000)
        self.last_error = ""
        callback = llama_cpp.llama_log_callback(self._take)
        llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
        self._called.append(callback)

    def _take(self, level: int, text: bytes, _data: Any) -> None:
        line = text.decode("utf-8", "replace").strip()
        if level == ERROR_LEVEL and line:
            self.last_error = self.last_error or line
        if level != CONTINUED_LEVEL:
            self.lines.append(line)

    def offload(self) -> tuple[int, tuple[str, ...]]:
        """How many layers went to a device other than the processor, and which devices are in use.

        llama.cpp's own count is of what was asked for, also where a build that could use a device has none.
        """
        assigned = [match[1] for line in self.lines if (match := ASSIGNED.search(line))]
        counted = [int(match[1]) for line in self.lines if (match := OFFLOADED.search(line))]
        used = dict.fromkeys(match[1] for line in self.lines if (match := DEVICE.search(line)))
        layers = sum(not device.startswith("CPU") for device in assigned) if assigned else (counted or [0])[-1]
        return layers, tuple(used) or tuple(dict.fromkeys(assigned))

    def attention(self) -> tuple[str, tuple[str, ...]]:
        """Whether flash attention is used, in llama.cpp's word, and how it keeps keys and values."""
        said = [match[1] for line in self.lines if (match := FLASH_CHOSEN.search(line) or FLASH.search(line))]
        kept = [match.groups() for line in self.lines if (match := CACHE_TYPES.search(line))]
        return said[-1] if said else "", kept[-1] if kept else ()
