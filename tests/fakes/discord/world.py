"""What Discord knows: guilds, people, channels, threads, messages, all in Discord's own JSON shapes (API v10).

State (state.py), keyed by id, always a str: `users`, `guilds` (each with its `roles`), `members[guild][user]`,
`channels` (threads and DMs too), `thread_members[thread][user]`, `logs[channel].messages[id]`, `unavailable`,
`ephemerals`, `commands`.

`listen(callback)` hears every change as `callback(event, data, guild_id, channel_id)`, synchronously, with a copy of
the data. CHANNEL_DELETE, THREAD_DELETE and the removal of a thread's member are told just *before* they happen, so that
`permissions()` still says who could see the place; everything else just after.
"""

from tests.fakes.discord.commands import Commands


class World(Commands):
    """State, guilds, channels, messages, threads, sending, screen, commands: each class adds one side of it."""
