"""Our own client on simcord, a Discord that others wrote: what both take for Discord is more likely to be it.

simcord plays REST and gateway inside the process. What it does not know fails loudly, so these tests end where it ends.
"""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import discord
import pytest
import simcord

from adapters.discord import render
from adapters.discord.calls import Calls, DiscordRefused
from adapters.discord.client import Client
from adapters.discord.listeners import Listeners
from adapters.discord.seen import Kind
from bot.channel_config import ChannelConfig
from bot.conversation import Delivery


class Notes(dict):
    async def config(self, _):
        return ChannelConfig()

    async def noted(self, platform, name):
        return self.get((platform, name), "")

    async def note(self, platform, name, value):
        self[platform, name] = value


class Heard:
    """An inbox that only keeps what came."""

    def __init__(self) -> None:
        self.kept: list[Delivery] = []

    async def accept(self, delivery):
        self.kept.append(delivery)
        return True

    def of(self, kind):
        return [one.payload for one in self.kept if one.kind == kind]


@asynccontextmanager
async def tidepool():
    """A guild with one channel and two people, and our client in it. `gaps`: guilds that would be caught up with."""
    heard, gaps = Heard(), []

    def guild_of(guild_id):
        return SimpleNamespace(gap=SimpleNamespace(set=lambda: gaps.append(guild_id)), calls=Calls(client))

    client = Client(Listeners(SimpleNamespace(inbox=heard, upkeep=Notes()), guild_of))
    async with simcord.run(client) as env:
        guild = env.create_guild("tidepool")
        harvest = guild.create_text_channel("harvest")
        keepers = guild.create_role("keepers", permissions=discord.Permissions(manage_guild=True))
        quince = guild.add_member(env.create_user("quince"))
        medlar = guild.add_member(env.create_user("medlar"), roles=[keepers])
        yield SimpleNamespace(
            env=env,
            client=client,
            calls=Calls(client),
            heard=heard,
            gaps=gaps,
            guild=guild,
            harvest=harvest,
            quince=quince,
            medlar=medlar,
        )


async def test_every_command_is_known_and_admins_alone_are_offered_theirs():
    async with tidepool() as sim:
        assert set(sim.quince.available_commands(sim.harvest)) >= {"ask", "summary", "forget-me", "remember-me"}
        assert "lore" in " ".join(sim.medlar.available_commands(sim.harvest))
        assert not any(one.startswith("lore ") for one in sim.quince.available_commands(sim.harvest))
        with pytest.raises(simcord.SetupError):
            await sim.quince.slash(sim.harvest, "lore status")


async def test_a_question_is_deferred_for_who_asked_and_answered_in_that_place():
    async with tidepool() as sim:
        result = await sim.quince.slash(sim.harvest, "ask", question="who oiled the press?", private=True)
        assert result.deferred
        assert result.ephemeral
        [payload] = sim.heard.of("command")
        assert payload["data"]["options"] == [
            {"name": "question", "value": "who oiled the press?", "type": 3},
            {"name": "private", "value": True, "type": 5},
        ]
        await sim.calls.edit_original(payload["token"], render.notice(["The press was oiled."]))
        await sim.calls.follow_up(payload["token"], render.notice(["And the barrels."]), ephemeral=True)
        assert result.response.content == "The press was oiled."
        assert [one.content for one in result.followups] == ["And the barrels."]
        assert sim.harvest.history(viewer=sim.medlar) == []


async def test_a_question_is_public_unless_it_is_asked_privately():
    async with tidepool() as sim:
        result = await sim.quince.slash(sim.harvest, "ask", question="who oiled the press?")
        assert result.deferred
        assert not result.ephemeral


async def test_an_admin_gives_an_order():
    async with tidepool() as sim:
        result = await sim.medlar.slash(sim.harvest, "lore status")
        assert result.deferred
        assert result.ephemeral
        assert [one["data"]["name"] for one in sim.heard.of("command")] == ["lore"]


async def test_the_menu_of_a_message_asks_about_it():
    async with tidepool() as sim:
        said = await sim.medlar.send(sim.harvest, "We oil the press on Mondays.")
        result = await sim.quince.context_menu(sim.harvest, "Ask about this message", said)
        assert result.deferred
        [payload] = sim.heard.of("command")
        assert payload["data"]["target_id"] == str(said.id)


async def test_a_mention_is_answered_in_reply_and_a_nonce_posts_once():
    async with tidepool() as sim:
        said = await sim.quince.send(sim.harvest, f"<@{sim.client.user.id}> who oiled the press?")
        [record] = sim.heard.of(Kind.MENTION)
        assert record["id"] == str(said.id)
        answer = render.notice(["Juniper did. @everyone"])
        posted = await sim.calls.send(str(sim.harvest.id), answer, nonce="n-0", reply_to=record["id"])
        await sim.calls.edit(str(sim.harvest.id), posted, render.notice(["Sorrel did."]))
        last = sim.harvest.last_message
        assert (str(last.id), last.content, last.reference.message_id) == (posted, "Sorrel did.", said.id)
        assert not last.mention_everyone
        assert last.mentions == []


async def test_edits_and_deletions_are_heard_of_messages_that_nobody_remembers():
    async with tidepool() as sim:
        said = await sim.quince.send(sim.harvest, "the press is oiled")
        await sim.quince.edit(said, "the press is dry")
        await sim.quince.delete(said)
        [edited], [deleted] = sim.heard.of(Kind.EDIT), sim.heard.of(Kind.DELETE)
        assert edited["content"] == "the press is dry"
        assert edited["edited_at"]
        assert deleted["id"] == str(said.id)


async def test_an_edit_that_is_told_of_long_after_it_was_made_asks_nothing():
    """As when a link in it gets its preview. The clock of this server stands at the beginning of 2026."""
    async with tidepool() as sim:
        said = await sim.quince.send(sim.harvest, "who oiled the press?")
        await sim.quince.edit(said, f"<@{sim.client.user.id}> who oiled the press?")
        assert [one["id"] for one in sim.heard.of(Kind.EDIT)] == [str(said.id)]
        assert sim.heard.of(Kind.EDIT_MENTION) == []


async def test_a_reaction_is_heard_when_it_comes_and_when_it_goes():
    async with tidepool() as sim:
        said = await sim.quince.send(sim.harvest, "the press is oiled")
        await sim.medlar.react(said, "\N{THUMBS UP SIGN}")
        await sim.medlar.unreact(said, "\N{THUMBS UP SIGN}")
        assert [one["emoji"] for one in sim.heard.of(Kind.REACTION_ADD)] == ["\N{THUMBS UP SIGN}"]
        assert len(sim.heard.of(Kind.REACTION_REMOVE)) == 1


async def test_a_button_is_deferred_and_told_of():
    async with tidepool() as sim:
        message = render.notice(["Juniper did."])
        row = {"type": 1, "components": [{"type": 2, "style": 2, "label": "Sources", "custom_id": "lore:sources:a1"}]}
        posted = await sim.calls.send(
            str(sim.harvest.id), render.Rendered(message.content, message.embeds, [row]), nonce="n-1"
        )
        result = await sim.quince.click(sim.harvest.last_message, custom_id="lore:sources:a1")
        assert result.deferred
        [payload] = sim.heard.of("button")
        assert payload["message_id"] == posted


async def test_what_is_refused_has_discords_own_code():
    async with tidepool() as sim:
        nothing = discord.PermissionOverwrite(view_channel=False)
        cellar = sim.guild.create_text_channel("cellar", overwrites={sim.guild.default_role: nothing})
        with pytest.raises(DiscordRefused) as closed:
            await sim.calls.send(str(cellar.id), render.notice(["hello"]), nonce="n-2")
        assert (closed.value.code, closed.value.is_gone) == (50001, True)
        with pytest.raises(DiscordRefused) as too_long:
            await sim.calls.send(str(sim.harvest.id), render.Rendered("a" * 2001), nonce="n-3")
        assert (too_long.value.code, too_long.value.is_gone) == (50035, False)


async def test_an_interaction_that_nobody_knows_is_expired():
    async with tidepool() as sim:
        with pytest.raises(DiscordRefused) as unknown:
            await sim.calls.edit_original("no-such-token", render.notice(["hello"]))
        assert unknown.value.is_expired
