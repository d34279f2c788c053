"""How late an event loop wakes up: what keeps it from that keeps everybody waiting."""

import asyncio
import json
from collections import Counter
from pathlib import Path

PAUSE_SECONDS = 0.01
STALL_MS = (1000, 100)
"""So late may the loop wake up once in a thousand times: at the small size, beside other work, and as promised."""


async def note_stalls(into: Path) -> None:
    """Until it is cancelled; what is written then says how often the loop woke up so many milliseconds late."""
    clock, late = asyncio.get_running_loop().time, Counter[int]()
    try:
        while True:
            due = clock() + PAUSE_SECONDS
            await asyncio.sleep(PAUSE_SECONDS)
            late[int((clock() - due) * 1000)] += 1
    finally:
        into.write_text(json.dumps(late), encoding="utf-8")


def stall_figures(noted: Path) -> dict[str, int]:
    """For a report, in milliseconds."""
    late = sorted((int(ms), count) for ms, count in json.loads(noted.read_text(encoding="utf-8")).items())
    total, passed = sum(count for _, count in late), 0
    for ms, count in late:
        passed += count
        if passed >= 0.999 * total:
            return {"wakes": total, "stall_p999_ms": ms, "stall_max_ms": late[-1][0]}
    raise ValueError("nothing was noted")
