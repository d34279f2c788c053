"""Has everything imported, and makes a bot process out of each line it reads: python -m tests.chaos.nursery.

A line is JSON: `cwd`, `environment`, `counter`, `delay`, `mutants`, `lease`. What comes back by line: the process id,
then "ready" from the bot itself. A fork takes a tenth of the time that a start takes, and dies as well.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import adapters.discord.app
import adapters.slack.app  # noqa: F401 - what takes long is done before
from tests.chaos.mutants import MUTANTS, many_starts, short_leases
from tests.chaos.soaked import FITTINGS
from tests.load.bot_process import main


def live(order):
    """The rest of a bot's life."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    log = os.open("bot.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in order["mutants"]:
        (MUTANTS | FITTINGS)[name]()
    short_leases(order["lease"])
    many_starts()
    asyncio.run(main(Path(order["counter"]), order["delay"]))


def serve():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever died is gone, and no zombie that still has its id
    print("open", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                live(json.loads(line))
                status = 0
            finally:
                sys.stdout.flush()
                os._exit(status)
        print(pid, flush=True)


if __name__ == "__main__":
    serve()
