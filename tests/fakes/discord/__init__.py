"""A fake Discord on a real port: API, gateway, interactions. The real discord.py talks to it.

    async with FakeDiscord() as discord:
        guild = discord.add_guild("tidepool")                             # the bot is in it, with a role of its own
        asker = discord.add_member(guild, "quince")
        channel = discord.add_channel(guild, "harvest")
        discord.seed(channel, [(asker, "The press is booked for Friday.")])  # the past: no events
        # ... Route.BASE = discord.api_url, DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(discord.gateway_url);
        #     start the bot with discord.token ...
        await discord.connected()
        asked = discord.post(channel, asker, f"<@{discord.bot_user_id}> when do we press?")
        await discord.until(lambda: discord.bot_messages(channel))            # or: await discord.settled()
        discord.faults.on("POST /channels/*/messages", drop=True, done=True)  # posted, but the answer is lost
        interaction = discord.slash_command(asker, channel, "ask", {"question": "when?"})
        assert discord.transcript(channel, viewer=asker)[-1].reference == asked
        assert discord.calls_of("POST /channels/{channel_id}/messages")[0].status == 200
        assert discord.violations == []      # every call compared with Discord's own description, where it is at hand

Time is `discord.clock`: `advance(60)` brings deadlines and limits forward; `Clock(start, frozen=True)` stops it.
"""

from tests.fakes.discord.fake import FakeDiscord
from tests.fakes.discord.faults import EventFault, Fault
from tests.fakes.discord.interaction import Interaction
from tests.fakes.discord.rest import Call
from tests.fakes.discord.screen import Seen
from tests.fakes.discord.sending import Sent
from tests.fakes.slack.clock import Clock

__all__ = ["Call", "Clock", "EventFault", "FakeDiscord", "Fault", "Interaction", "Seen", "Sent"]
