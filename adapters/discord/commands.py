"""The commands as Discord lists them. What was chosen is read in `options.py`; what is done about it is the handler's.

Commands for everybody stand alone: what only admins may use is hidden as a whole, with all its subcommands.
"""

import asyncio
import functools
import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import discord
import structlog
from aiohttp import ClientError
from discord import app_commands

from adapters.commands import Misunderstood, Typed
from adapters.discord import signatures
from adapters.discord.command_texts import ASK_ABOUT, DESCRIPTIONS, translated
from adapters.discord.options import OUT_OF_DATE, Here, link_in, read
from adapters.discord.places import Place, place_from
from adapters.discord.signatures import Interaction

log = structlog.get_logger()

Handler = Callable[[Interaction, Typed], Awaitable[None]]
"""What is done about a command. It has three seconds to tell Discord that it was received."""
Tree = app_commands.CommandTree[discord.Client]

Signature = Callable[..., Coroutine[Any, Any, None]]

LOOK_UP_SECONDS = 1.5

FOR_EVERYBODY: dict[str, Signature] = {
    "ask": signatures.ask,
    "summary": signatures.summary,
    "forget-me": signatures.alone,
    "remember-me": signatures.alone,
    "lore-reset": signatures.alone,
    "lore-help": signatures.alone,
}
FOR_ADMINS: dict[str, Signature] = {
    "reindex": signatures.reindex,
    "status": signatures.alone,
    "cancel": signatures.cancel,
    "forget": signatures.forget,
    "config": signatures.config,
    "gaps": signatures.alone,
}


def build_tree(client: discord.Client, handler: Handler) -> Tree:
    """All commands, for use in guilds only; each one comes to `handler`. A client has one tree. Nothing is sent."""
    tree = Tree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )
    for name, signature in FOR_EVERYBODY.items():
        tree.add_command(_command(name, signature, handler))
    lore = app_commands.Group(
        name="lore",
        description=DESCRIPTIONS["lore"].english,
        default_permissions=discord.Permissions(manage_guild=True),
    )
    for name, signature in FOR_ADMINS.items():
        lore.add_command(_command(name, signature, handler, group=lore))
    tree.add_command(lore)
    tree.add_command(app_commands.ContextMenu(name=ASK_ABOUT, callback=_callback(signatures.ask_about, handler)))
    tree.error(functools.partial(_on_error, handler))
    return tree


class Translator(app_commands.Translator):
    """Chinese for Chinese clients; English for all others."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,  # noqa: ARG002 - the words alone decide
    ) -> str | None:
        """The words in that language, or None."""
        return translated(string.message, locale.value)


async def tree_hash(tree: Tree, translator: app_commands.Translator) -> str:
    """A hash of everything that would be sent: the same as long as Discord need not be told anew."""
    sent = [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()


def _command(
    name: str, signature: Signature, handler: Handler, group: app_commands.Group | None = None
) -> app_commands.Command[Any, ..., Any]:
    full_name = f"{group.name} {name}" if group else name
    _, *chosen = inspect.signature(signature).parameters
    described = app_commands.describe(**{option: DESCRIPTIONS[f"{full_name} {option}"].english for option in chosen})
    return app_commands.Command(
        name=name,
        description=DESCRIPTIONS[full_name].english,
        callback=described(_callback(signature, handler)),
        parent=group,
    )


def _callback(signature: Signature, handler: Handler) -> Signature:
    """What discord.py calls. It looks up in its cache what was chosen; we read what was sent instead."""

    @functools.wraps(signature)
    async def callback(interaction: Interaction, *_: object, **__: object) -> None:
        await handler(interaction, read(interaction.data, await _here(interaction)))

    return callback


async def _here(interaction: Interaction) -> Here:
    workspace = str(interaction.guild_id or "")
    link = link_in(interaction.data)
    linked = await _look_up(interaction.guild, int(link.channel_id)) if link and link.workspace == workspace else None
    return Here(workspace, datetime.now(UTC), _place(interaction.channel, workspace), linked)


async def _look_up(guild: discord.Guild | None, channel_id: int) -> Place | None:
    """Where a link leads. A thread that is archived is not in the cache, so Discord is asked; it is waiting for us."""
    if guild is None:
        return None
    channel = guild.get_channel_or_thread(channel_id)
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            return _place(channel or await guild.fetch_channel(channel_id), str(guild.id))
    except (discord.DiscordException, ClientError, TimeoutError):
        return None


def _place(channel: object, workspace: str) -> Place | None:
    if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return None
    parent_id = channel.parent_id if isinstance(channel, discord.Thread) else None
    return place_from({"id": channel.id, "type": channel.type.value, "parent_id": parent_id}, workspace)


async def _on_error(handler: Handler, interaction: Interaction, error: app_commands.AppCommandError) -> None:
    """A handler that failed is ours to know; anything else is a command that Discord lists, and we have no more."""
    if isinstance(error, app_commands.CommandInvokeError):
        log.error("command_failed", adapter="discord", exc_info=error.original)
    else:
        await handler(interaction, Misunderstood(OUT_OF_DATE))
