"""The platforms' part of the composition root: from settings to adapters. Beside `wiring`, it alone names them."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from adapters.discord import render as discord_render
from adapters.discord.app import DiscordAdapter
from adapters.discord.guild import Options as DiscordOptions
from adapters.slack import render as slack_render
from adapters.slack.app import SlackAdapter
from adapters.slack.workspace import Options as SlackOptions
from bot.config import DiscordSettings, Settings, SlackSettings, SlackWorkspaceSettings, secret
from bot.conversation import Answer
from bot.desk import ChatAdapter

MEASURED = "measured"
"""Stands for the id of an answer that is measured and belongs to nobody."""


def adapters_of(settings: Settings) -> list[ChatAdapter]:
    """An adapter for each platform that the settings connect."""
    return [*_slack(settings.slack), *_discord(settings.discord)]


def posted_on_platforms(written: str, answer: Answer, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """What each platform would be sent of an answer: as it is written, and when it is finished. Sends nothing."""
    slack = [
        slack_render.partial(written, waiting_mark="…"),
        *slack_render.answer_parts(answer, answer_id=MEASURED, now=now),
    ]
    discord = [
        discord_render.partial(written, waiting_mark="…"),
        *discord_render.answer_parts(answer, answer_id=MEASURED, now=now),
    ]
    return {"slack": [asdict(one) for one in slack], "discord": [asdict(one) for one in discord]}


def _discord(discord: DiscordSettings) -> list[ChatAdapter]:
    if discord.token is None:
        return []
    options = DiscordOptions(
        admins=_names(discord.admins),
        answer_bots=discord.answer_bots,
        read_files=discord.files,
    )
    urls = {"api_url": discord.api_url, "gateway_url": discord.gateway_url}
    return [DiscordAdapter(options, token=secret(discord.token) or "", shards=discord.shards, **urls)]


def _slack(slack: SlackSettings) -> list[ChatAdapter]:
    workspaces: list[SlackSettings | SlackWorkspaceSettings] = [
        *([slack] if slack.bot_token else []),
        *slack.workspaces,
    ]
    if not workspaces:
        return []
    options = [_slack_options(slack, one) for one in workspaces]
    return [SlackAdapter(options, api_url=slack.api_url, mode=slack.mode, sockets=slack.sockets)]


def _slack_options(slack: SlackSettings, one: SlackSettings | SlackWorkspaceSettings) -> SlackOptions:
    return SlackOptions(
        bot_token=secret(one.bot_token) or "",
        app_token=secret(one.app_token) or "",
        signing_secret=secret(one.signing_secret) or "",
        admins=_names(one.admins),
        answer_bots=slack.answer_bots,
        read_files=slack.files,
        streaming=slack.streaming == "auto",
    )


def _names(listed: str) -> frozenset[str]:
    """Ids that stand in a setting, by commas."""
    return frozenset(name.strip() for name in listed.split(",") if name.strip())
