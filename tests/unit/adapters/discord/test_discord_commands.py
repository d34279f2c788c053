import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import fields
from types import SimpleNamespace
from typing import get_args

import aiohttp
import discord
import pytest
import simcord
from discord import app_commands
from structlog.testing import capture_logs

from adapters.commands import Ask, Misunderstood, Summary
from adapters.discord import commands
from adapters.discord.command_texts import ASK_ABOUT, DESCRIPTIONS, NAMES, translated
from adapters.discord.commands import FOR_ADMINS, FOR_EVERYBODY, Translator, build_tree, tree_hash
from adapters.discord.options import OUT_OF_DATE
from adapters.discord.signatures import Setting
from bot.channel_config import ChannelConfig
from bot.orders import Cancel, Configure, ForgetChannel, ForgetMe, ForgetMessage, ForgetPerson, Reindex
from knowledge.messages import ChannelRef, PersonRef

CHINESE = ("zh-CN", "zh-TW")
# Discord's: letters and digits of any script, "-", "_" and "'"; nothing in capitals.
NAME = re.compile(r"[-_'\w]{1,32}")
MANAGE_GUILD = 1 << 5


class Handler:
    """Keeps what was ordered, and answers."""

    def __init__(self):
        self.orders = []

    async def __call__(self, interaction, order):
        self.orders.append(order)
        await interaction.response.send_message("Noted.", ephemeral=True)


def tree_for(handler):
    return build_tree(discord.Client(intents=discord.Intents.none()), handler)


async def payload(tree):
    """What Discord is told."""
    return [await command.get_translated_payload(tree, Translator()) for command in tree.get_commands()]


def parts(listed):
    """Commands, subcommands, options and choices."""
    for part in listed:
        yield part
        yield from parts(part.get("options", []))
        yield from parts(part.get("choices", []))


# ---- what Discord lists ---------------------------------------------------------------------------


async def test_commands_are_for_servers_only_and_those_of_admins_are_hidden_as_one():
    listed = {command["name"]: command for command in await payload(tree_for(Handler()))}
    assert set(listed) == {*FOR_EVERYBODY, "lore", ASK_ABOUT}
    assert {option["name"] for option in listed["lore"]["options"]} == set(FOR_ADMINS)
    for name, command in listed.items():
        assert command["contexts"] == [0]
        assert command["integration_types"] == [0]
        assert command["default_member_permissions"] == (MANAGE_GUILD if name == "lore" else None)


async def test_only_what_cannot_be_guessed_must_be_chosen():
    options = {
        (command.qualified_name, option.name): option
        for command in tree_for(Handler()).walk_commands()
        if isinstance(command, app_commands.Command)
        for option in command.parameters
    }
    required = {name for name, option in options.items() if option.required}
    assert required == {("ask", "question"), ("lore reindex", "channel"), ("lore cancel", "job")}
    assert options["lore cancel", "job"].min_value == 1


async def test_everything_has_a_name_and_a_description_in_both_kinds_of_chinese():
    for part in parts(await payload(tree_for(Handler()))):
        assert set(part["name_localizations"]) == set(CHINESE), part["name"]
        if "description" in part:
            assert set(part["description_localizations"]) == set(CHINESE), part["name"]
            assert part["description_localizations"]["zh-CN"] != part["description"]


async def test_names_and_descriptions_are_such_as_discord_takes():
    for part in parts(await payload(tree_for(Handler()))):
        names = [part["name"], *part["name_localizations"].values()]
        if "description" in part:
            descriptions = [part["description"], *part["description_localizations"].values()]
            assert all(0 < len(text) <= 100 for text in descriptions), part["name"]
            assert all(NAME.fullmatch(name) and name == name.lower() for name in names), names
        assert all(0 < len(name) <= 32 for name in names)


async def test_names_stay_apart_in_every_language():
    def stay_apart(listed):
        for locale in ("", *CHINESE):
            names = [part["name_localizations"].get(locale, part["name"]) for part in listed]
            assert len(set(names)) == len(names)
        for part in listed:
            stay_apart(part.get("options", []))
            stay_apart(part.get("choices", []))

    stay_apart(await payload(tree_for(Handler())))


def test_no_word_is_translated_that_is_not_shown():
    tree = tree_for(Handler())
    shown = {text for part in parts(command.to_dict(tree) for command in tree.get_commands()) for text in words(part)}
    # The menu of a message shows a name only; its description stands in the help.
    assert {entry.english for entry in (*NAMES, *DESCRIPTIONS.values())} == {*shown, DESCRIPTIONS[ASK_ABOUT].english}


def words(part):
    return {part["name"], part.get("description", part["name"])}


def test_other_languages_are_shown_english():
    assert translated("ask", "fr") is None
    assert translated("nothing of ours", "zh-CN") is None


def test_the_settings_that_can_be_chosen_are_those_of_a_channel():
    assert get_args(Setting) == tuple(setting.name for setting in fields(ChannelConfig))


async def test_the_hash_stays_while_nothing_changes_and_no_longer():
    before = await tree_hash(tree_for(Handler()), Translator())
    assert await tree_hash(tree_for(Handler()), Translator()) == before
    assert await tree_hash(tree_for(Handler()), app_commands.Translator()) != before
    changed = tree_for(Handler())
    changed.remove_command("lore-help")
    assert await tree_hash(changed, Translator()) != before


# ---- what comes of a command ----------------------------------------------------------------------


class Bot(discord.Client):
    def __init__(self, handler):
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True, members=True))
        self.tree = build_tree(self, handler)

    async def setup_hook(self):
        await self.tree.set_translator(Translator())
        await self.tree.sync()


class Tidepool:
    """A guild with two channels, an admin and a member."""

    def __init__(self, env, handler):
        self.env, self.handler = env, handler
        self.guild = env.create_guild("tidepool")
        self.harvest, self.cellar = self.guild.create_text_channel("harvest"), self.guild.create_text_channel("cellar")
        admins = self.guild.create_role("admins", permissions=discord.Permissions(manage_guild=True))
        self.quince = self.guild.add_member(env.create_user("quince"), roles=[admins])
        self.medlar = self.guild.add_member(env.create_user("medlar"))

    @property
    def order(self):
        return self.handler.orders[-1]

    def ref(self, channel):
        return ChannelRef("discord", str(self.guild.id), str(channel.id))

    async def thread(self, channel, name="grafting"):
        thread = await self.env.bot.get_channel(channel.id).create_thread(
            name=name, type=discord.ChannelType.public_thread
        )
        await self.env.settle()
        return next(handle for handle in channel.threads if handle.id == thread.id)


@asynccontextmanager
async def tidepool(handler=None, **options):
    handler = handler or Handler()
    async with simcord.run(Bot(handler), **options) as env:
        yield Tidepool(env, handler)


async def test_a_question():
    async with tidepool() as there:
        answered = await there.medlar.slash(there.harvest, "ask", question="Who pruned the quince?", private=True)
        assert there.order == Ask("Who pruned the quince?")
        assert answered.response.content == "Noted."


async def test_a_message_that_asks():
    async with tidepool() as there:
        message = await there.quince.send(there.harvest, "Who pruned the quince?")
        await there.medlar.context_menu(there.harvest, ASK_ABOUT, message)
        assert there.order == Ask("Who pruned the quince?", about=str(message.id))


async def test_a_summary_of_another_channel_of_a_thread_and_of_the_thread_one_is_in():
    async with tidepool() as there:
        thread = await there.thread(there.cellar)
        of_thread = Summary(there.ref(there.cellar), str(thread.id), public=True)
        await there.medlar.slash(there.harvest, "summary", channel=there.cellar)
        assert there.order == Summary(there.ref(there.cellar), public=True)
        await there.medlar.slash(there.harvest, "summary", channel=thread)
        assert there.order == of_thread
        await there.medlar.slash(thread, "summary")
        assert there.order == of_thread


async def test_admins_order_and_others_are_not_shown_how():
    async with tidepool() as there:
        for name, options, order in [
            ("reindex", {"channel": there.cellar, "full": True}, Reindex(there.ref(there.cellar), full=True)),
            ("cancel", {"job": 12}, Cancel(12)),
            ("forget", {"channel": there.cellar}, ForgetChannel(there.ref(there.cellar))),
            ("forget", {"person": there.medlar}, ForgetPerson(person(there.medlar))),
            ("config", {"key": "bot", "value": "off"}, Configure(there.ref(there.harvest), "bot", "off")),
        ]:
            await there.quince.slash(there.harvest, f"lore {name}", **options)
            assert there.order == order
        assert set(there.medlar.available_commands(there.harvest)) == set(FOR_EVERYBODY)
        await there.medlar.slash(there.harvest, "forget-me")
        assert there.order == ForgetMe()


def person(member):
    return PersonRef("discord", str(member.guild.id), str(member.id))


async def forget(there, channel_id, message_id="4001"):
    address = f"https://discord.com/channels/{there.guild.id}/{channel_id}/{message_id}"
    await there.quince.slash(there.harvest, "lore forget", message=address)
    return there.order


async def test_a_message_is_forgotten_by_its_link_whether_its_thread_is_cached_or_archived():
    async with tidepool() as there:
        thread = await there.thread(there.cellar)
        in_the_cellar = ForgetMessage(there.ref(there.cellar), "4001")
        assert await forget(there, there.cellar.id) == in_the_cellar
        assert await forget(there, thread.id) == in_the_cellar
        there.env.bot.get_guild(there.guild.id)._remove_thread(there.env.bot.get_channel(thread.id))
        assert there.env.bot.get_channel(thread.id) is None
        assert await forget(there, thread.id) == in_the_cellar


async def is_cut_off(guild, channel_id):
    raise aiohttp.ServerDisconnectedError


@pytest.mark.parametrize("fetching", [is_cut_off, discord.Guild.fetch_channel])
async def test_nothing_is_forgotten_where_the_link_cannot_be_followed(monkeypatch, fetching):
    monkeypatch.setattr(discord.Guild, "fetch_channel", fetching)
    async with tidepool() as there:
        assert "cannot see the channel" in (await forget(there, 4242)).sentence


async def test_a_link_is_given_up_before_discord_gives_us_up(monkeypatch):
    async def hangs(channel_id):
        await asyncio.Event().wait()

    monkeypatch.setattr(commands, "LOOK_UP_SECONDS", 0.01)
    slow_guild = SimpleNamespace(id=900, get_channel_or_thread=lambda channel_id: None, fetch_channel=hangs)
    async with asyncio.timeout(5):
        assert await commands._look_up(slow_guild, 1001) is None


async def test_discord_is_asked_for_no_channel_of_another_server():
    async with tidepool() as there:
        await there.quince.slash(there.harvest, "lore forget", message="https://discord.com/channels/1/2/3")
        assert "another server" in there.order.sentence
        assert not any(entry.path == "/channels/2" for entry in there.env.http_requests)


async def test_a_command_that_we_no_longer_have_is_answered():
    async with tidepool(check_errors=False) as there:
        there.env.bot.tree.remove_command("lore-help")
        answered = await there.medlar.slash(there.harvest, "lore-help")
        assert there.order == Misunderstood(OUT_OF_DATE)
        assert answered.acknowledged


async def test_a_handler_that_fails_is_logged():
    async def failing(interaction, order):
        raise ValueError("the orchard burns")

    with capture_logs() as logged:
        async with tidepool(failing, check_errors=False) as there:
            await there.medlar.slash(there.harvest, "lore-help")
    assert [(line["event"], type(line["exc_info"])) for line in logged] == [("command_failed", ValueError)]
