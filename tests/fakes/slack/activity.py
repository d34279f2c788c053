"""What happens in a workspace: each method changes the state and delivers the events Slack would deliver.

`silent=True` changes the state alone, as if the app had been away.
"""

from collections.abc import Iterable
from typing import Any

from tests.fakes.slack.channel import DIRECT, Channel
from tests.fakes.slack.installation import Installation
from tests.fakes.slack.log import Message
from tests.fakes.slack.messages import rich_text, spoken, tombstone


class Activity(Installation):
    """Messages and reactions, of people and of the bot itself. Every ts is a text, every id Slack's."""

    def post(
        self,
        channel: str,
        user: str | None,
        text: str,
        *,
        ts: str = "",
        thread_ts: str | None = None,
        files: Iterable[str] = (),
        blocks: list[dict[str, Any]] | None = None,
        attachments: list[dict[str, Any]] | None = None,
        subtype: str = "",
        bot_id: str = "",
        broadcast: bool = False,
        silent: bool = False,
        **more: Any,
    ) -> str:
        """The new message's ts. `broadcast` sends a reply to the channel too; `bot_id` without a user: a webhook."""
        place = self.channels[channel]
        message: Message = {"type": "message", "text": text, "ts": ts or self.clock.ts(), "team": self.team_id}
        if user is not None:
            says = subtype not in _HOUSEKEEPING
            message = spoken(self.users[user], text, message["ts"], rich=True) if says else message | {"user": user}
        if thread_ts is not None:
            message |= {"thread_ts": thread_ts, "parent_user_id": place.log.messages[thread_ts].get("user", "")}
        if shared := [self._share(self.files[file_id], place) for file_id in files]:
            message |= {"files": shared, "upload": True, "subtype": "file_share"}
        said = {"blocks": blocks, "attachments": attachments, "bot_id": bot_id, "subtype": subtype}
        message |= {name: value for name, value in said.items() if value} | more
        if broadcast:
            message["subtype"] = "thread_broadcast"
        self._add(place, message, silent=silent)
        return message["ts"]

    def edit(self, channel: str, ts: str, text: str, *, by: str = "", silent: bool = False, **more: Any) -> None:
        """A person changes what they wrote; a mention that is new asks the bot again."""
        message = self.channels[channel].log.messages[ts]
        said: dict[str, Any] = {"text": text, **more}
        if "blocks" in message and "blocks" not in more:
            said["blocks"] = rich_text(text) if text else None
        self.change(self.channels[channel], ts, said, by=by or message.get("user", ""), silent=silent)

    def unfurl(self, channel: str, ts: str, url: str = "https://wiki.example/page", *, silent: bool = False) -> None:
        """Slack adds the preview of a link: a change without an edit."""
        preview = {"from_url": url, "original_url": url, "title": "A page", "text": "", "fallback": "A page", "id": 1}
        self.change(self.channels[channel], ts, {"attachments": [preview]}, silent=silent)

    def recount(self, channel: str, ts: str) -> None:
        """A `message_changed` in which nothing but the thread's figures differs."""
        self.change(self.channels[channel], ts, {})

    def change(self, channel: Channel, ts: str, said: dict[str, Any], *, by: str = "", silent: bool = False) -> Message:
        """Replaces keys of a message (None removes one); `by` marks it as edited. Returns the message as it is now."""
        old = channel.log.messages[ts]
        before = channel.log.shown(old)
        new = {key: value for key, value in {**old, **said}.items() if value is not None}
        if by:
            new["edited"] = {"user": by, "ts": f"{int(self.clock.now())}.000000"}
        channel.log.messages[ts] = new
        after = channel.log.shown(new)
        event = {"subtype": "message_changed", "message": after, "previous_message": before, "hidden": True}
        self._tell(channel, event, silent=silent)
        if by and self._mentions_bot(new) and not self._mentions_bot(old):
            self._mention(channel, new, silent=silent)
        return new

    def delete(self, channel: str, ts: str, *, silent: bool = False) -> None:
        """A parent with replies leaves a tombstone, which goes with its last reply; anything else is simply gone."""
        place = self.channels[channel]
        log = place.log
        old = log.messages[ts]
        if log.replies_of(ts):
            before = log.shown(old)
            log.messages[ts] = tombstone(old)
            after = log.shown(log.messages[ts])
            event = {"subtype": "message_changed", "message": after, "previous_message": before, "hidden": True}
            self._tell(place, event, silent=silent)
            return
        before = log.shown(old)
        log.remove(ts)
        event = {"subtype": "message_deleted", "deleted_ts": ts, "previous_message": before, "hidden": True}
        self._tell(place, event, silent=silent)
        parent = log.messages.get(old.get("thread_ts", ""))
        if parent is not None and parent.get("subtype") == "tombstone" and not log.replies_of(parent["ts"]):
            self.delete(channel, parent["ts"], silent=silent)

    def react(
        self, channel: str, ts: str, user: str, name: str, *, removed: bool = False, silent: bool = False
    ) -> bool:
        """Adds or removes one reaction; whether anything changed."""
        place = self.channels[channel]
        message = place.log.messages[ts]
        users = {reaction["name"]: list(reaction["users"]) for reaction in message.get("reactions", ())}
        if (user in users.get(name, ())) != removed:
            return False
        if removed:
            users[name].remove(user)
        else:
            users.setdefault(name, []).append(user)
        message["reactions"] = [{"name": key, "users": who, "count": len(who)} for key, who in users.items() if who]
        if self.is_bot_in(place) and not silent:
            event = {
                "type": "reaction_removed" if removed else "reaction_added",
                "user": user,
                "item": {"type": "message", "channel": channel, "ts": ts},
                "reaction": name,
                "item_user": message.get("user", ""),
            }
            self.outbox.emit(event, place)
        return True

    def say_as_bot(self, channel: Channel, said: dict[str, Any]) -> Message:
        """A message of our bot, which like any other app it is told of."""
        message = spoken(self.users[self.bot_user_id], "", self.clock.ts()) | said
        self._add(channel, message)
        return message

    def whisper(self, channel: Channel, user: str, said: dict[str, Any]) -> Message:
        """A message that only one user sees; history does not know it, and it sends no event."""
        message = spoken(self.users[self.bot_user_id], "", self.clock.ts()) | said
        self.ephemerals[message["ts"]] = (channel.id, user, message)
        return message

    def delete_file(self, file_id: str, *, silent: bool = False) -> None:
        """The file goes; messages that shared it keep a tombstone in its place."""
        file = self.files[file_id]
        file.deleted = True
        for channel in map(self.channels.__getitem__, file.channels):
            for ts, message in list(channel.log.messages.items()):
                if any(shared["id"] == file_id for shared in message.get("files", ())):
                    left = [file.payload("") if shared["id"] == file_id else shared for shared in message["files"]]
                    self.change(channel, ts, {"files": left}, silent=silent)
        if not silent:
            self.outbox.emit({"type": "file_deleted", "file_id": file_id})

    def _add(self, channel: Channel, message: Message, *, silent: bool = False) -> None:
        channel.log.add(message)
        event = channel.log.shown(message, metadata=True)
        self._tell(channel, {key: event[key] for key in event if key not in _THREAD_FIGURES}, silent=silent)
        is_said = message.get("user") != self.bot_user_id and message.get("subtype") not in _HOUSEKEEPING
        if is_said and self._mentions_bot(message):
            self._mention(channel, message, silent=silent)

    def _tell(self, channel: Channel, event: Message, *, silent: bool) -> None:
        """A `message` event, if the bot is in the conversation."""
        if silent or not self.is_bot_in(channel):
            return
        ts = event.get("ts") or self.clock.ts()
        self.outbox.emit(
            {"type": "message", **event, "channel": channel.id, "ts": ts, "event_ts": ts, "channel_type": channel.kind},
            channel,
        )

    def _mention(self, channel: Channel, message: Message, *, silent: bool) -> None:
        if silent or channel.kind == DIRECT or not self.is_bot_in(channel):
            return
        event = {key: value for key, value in message.items() if key not in {"reactions", "parent_user_id"}}
        self.outbox.emit(
            event
            | {
                "type": "app_mention",
                "channel": channel.id,
                "event_ts": self.clock.ts() if "edited" in event else event["ts"],
            },
            channel,
        )

    def _mentions_bot(self, message: Message) -> bool:
        text = message.get("text", "")
        return f"<@{self.bot_user_id}>" in text or f"<@{self.bot_user_id}|" in text

    def _share(self, file: Any, channel: Channel) -> dict[str, Any]:
        file.channels[channel.id] = None
        return file.payload(self.file_url(file.id))


_HOUSEKEEPING = frozenset("channel_join channel_leave channel_name channel_topic channel_purpose".split())
_THREAD_FIGURES = frozenset("reply_count reply_users_count latest_reply reply_users is_locked subscribed".split())
