"""discord.py's client as we use it: the intents we need, no cache of messages, every event handed to the listeners."""

from typing import Any

import discord

from adapters.discord.commands import Translator, build_tree
from adapters.discord.listeners import Listeners
from adapters.discord.sockets import Sockets

INTENTS = discord.Intents(
    guilds=True, members=True, guild_messages=True, dm_messages=True, guild_reactions=True, message_content=True
)
HEARTBEAT_TIMEOUT_SECONDS = 30.0
# A session counts as ready when no further guild has been told of for so long.
LAST_GUILD_SECONDS = 2.0
# We never speak: that the packages for it are missing is no news.
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


class Ears(discord.Client):
    """The handlers that discord.py calls. Each hands on at once: what it raises is only logged."""

    def __init__(self, listeners: Listeners, **options: Any) -> None:
        super().__init__(
            intents=INTENTS,
            max_messages=None,
            allowed_mentions=discord.AllowedMentions.none(),
            chunk_guilds_at_startup=True,
            heartbeat_timeout=HEARTBEAT_TIMEOUT_SECONDS,
            guild_ready_timeout=LAST_GUILD_SECONDS,
            **options,
        )
        self.heard_by = listeners
        self._sockets = Sockets(self.http)
        self.unheard: set[int] = set()
        """The shards whose connection is broken: nothing is known of their guilds until it is open again."""
        self.tree = build_tree(self, listeners.interactions.on_command)

    async def setup_hook(self) -> None:
        """Before connecting: Discord is told our commands, if they changed."""
        await self.tree.set_translator(Translator())
        await self.heard_by.on_login(self, self.tree)

    def dispatch(self, event: str, /, *args: Any, **options: Any) -> None:
        """Hands on an event. After the end there is nobody left to hear, and discord.py would stumble over that."""
        if not self.is_closed():
            super().dispatch(event, *args, **options)

    async def close(self) -> None:
        """Ends every connection, and waits for the handlers of what came by them."""
        await super().close()
        await self._sockets.close()

    async def on_ready(self) -> None:
        """A new session: what came before it is lost and must be read."""
        self.unheard.clear()
        await self.heard_by.on_session(self)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """An outage is over."""
        self.heard_by.on_gap(guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Somebody invited the bot."""
        self.heard_by.on_gap(guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed, or the guild is gone. An outage is told by another event."""
        await self.heard_by.places.on_guild_gone(guild)

    async def on_message(self, message: discord.Message) -> None:
        """Somebody wrote."""
        await self.heard_by.messages.on_message(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """A message changed, perhaps only its previews."""
        await self.heard_by.messages.on_edited(payload)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A message is gone."""
        await self.heard_by.messages.on_deleted(payload.guild_id, payload.channel_id, [payload.message_id])

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Many messages are gone."""
        await self.heard_by.messages.on_deleted(payload.guild_id, payload.channel_id, sorted(payload.message_ids))

    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Somebody chose an emoji."""
        await self.heard_by.messages.on_reaction(payload, 1)

    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        """Somebody took an emoji back."""
        await self.heard_by.messages.on_reaction(payload, -1)

    async def on_raw_reaction_clear(self, payload: discord.RawReactionClearEvent) -> None:
        """All emoji of a message were taken away."""
        await self.heard_by.messages.on_reactions_cleared(payload)

    async def on_raw_reaction_clear_emoji(self, payload: discord.RawReactionClearEmojiEvent) -> None:
        """One emoji of a message was taken away."""
        await self.heard_by.messages.on_reactions_cleared(payload)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """A button, or a dialog sent. Commands come by the tree."""
        if interaction.type in {discord.InteractionType.component, discord.InteractionType.modal_submit}:
            await self.heard_by.interactions.on_pressed(interaction)

    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        """A channel is new."""
        await self.heard_by.places.on_channel(channel.guild.id, channel.id)

    async def on_guild_channel_update(self, _: object, after: discord.abc.GuildChannel) -> None:
        """A channel has another name or other overwrites; a category's are its channels' too, and told of each."""
        await self.heard_by.places.on_channel(after.guild.id, after.id)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """A channel is gone."""
        await self.heard_by.places.on_channel_gone(channel.guild.id, channel.id)

    async def on_thread_create(self, thread: discord.Thread) -> None:
        """A thread is new, or open to the bot from now on."""
        await self.heard_by.places.on_channel(thread.guild.id, thread.id)

    async def on_thread_join(self, thread: discord.Thread) -> None:
        """The bot was asked into a thread."""
        await self.heard_by.places.on_channel(thread.guild.id, thread.id)

    async def on_thread_remove(self, thread: discord.Thread) -> None:
        """The bot was taken out of a thread."""
        await self.heard_by.places.on_channel(thread.guild.id, thread.id)

    async def on_thread_update(self, _: object, after: discord.Thread) -> None:
        """A thread has another name, or was archived."""
        await self.heard_by.places.on_channel(after.guild.id, after.id)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread is gone, with everything in it."""
        await self.heard_by.places.on_thread_gone(payload)

    async def on_thread_member_join(self, member: discord.ThreadMember) -> None:
        """Somebody came into a thread."""
        await self.heard_by.places.on_channel(member.thread.guild.id, member.thread.id)

    async def on_raw_thread_member_remove(self, payload: discord.RawThreadMembersUpdate) -> None:
        """Somebody left a thread."""
        await self.heard_by.places.on_channel(payload.guild_id, payload.thread_id)

    async def on_guild_role_update(self, _: object, after: discord.Role) -> None:
        """A role allows something else."""
        await self.heard_by.places.on_roles(after.guild.id)

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """A role is gone."""
        await self.heard_by.places.on_roles(role.guild.id)

    async def on_member_join(self, member: discord.Member) -> None:
        """Somebody came into the guild."""
        await self.heard_by.places.on_member(member.guild.id, member.id)

    async def on_member_update(self, _: object, after: discord.Member) -> None:
        """A member has other roles, or another name."""
        await self.heard_by.places.on_member(after.guild.id, after.id)

    async def on_raw_member_remove(self, payload: discord.RawMemberRemoveEvent) -> None:
        """Somebody left the guild, or was banned."""
        await self.heard_by.places.on_member(payload.guild_id, payload.user.id, has_left=True)


class Client(Ears):
    """One connection for all guilds."""

    async def on_disconnect(self) -> None:
        """The connection broke."""
        self.unheard.add(0)

    async def on_resumed(self) -> None:
        """It is open again, and nothing was lost."""
        self.unheard.discard(0)


class ShardedClient(Ears, discord.AutoShardedClient):
    """Several connections, which share the guilds."""

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """A connection broke."""
        self.unheard.add(shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        """It is open again, and nothing was lost."""
        self.unheard.discard(shard_id)

    async def on_shard_ready(self, shard_id: int) -> None:
        """It is open again with a new session; that its guilds are there is told of each."""
        self.unheard.discard(shard_id)
