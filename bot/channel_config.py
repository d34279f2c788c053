"""How the bot behaves in one channel: kept under the platform's channel id, changed by `config`."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from bot.adapter_names import MODEL_ALONE
from bot.errors import BotError
from knowledge.database import Database
from knowledge.messages import ChannelRef

GET = """
SELECT config FROM channel_config
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s)"""
SET = """
INSERT INTO channel_config AS c (platform, workspace, channel_id, config)
VALUES (%(platform)s, %(workspace)s, %(id)s, %(config)s::jsonb)
ON CONFLICT (platform, workspace, channel_id) DO UPDATE SET config = c.config || EXCLUDED.config
RETURNING config"""

MODELS = """
SELECT coalesce(c.name, k.channel_id), k.config ->> 'model'
FROM channel_config k LEFT JOIN channel c USING (platform, workspace, channel_id)
WHERE coalesce(k.config ->> 'model', %(alone)s) <> %(alone)s
AND coalesce(k.platform = %(platform)s AND k.workspace = %(workspace)s, true)
ORDER BY 1, 2"""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})?", re.ASCII)
# As `knowledge.retention.KEPT_DAYS` reads it.
_DAYS = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


class BadSetting(BotError):
    """There is no such setting."""


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """One channel's settings.

    `bot` off: nothing of the channel is read, kept or answered. `threads`: "follow" answers the next questions in a
    thread without a mention, "strict" wants one. `replies`: "public", or "private" to the asker alone. `sources`: the
    list under an answer. `language`: an ISO code, or "auto" for the question's. `model`: "default", or a LoRA adapter.
    `keep`: after how many days its messages are forgotten, "default" as everywhere; more than that changes nothing.
    """

    bot: str = "on"
    threads: str = "follow"
    replies: str = "public"
    sources: str = "on"
    language: str = "auto"
    model: str = "default"
    keep: str = "default"

    @property
    def adapter(self) -> str:
        """The adapter's name; "" is the model alone."""
        return "" if self.model == MODEL_ALONE else self.model

    @property
    def is_on(self) -> bool:
        """Whether the bot reads and answers here at all."""
        return self.bot == "on"


CHOICES: Mapping[str, tuple[str, ...]] = {
    "bot": ("on", "off"),
    "threads": ("follow", "strict"),
    "replies": ("public", "private"),
    "sources": ("on", "off"),
}
ALIASES = {"follow": ("threads", "follow"), "strict": ("threads", "strict"), "ephemeral": ("replies", "private")}


def changed(config: ChannelConfig, key: str, value: str, adapters: Sequence[str] = ()) -> ChannelConfig:
    """The settings with one changed. Errors: `BadSetting` with the sentence that says what is possible."""
    key, value = key.strip().lower(), value.strip().lower()
    if key in ALIASES and value in {"", "on"}:
        key, value = ALIASES[key]
    names = [field.name for field in fields(ChannelConfig)]
    if key not in names:
        raise BadSetting(f"There is no setting {key or 'of that name'}: use one of {', '.join(names)}.")
    if key in CHOICES and value not in CHOICES[key]:
        raise BadSetting(f"{key} can be {' or '.join(CHOICES[key])}.")
    if key == "language" and value != "auto" and not _LANGUAGE.fullmatch(value):
        raise BadSetting("language can be auto, or a code such as en, de or zh.")
    if key == "model" and value not in {MODEL_ALONE, *adapters}:
        known = f"default, {', '.join(adapters)}" if adapters else "default only, because there is no LoRA adapter"
        raise BadSetting(f"model can be {known}.")
    if key == "keep" and value != "default" and not _DAYS.fullmatch(value):
        raise BadSetting("keep can be default, or a number of days such as 90.")
    return replace(config, **{key: value})


def lines_of(config: ChannelConfig) -> list[str]:
    """The settings, one a line."""
    return [f"{key}: {value}" for key, value in asdict(config).items()]


class ChannelConfigs:
    """The settings of every channel. What has never been set is the default.

    `adapters`: the LoRA adapters that can be chosen now; `try_adapter` raises a `BotError` where one cannot be used.
    """

    def __init__(
        self,
        database: Database,
        adapters: Callable[[], Sequence[str]] = tuple,
        try_adapter: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._adapters = adapters
        self._try_adapter = try_adapter

    async def get(self, channel: ChannelRef) -> ChannelConfig:
        """A channel's settings; what another version stored and this one does not know is left out."""
        rows = await self._database.fetch(GET, _row(channel))
        return _config(rows[0][0]) if rows else ChannelConfig()

    async def set(self, channel: ChannelRef, key: str, value: str) -> ChannelConfig:
        """Changes one setting. Errors: `BadSetting`, `AdapterUnusable`, `ModelUnavailable`."""
        before = await self.get(channel)
        after = asdict(changed(before, key, value, self._adapters()))
        # Only what changes is written: another setting may be changed at the same time.
        change = {name: after[name] for name, old in asdict(before).items() if after[name] != old}
        if change.get("model", MODEL_ALONE) != MODEL_ALONE and self._try_adapter is not None:
            await self._try_adapter(change["model"])
        rows = await self._database.fetch(SET, {**_row(channel), "config": json.dumps(change)})
        return _config(rows[0][0])

    async def without_adapter(self, platform: str | None, workspace: str | None) -> list[tuple[str, str]]:
        """Channels whose adapter is not there now, and which: the model alone answers there."""
        there = set(self._adapters())
        row = {"platform": platform, "workspace": workspace, "alone": MODEL_ALONE}
        return [(name, adapter) for name, adapter in await self._database.fetch(MODELS, row) if adapter not in there]


def _config(stored: Mapping[str, Any]) -> ChannelConfig:
    known = {field.name for field in fields(ChannelConfig)}
    return ChannelConfig(**{key: value for key, value in stored.items() if key in known})


def _row(channel: ChannelRef) -> dict[str, object]:
    return {"platform": channel.platform, "workspace": channel.workspace, "id": channel.channel_id}
