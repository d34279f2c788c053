"""The fake Discord's commands, buttons and modals, answered by the real discord.py."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import discord
import pytest
import yarl
from discord import app_commands

from tests.fakes.discord.fake import FakeDiscord
from tests.fakes.discord.permissions import MANAGE_GUILD, VIEW_CHANNEL

EPHEMERAL, LOADING = 64, 128


class Bot(discord.Client):
    """Hands each interaction to `handler`, and what goes wrong there to `errors`."""

    def __init__(self, handler, **more) -> None:
        super().__init__(intents=discord.Intents(guilds=True), guild_ready_timeout=0.05, **more)
        self.handler = handler
        self.errors: list[Exception] = []

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        try:
            await self.handler(interaction)
        except discord.HTTPException as error:
            self.errors.append(error)


@pytest.fixture
async def fake(monkeypatch) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as server:
        monkeypatch.setattr(discord.http.Route, "BASE", server.api_url)
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.gateway_url))
        yield server
        assert server.violations == []


@contextlib.asynccontextmanager
async def running(fake: FakeDiscord, bot: discord.Client) -> AsyncIterator[discord.Client]:
    task = asyncio.create_task(bot.start(fake.token))
    try:
        await fake.connected()
        yield bot
    finally:
        await bot.close()
        await task


@pytest.fixture
def place(fake) -> tuple[str, str, str]:
    """A guild, a channel in it, and a member; with /ask, /lore status and "Ask about this" registered."""
    guild = fake.add_guild("tidepool")
    question = {"name": "question", "description": "What", "type": 3, "required": True, "max_length": 20}
    status = {"name": "status", "description": "How it is", "type": 1}
    fake.replace_commands(
        None,
        [
            {"name": "ask", "description": "Ask", "options": [question], "contexts": [0]},
            {
                "name": "lore",
                "description": "Look after it",
                "options": [status],
                "default_member_permissions": str(MANAGE_GUILD),
            },
            {"name": "Ask about this", "type": 3},
        ],
    )
    return guild, fake.add_channel(guild, "harvest"), fake.add_member(guild, "quince")


def button(custom_id: str, **more) -> dict:
    return {"type": 1, "components": [{"type": 2, "style": 2, "label": "Press", "custom_id": custom_id} | more]}


async def post(fake: FakeDiscord, call: str, body: dict, verb: str = "POST") -> tuple[int, dict | None]:
    """What discord.py is too well-behaved to send."""
    async with aiohttp.ClientSession() as session, session.request(verb, f"{fake.api_url}{call}", json=body) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def test_a_deferred_ephemeral_answer_is_the_askers_alone(fake, place):
    _, channel, asker = place
    other = fake.add_member(place[0], "medlar")
    seen_while_thinking = []

    async def handler(interaction):
        await interaction.response.defer(ephemeral=True, thinking=True)
        seen_while_thinking.extend(fake.interactions[0].messages)
        await interaction.edit_original_response(content="On Friday.")
        await interaction.followup.send("In the cellar.", ephemeral=True)

    async with running(fake, Bot(handler)):
        asked = fake.slash_command(asker, channel, "ask", {"question": "When do we press?"})
        assert (await asked.answer())["content"] == "On Friday."
        await fake.until(lambda: len(asked.messages) == 2)
    assert asked.ephemeral
    assert asked.deferred_after < 3
    assert [message["flags"] for message in seen_while_thinking] == [EPHEMERAL | LOADING]
    assert [message["content"] for message in asked.messages] == ["On Friday.", "In the cellar."]
    assert [seen.content for seen in fake.bot_messages(channel, asker)] == ["On Friday.", "In the cellar."]
    assert fake.bot_messages(channel, other) == []
    assert {sent.audience for sent in fake.visible_payloads()} == {frozenset({asker})}
    assert "MESSAGE_CREATE" not in [dispatch.event for dispatch in fake.gateway.dispatches]


async def test_a_public_answer_stands_in_the_channel_and_is_told_of(fake, place):
    _, channel, asker = place
    async with running(fake, Bot(lambda interaction: interaction.response.send_message("On Friday."))):
        asked = fake.slash_command(asker, channel, "ask", {"question": "When?"})
        answer = await asked.answer()
    assert not asked.ephemeral
    assert asked.deferred_after is None
    assert answer["type"] == 20
    assert answer["interaction_metadata"]["user"]["id"] == asker
    assert [seen.content for seen in fake.bot_messages(channel)] == ["On Friday."]


async def test_a_public_defer_shows_that_the_bot_thinks_and_the_first_follow_up_fills_it(fake, place):
    _, channel, asker = place

    async def handler(interaction):
        await interaction.response.defer(ephemeral=False, thinking=True)
        assert [seen.is_loading for seen in fake.bot_messages(channel)] == [True]
        await interaction.followup.send("First.", ephemeral=True)
        await interaction.followup.send("Second.", ephemeral=True)

    async with running(fake, Bot(handler)):
        asked = fake.slash_command(asker, channel, "ask", {"question": "When?"})
        await fake.until(lambda: len(asked.messages) == 2)
    first, second = asked.messages
    assert (first["content"], first["flags"], first["edited_timestamp"]) == ("First.", 0, None)
    assert (second["content"], second["flags"]) == ("Second.", EPHEMERAL)


async def test_a_command_tree_reads_its_options_and_what_they_refer_to(fake):
    guild = fake.add_guild("tidepool")
    channel, asker = fake.add_channel(guild, "harvest"), fake.add_member(guild, "quince", nick="Quincy")
    role = fake.add_role(guild, "pickers")
    read = []

    class Lore(app_commands.Group):
        @app_commands.command(description="Set something")
        async def config(
            self,
            interaction: discord.Interaction,
            where: discord.TextChannel,
            who: discord.Member,
            what: discord.Role,
            times: int = 1,
        ) -> None:
            read.extend([where.name, who.display_name, what.name, times, interaction.permissions.manage_guild])
            await interaction.response.send_message("Done.", ephemeral=True)

    class Tidy(discord.Client):
        async def setup_hook(self) -> None:
            tree = app_commands.CommandTree(self)
            tree.add_command(Lore(name="lore", description="Look after it"))
            await tree.sync()

    async with running(fake, Tidy(intents=discord.Intents(guilds=True), guild_ready_timeout=0.05)):
        options = {"where": channel, "who": asker, "what": role, "times": 3}
        done = fake.slash_command(fake.owner_of(guild), channel, "lore", options, subcommand="config", locale="zh-CN")
        assert (await done.answer())["content"] == "Done."
    assert read == ["harvest", "Quincy", "pickers", 3, True]


async def test_only_registered_and_permitted_commands_can_be_used(fake, place):
    guild, channel, asker = place
    with pytest.raises(LookupError, match="is offered no tell"):
        fake.slash_command(asker, channel, "tell")
    with pytest.raises(LookupError, match="may not use lore"):
        fake.slash_command(asker, channel, "lore", subcommand="status")
    with pytest.raises(LookupError, match="has no gaps"):
        fake.slash_command(fake.owner_of(guild), channel, "lore", subcommand="gaps")
    with pytest.raises(LookupError, match="wants a subcommand"):
        fake.slash_command(fake.owner_of(guild), channel, "lore")
    with pytest.raises(LookupError, match="not offered"):
        fake.slash_command(asker, fake.open_dm(asker), "ask", {"question": "When?"})
    hidden = fake.add_channel(guild, "cellar", overwrites={guild: (0, VIEW_CHANNEL)})
    with pytest.raises(LookupError, match="is offered no ask"):
        fake.slash_command(asker, hidden, "ask", {"question": "When?"})
    for options in ({}, {"question": 5}, {"question": "x" * 21}, {"question": "When?", "loudly": True}):
        with pytest.raises(ValueError, match=r"question|loudly"):
            fake.slash_command(asker, channel, "ask", options)
    keeper = fake.add_member(guild, "sorrel", roles=[fake.add_role(guild, "keepers", MANAGE_GUILD)])
    assert fake.slash_command(keeper, channel, "lore", subcommand="status").payload["data"]["options"] == [
        {"name": "status", "type": 1, "options": []}
    ]


async def test_the_menu_of_a_message_shows_its_text_whatever_the_intents(fake, place):
    _, channel, asker = place
    read = []

    async def handler(interaction):
        [message] = interaction.data["resolved"]["messages"].values()
        read.append((interaction.data["target_id"], message["content"], interaction.guild.name))
        await interaction.response.send_message("It is ripe.", ephemeral=True)

    message = fake.post(channel, asker, "Is the pear ripe?")
    async with running(fake, Bot(handler)):
        asked = fake.context_menu(asker, channel, message, "Ask about this")
        await asked.answer()
    assert read == [(message, "Is the pear ripe?", "tidepool")]


async def test_a_button_can_be_pressed_by_those_who_see_it(fake, place):
    guild, channel, asker = place
    other = fake.add_member(guild, "medlar")
    pressed = []

    async def handler(interaction):
        if interaction.type is discord.InteractionType.application_command:
            view = discord.ui.View().add_item(discord.ui.Button(label="Why", custom_id="why"))
            await interaction.response.send_message("Ripe.", view=view, ephemeral=True)
        else:
            pressed.append((interaction.user.name, interaction.data["custom_id"], interaction.message.content))
            await interaction.response.edit_message(content="Ripe, since it is soft.", view=None)

    async with running(fake, Bot(handler)):
        asked = fake.slash_command(asker, channel, "ask", {"question": "Ripe?"})
        whispered = (await asked.answer())["id"]
        with pytest.raises(LookupError):
            fake.click(other, whispered, "why")
        with pytest.raises(LookupError):
            fake.click(asker, whispered, "how")
        changed = await fake.click(asker, whispered, "why").answer()
        assert (changed["id"], changed["content"], changed["components"]) == (whispered, "Ripe, since it is soft.", [])
        with pytest.raises(LookupError):
            fake.click(asker, whispered, "why")
        await fake.click(other, whispered, "why", forged=True).answer()
    assert pressed == [("quince", "why", "Ripe."), ("medlar", "why", "Ripe, since it is soft.")]


async def test_a_disabled_button_a_link_and_anothers_button_cannot_be_pressed(fake, place):
    _, channel, asker = place
    link = {"type": 1, "components": [{"type": 2, "style": 5, "label": "Read", "url": "https://wiki.example"}]}
    own = fake.create_message(
        channel,
        fake.bot_user_id,
        {"content": "Press", "components": [button("off", disabled=True), link, button("on")]},
    )
    foreign = fake.create_message(
        channel, fake.add_member(place[0], fake.add_user("tamarind", bot=True)), {"components": [button("on")]}
    )
    fake.click(asker, own["id"], "on")
    for message, custom_id in ((own, "off"), (own, "https://wiki.example"), (foreign, "on")):
        with pytest.raises(LookupError):
            fake.click(asker, message["id"], custom_id)


async def test_a_deferred_update_leaves_the_message_until_it_is_edited(fake, place):
    _, channel, asker = place

    async def handler(interaction):
        await interaction.response.defer()
        assert fake.bot_messages(channel)[0].content == "Before"
        await interaction.edit_original_response(content="After")
        await interaction.followup.send("By the way", ephemeral=True)

    public = fake.create_message(channel, fake.bot_user_id, {"content": "Before", "components": [button("go")]})
    async with running(fake, Bot(handler)):
        clicked = fake.click(asker, public["id"], "go")
        assert (await clicked.answer())["content"] == "After"
        await fake.until(lambda: len(clicked.messages) == 2)
    after, aside = clicked.messages
    assert after["id"] == public["id"]
    assert (aside["flags"], aside["message_reference"]["message_id"]) == (EPHEMERAL, public["id"])


class Note(discord.ui.Modal, title="A note"):
    text = discord.ui.TextInput(label="Text", custom_id="text", min_length=3)

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"Noted: {self.text.value}", ephemeral=True)


async def test_a_modal_is_filled_in_and_sent_off_once(fake, place):
    _, channel, asker = place

    async def handler(interaction):
        if interaction.type is discord.InteractionType.application_command:
            await interaction.response.send_modal(Note(custom_id="note"))

    async with running(fake, Bot(handler)):
        asked = fake.slash_command(asker, channel, "ask", {"question": "When?"})
        assert (await asked.answer())["title"] == "A note"
        with pytest.raises(ValueError, match="3 to"):
            fake.submit_modal(asker, asked, {"text": "no"})
        with pytest.raises(ValueError, match="colour"):
            fake.submit_modal(asker, asked, {"text": "soft", "colour": "green"})
        with pytest.raises(LookupError):
            fake.submit_modal(fake.owner_of(place[0]), asked, {"text": "soft"})
        submitted = fake.submit_modal(asker, asked, {"text": "soft"})
        assert (await submitted.answer())["content"] == "Noted: soft"
        with pytest.raises(LookupError):
            fake.submit_modal(asker, asked, {"text": "soft"})


async def test_after_three_seconds_an_interaction_is_unknown_and_has_failed(fake, place):
    _, channel, asker = place

    async def handler(interaction):
        fake.clock.advance(3.1)
        await interaction.response.defer(thinking=True)

    async with running(fake, bot := Bot(handler)):
        asked = fake.slash_command(asker, channel, "ask", {"question": "When?"})
        with pytest.raises(TimeoutError, match="did not respond"):
            await asked.answer()
        await fake.until(lambda: bot.errors)
    assert [(error.status, error.code) for error in bot.errors] == [(404, 10062)]
    assert asked.messages == []


async def test_an_interaction_is_acknowledged_once(fake, place):
    _, channel, asker = place
    async with running(fake, Bot(lambda interaction: interaction.response.send_message("Once."))):
        asked = fake.slash_command(asker, channel, "ask", {"question": "When?"})
        await asked.answer()
    call = f"/interactions/{asked.id}/{asked.token}/callback"
    assert await post(fake, call, {"type": 5}) == (
        400,
        {"message": "Interaction has already been acknowledged.", "code": 40060},
    )
    assert [message["content"] for message in asked.messages] == ["Once."]


async def test_a_callback_of_the_wrong_kind_is_refused_and_may_be_tried_again(fake, place):
    _, channel, asker = place
    asked = fake.slash_command(asker, channel, "ask", {"question": "When?"})
    call = f"/interactions/{asked.id}/{asked.token}/callback"
    for body in ({"type": 6}, {"type": 7, "data": {"content": "x"}}, {"type": 4, "data": {"content": "x" * 2_001}}):
        status, answer = await post(fake, call, body)
        assert (status, answer["code"]) == (400, 50035)
    assert (await post(fake, f"/interactions/{asked.id}/guessed/callback", {"type": 5}))[1]["code"] == 10062
    assert await post(fake, call, {"type": 4, "data": {"content": "At last"}}) == (204, None)


async def test_a_modal_that_a_command_opened_has_no_message_to_update(fake, place):
    _, channel, asker = place
    asked = fake.slash_command(asker, channel, "ask", {"question": "When?"})
    field = {"type": 1, "components": [{"type": 4, "custom_id": "text", "style": 1, "label": "Text"}]}
    modal = {"type": 9, "data": {"custom_id": "note", "title": "A note", "components": [field]}}
    assert (await post(fake, f"/interactions/{asked.id}/{asked.token}/callback", modal))[0] == 204
    submitted = fake.submit_modal(asker, asked, {"text": "soft"})
    call = f"/interactions/{submitted.id}/{submitted.token}/callback"
    assert (await post(fake, call, {"type": 6}))[1]["code"] == 50035


async def test_the_webhook_opens_with_the_first_response_and_closes_after_a_quarter_of_an_hour(fake, place):
    _, channel, asker = place
    asked = fake.slash_command(asker, channel, "ask", {"question": "When?"})
    webhook = f"/webhooks/{fake.application_id}/{asked.token}"
    assert (await post(fake, webhook, {"content": "too early"}))[1]["code"] == 10015
    await post(fake, f"/interactions/{asked.id}/{asked.token}/callback", {"type": 5, "data": {"flags": EPHEMERAL}})
    fake.clock.advance(14 * 60)
    assert (await post(fake, f"{webhook}/messages/@original", {"content": "in time"}, "PATCH"))[0] == 200
    other = fake.create_message(channel, fake.bot_user_id, {"content": "not of this interaction"})["id"]
    assert (await post(fake, f"{webhook}/messages/{other}", {"content": "x"}, "PATCH"))[1]["code"] == 10008
    fake.clock.advance(61)
    for call, verb in ((webhook, "POST"), (f"{webhook}/messages/@original", "PATCH")):
        status, answer = await post(fake, call, {"content": "too late"}, verb)
        assert (status, answer["code"]) == (401, 50027)
    assert (await post(fake, f"/webhooks/{fake.application_id}/guessed", {"content": "x"}))[1]["code"] == 10015
    assert [message["content"] for message in asked.messages] == ["in time"]


async def test_whether_an_answer_is_ephemeral_is_settled_when_it_is_deferred(fake, place):
    _, channel, asker = place

    async def handler(interaction):
        await interaction.response.defer(ephemeral=False, thinking=True)
        await interaction.edit_original_response(content="For all to see")
        await (await interaction.original_response()).delete()
        with pytest.raises(discord.NotFound) as error:
            await interaction.edit_original_response(content="Gone")
        codes.append(error.value.code)

    codes = []
    async with running(fake, Bot(handler)):
        asked = fake.slash_command(asker, channel, "ask", {"question": "When?"})
        webhook = f"/webhooks/{fake.application_id}/{asked.token}/messages/@original"
        await asked.answer()
        await post(fake, webhook, {"content": "Whispered?", "flags": EPHEMERAL}, "PATCH")
        await fake.until(lambda: codes)
    assert codes == [10008]
    assert asked.messages == []
    assert not any(sent.audience == frozenset({asker}) for sent in fake.visible_payloads())


async def test_a_direct_message_brings_a_user_and_no_guild(fake, place):
    _, _, asker = place
    heard = []

    async def handler(interaction):
        heard.append((type(interaction.user), interaction.guild, interaction.context.dm_channel))
        await interaction.response.send_message("Here.")

    public = fake.create_message(fake.open_dm(asker), fake.bot_user_id, {"content": "Hm", "components": [button("go")]})
    async with running(fake, Bot(handler)):
        await fake.click(asker, public["id"], "go").answer()
    assert heard == [(discord.User, None, True)]
