"""Bots as processes of their own, on the fake platform of the test."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.discord.fake import FakeDiscord

# What is measured there is more than the bot would take from so few people.
UNLIMITED = {"user": "off", "channel": "off", "workspace": "off"}
REPOSITORY = str(Path(__file__).resolve().parents[2])


def environment(platform, database_url, redis_url, **more):
    """What a bot process needs to find everything, the fake Slack or Discord too; nothing else of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    return (
        kept
        | (_on_discord(platform) if isinstance(platform, FakeDiscord) else _on_slack(platform))
        | {
            "THREADLORE_DATABASE__URL": database_url,
            "THREADLORE_REDIS__URL": redis_url,
            "THREADLORE_MODEL__PARALLEL": "4",
            "THREADLORE_ANSWER__DECLINE_BELOW": "0.2",
            "PYTHONPATH": REPOSITORY,
            **{f"THREADLORE_LIMITS__{whose.upper()}": limit for whose, limit in UNLIMITED.items()},
        }
        | more
    )


def _on_slack(slack):
    return {
        "THREADLORE_SLACK__API_URL": slack.api_url,
        "THREADLORE_SLACK__BOT_TOKEN": slack.bot_token,
        "THREADLORE_SLACK__APP_TOKEN": slack.app_token,
    }


def _on_discord(discord):
    return {
        "THREADLORE_DISCORD__API_URL": discord.api_url,
        "THREADLORE_DISCORD__GATEWAY_URL": discord.gateway_url,
        "THREADLORE_DISCORD__TOKEN": discord.token,
    }


class BotProcess:
    """One bot. `kill` ends it as a crash does."""

    def __init__(self, process):
        self._process = process

    def kill(self):
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    async def stop(self):
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 30)
            except TimeoutError:
                self.kill()
        await self._process.wait()


async def start_bot(cwd, settings, counter, *, delay=0.0, module="tests.load.bot_process", mutants=()):
    """A bot that has said it is ready, with these mutants in it."""
    with (cwd / "bot.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, str(counter), str(delay), *mutants,
            cwd=cwd, env=settings, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    line = await asyncio.wait_for(process.stdout.readline(), 90)
    assert line == b"ready\n", (cwd / "bot.log").read_text()[-2000:]
    return BotProcess(process)


@asynccontextmanager
async def bots(count, cwd, settings, counter, **more):
    started = []
    try:
        while len(started) < count:
            started.append(await start_bot(cwd, settings, counter, **more))
        yield started
    finally:
        for one in started:
            await one.stop()
