"""What is broken on purpose, to show that a test would notice."""

from adapters.catching_up import CatchingUp


def no_second_reading(monkeypatch):
    """What was missed is read after the first connection of a process, and never again."""
    sound, started = CatchingUp._catch_up, set()

    async def at_the_start(kept, until):
        if kept not in started:
            started.add(kept)
            await sound(kept, until)

    monkeypatch.setattr(CatchingUp, "_catch_up", at_the_start)
