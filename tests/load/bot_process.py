"""`threadlore run` with a scripted model, as a process of its own: python -m tests.load.bot_process COUNTER DELAY.

The names of mutants may follow. Settings come from the environment. Each generation appends one byte to the file
COUNTER.
"""

import asyncio
import sys
from pathlib import Path

from bot.commands.serve import services
from bot.config import load_settings
from bot.lifecycle import run_until_stopped
from bot.wiring import open_app
from tests.fakes.models import WordEmbedding, first_source, scripted
from tests.load.mutants import MUTANTS
from tests.load.stalls import note_stalls


async def main(counter: Path, delay_seconds: float) -> None:
    def script(prompt: str) -> str:
        with counter.open("ab") as file:
            file.write(b".")
        return first_source(prompt)

    chat = scripted(script, delay_seconds=delay_seconds)
    async with open_app(load_settings(), model=chat, embedder=WordEmbedding()) as app:
        for adapter in app.adapters:
            await adapter.open(app.desk)
        print("ready", flush=True)
        stalls = asyncio.create_task(note_stalls(counter.with_name("stalls")))
        await run_until_stopped(*services(app))
        stalls.cancel()


if __name__ == "__main__":
    for name in sys.argv[3:]:
        MUTANTS[name]()
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
