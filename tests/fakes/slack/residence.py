"""Who is where, and what becomes of people and conversations: joining, renaming, archiving, sharing, deleting."""

from typing import Any

from tests.fakes.slack.activity import Activity
from tests.fakes.slack.channel import PRIVATE, PUBLIC, Channel


class Residence(Activity):
    """Membership and lifecycle. Each method delivers its events unless `silent`."""

    def join(self, channel: str, user: str, *, inviter: str = "", silent: bool = False) -> None:
        place = self.channels[channel]
        place.members[user] = None
        event = {"type": "member_joined_channel", "user": user, "channel": channel, "team": self.team_id}
        event["channel_type"] = "C" if place.kind == PUBLIC else "G"
        if inviter:
            event["inviter"] = inviter
        self._announce(place, event, silent=silent)
        self.post(channel, user, f"<@{user}> has joined the channel", subtype="channel_join", silent=silent)

    def leave(self, channel: str, user: str, *, by: str = "", silent: bool = False) -> None:
        """When the bot goes it is told twice: as a member who left, and as the app that lost the channel."""
        place = self.channels[channel]
        was_in = self.is_bot_in(place)
        del place.members[user]
        self.post(channel, user, f"<@{user}> has left the channel", subtype="channel_leave", silent=silent)
        event = {"type": "member_left_channel", "user": user, "channel": channel, "team": self.team_id}
        event["channel_type"] = "C" if place.kind == PUBLIC else "G"
        self._announce(place, event, silent=silent or not was_in, always=True)
        if user == self.bot_user_id:
            name = "channel_left" if place.kind == PUBLIC else "group_left"
            self._announce(place, {"type": name, "channel": channel, "actor_id": by}, silent=silent, always=True)

    def rename_channel(self, channel: str, name: str, *, silent: bool = False) -> None:
        place = self.channels[channel]
        place.previous_names.insert(0, place.name)
        place.name = name
        shown = {"id": channel, "name": name, "name_normalized": name, "created": place.created, "is_channel": True}
        self._announce(place, {"type": _of(place, "rename"), "channel": shown}, silent=silent, unjoined=True)

    def archive(self, channel: str, *, user: str = "", silent: bool = False) -> None:
        place = self.channels[channel]
        place.archived = True
        event = {"type": _of(place, "archive"), "channel": channel, "user": user, "is_moved": 0}
        self._announce(place, event, silent=silent, unjoined=True)

    def unarchive(self, channel: str, *, user: str = "", silent: bool = False) -> None:
        place = self.channels[channel]
        place.archived = False
        event = {"type": _of(place, "unarchive"), "channel": channel, "user": user}
        self._announce(place, event, silent=silent, unjoined=True)

    def delete_channel(self, channel: str, *, user: str = "", silent: bool = False) -> None:
        place = self.channels[channel]
        seen = self.bot_sees(place)
        del self.channels[channel]
        event = {"type": _of(place, "deleted"), "channel": channel, "actor_id": user}
        self._announce(place, event, silent=silent or not seen, always=True)

    def convert_to_private(self, channel: str, *, silent: bool = False) -> None:
        """Full members who never joined lose it; so does a bot that is not in it."""
        place = self.channels[channel]
        place.kind = PRIVATE
        self._announce(place, {"type": "channel_convert_to_private", "channel": channel}, silent=silent, always=True)

    def convert_to_public(self, channel: str, *, silent: bool = False) -> None:
        place = self.channels[channel]
        place.kind = PUBLIC
        self._announce(place, {"type": "channel_convert_to_public", "channel": channel}, silent=silent, unjoined=True)

    def share(self, channel: str, *, team: str = "T99999999", silent: bool = False) -> None:
        """Another company joins the channel."""
        place = self.channels[channel]
        place.ext_shared = True
        place.connected_teams.append(team)
        event = {"type": "channel_shared", "connected_team_id": team, "channel": channel}
        self._announce(place, event, silent=silent, unjoined=True)

    def unshare(self, channel: str, *, team: str = "T99999999", silent: bool = False) -> None:
        place = self.channels[channel]
        place.connected_teams = [other for other in place.connected_teams if other != team]
        place.ext_shared = bool(place.connected_teams)
        event = {
            "type": "channel_unshared",
            "previously_connected_team_id": team,
            "channel": channel,
            "is_ext_shared": place.ext_shared,
        }
        self._announce(place, event, silent=silent, unjoined=True)

    def change_channel_id(self, channel: str, *, silent: bool = False) -> str:
        """Moves a conversation to a new id, which it returns; the old one is not found any more."""
        place = self.channels.pop(channel)
        place.id = f"C{self.server.number():08d}"
        self.channels[place.id] = place
        event = {"type": "channel_id_changed", "old_channel_id": channel, "new_channel_id": place.id}
        self._announce(place, event, silent=silent, unjoined=True)
        return place.id

    def change_user(self, user: str, *, silent: bool = False, **changes: Any) -> None:
        """Renames, deactivates, makes a guest: `change_user(id, name=..., deleted=True, guest=True)`."""
        person = self.users[user]
        for name, value in changes.items():
            setattr(person, name, value)
        person.updated = int(self.clock.now())
        if not silent:
            self.outbox.emit({"type": "user_change", "user": person.payload(), "cache_ts": person.updated})

    def deactivate(self, user: str, *, silent: bool = False) -> None:
        """A deactivated user is out of every channel; Slack sends no `member_left_channel` for that."""
        for channel in self.channels.values():
            channel.members.pop(user, None)
        self.change_user(user, deleted=True, silent=silent)

    def uninstall(self, *, silent: bool = False) -> None:
        """`app_uninstalled`; from now on every call answers account_inactive."""
        self.auth_error = "account_inactive"
        if not silent:
            self.outbox.emit({"type": "app_uninstalled"})

    def revoke_tokens(self, *, silent: bool = False) -> None:
        """`tokens_revoked`; from now on every call answers token_revoked."""
        self.auth_error = "token_revoked"
        if not silent:
            self.outbox.emit({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self.bot_user_id]}})

    def open_home(self, user: str, *, tab: str = "messages") -> None:
        self.outbox.emit({"type": "app_home_opened", "user": user, "channel": self.open_im(user), "tab": tab})

    def look_at(self, user: str, channel: str) -> None:
        """`app_context_changed`: the user views a channel while the app's pane is open."""
        entity = {"type": "slack#/types/channel_id", "value": channel, "team_id": self.team_id}
        event = {"type": "app_context_changed", "user": user, "channel": self.open_im(user)}
        self.outbox.emit(event | {"context": {"entities": [entity]}})

    def _announce(
        self, channel: Channel, event: dict[str, Any], *, silent: bool, unjoined: bool = False, always: bool = False
    ) -> None:
        """Sends to a bot that is in the conversation; `unjoined` also when it may merely see it."""
        if not silent and (always or self.is_bot_in(channel) or (unjoined and self.bot_sees(channel))):
            self.outbox.emit(event, channel)


def _of(channel: Channel, what: str) -> str:
    return f"{'channel' if channel.kind == PUBLIC else 'group'}_{what}"
