"""What the bot of a soak is fitted with: a model that holds nothing back and can be away, and a gauge to be read."""

import asyncio
import gc
import json
import signal
from collections import Counter
from pathlib import Path

import bot.answering
import tests.load.bot_process
from bot.errors import ModelUnavailable
from tests.chaos.test_memory_growth import rss_bytes
from tests.scenarios.slack.scene import every_source

AWAY, GAUGE = "model-away", "gauge"
"""Files in the bot's folder: while the first is there the model fails; into the second it writes what it is told to."""


def hostile_model():
    def script(prompt):
        if Path(AWAY).exists():
            raise ModelUnavailable
        return every_source(prompt)

    tests.load.bot_process.first_source = script


def gauge():
    """On SIGUSR1 it says how large it is: resident bytes, open file descriptors, tasks; and of what kind these are."""

    def read(_number, _frame):
        gc.collect()
        kinds = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
        fds = len(list(Path("/proc/self/fd").iterdir()))
        new = Path(f"{GAUGE}.new")
        new.write_text(json.dumps({"rss": rss_bytes(), "fds": fds, "tasks": kinds.total(), "kinds": kinds}))
        new.rename(GAUGE)

    signal.signal(signal.SIGUSR1, read)


def quick_retries():
    """A small run has no time to wait as long as the product before what failed is tried again."""
    bot.answering.Answering.__init__.__kwdefaults__["retry_seconds"] = (0.5, 2.0)


FITTINGS = {one.__name__: one for one in (hostile_model, gauge, quick_retries)}
