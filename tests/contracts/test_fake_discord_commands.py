"""The fake Discord takes commands from the real discord.py, and refuses what Discord refuses."""

import discord
import pytest
from discord import app_commands

from tests.fakes.discord.client import refusal, served


@pytest.fixture
async def app():
    """(fake, client)."""
    async with served() as (fake, client):
        yield fake, client


class German(app_commands.Translator):
    async def translate(self, string, locale, context):
        return "fragen" if locale is discord.Locale.german and string.message == "ask" else None


def tree_of(client):
    tree = app_commands.CommandTree(client)
    group = app_commands.Group(
        name="lore", description="For those who look after the bot", default_permissions=discord.Permissions(32)
    )

    @tree.command(name=app_commands.locale_str("ask"), description="Asks what the team wrote")
    @app_commands.describe(question="In your own words", private="Only you see the answer")
    async def ask(interaction: discord.Interaction, question: str, *, private: bool = False) -> None: ...

    @group.command(name="status", description="How it is going")
    async def status(interaction: discord.Interaction, channel: discord.TextChannel | None = None) -> None: ...

    @tree.context_menu(name="Ask about this message")
    async def about(interaction: discord.Interaction, message: discord.Message) -> None: ...

    tree.add_command(group)
    return tree


async def test_a_tree_is_registered_whole(app):
    fake, client = app
    tree = tree_of(client)
    await tree.set_translator(German())
    synced = await tree.sync()
    assert {(each.name, each.type.value) for each in synced} == {("ask", 1), ("lore", 1), ("Ask about this message", 3)}
    ask, lore, about = sorted(fake.commands_in(None), key=lambda command: command["id"])
    assert [option["name"] for option in ask["options"]] == ["question", "private"]
    assert ask["name_localizations"] == {"de": "fragen"}
    assert (lore["default_member_permissions"], about["type"]) == ("32", 3)
    (fetched,) = [each for each in await tree.fetch_commands() if each.name == "lore"]
    assert fetched.default_member_permissions == discord.Permissions(32)


async def test_a_second_registration_keeps_ids_and_drops_what_is_gone(app):
    fake, client = app
    tree = tree_of(client)
    before = {each.name: each.id for each in await tree.sync()}
    tree.remove_command("lore")
    after = {each.name: each.id for each in await tree.sync()}
    assert after == {name: number for name, number in before.items() if name != "lore"}
    assert len(fake.commands_in(None)) == 2


async def test_commands_of_a_guild_are_offered_there_alone(app):
    fake, client = app
    guild, other = fake.add_guild("tidepool"), fake.add_guild("estuary")
    tree = tree_of(client)
    tree.copy_global_to(guild=discord.Object(int(guild)))
    await tree.sync(guild=discord.Object(int(guild)))
    assert len(fake.commands_in(guild)) == 3
    assert fake.commands_in(other) == fake.commands_in(None) == []
    assert await refusal(tree.sync(guild=discord.Object(1))) == (403, 50001)


def command(**parts):
    return {"name": "ask", "description": "Asks", "type": 1, **parts}


def option(**parts):
    return {"name": "question", "description": "What", "type": 3, **parts}


REFUSED = [
    [command(name="Ask")],
    [command(name="ask me")],
    [command(name="x" * 33)],
    [command(description="")],
    [command(description="x" * 101)],
    [command(name_localizations={"de": "Frage"})],
    [command(description_localizations={"de": "x" * 101})],
    [command(), command()],
    [command(options=[option(), option()])],
    [command(options=[option(), option(name="other", required=True)])],
    [command(options=[option(name=f"o{number}") for number in range(26)])],
    [command(options=[option(choices=[{"name": f"{n}", "value": f"{n}"} for n in range(26)])])],
    [command(options=[option(name=f"o{n}", description="x" * 100) for n in range(25)] * 1)] * 2,
]


@pytest.mark.parametrize("bodies", REFUSED)
async def test_what_discord_would_not_register_is_refused(app, bodies):
    fake, client = app
    assert await refusal(client.http.bulk_upsert_global_commands(client.application_id, bodies)) == (400, 50035)
    assert fake.commands_in(None) == []


async def test_too_many_commands_are_refused(app):
    fake, client = app
    names = [f"c{number}" for number in range(101)]
    upsert = client.http.bulk_upsert_global_commands
    assert await refusal(upsert(client.application_id, [command(name=name) for name in names])) == (400, 30032)
    await upsert(client.application_id, [command(name=name) for name in names[:100]])
    await upsert(client.application_id, [command(name=f"d{name}") for name in names[:100]])
    assert await refusal(upsert(client.application_id, [command()])) == (400, 30034)
    fake.clock.advance(86_401)
    await upsert(client.application_id, [command()])
    assert [each["name"] for each in fake.commands_in(None)] == ["ask"]
