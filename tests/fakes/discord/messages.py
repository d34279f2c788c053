"""What people say and do with messages. Nobody's rights are checked here: the API checks those of the bot."""

import mimetypes
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tests.fakes.discord import payloads
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.reactions import Reactions
from tests.fakes.discord.snowflakes import iso, iso_of

Told = tuple[str, str] | tuple[str, str, str | float]
_DEFAULT, _REPLY = 0, 19
_STARTER = 21
_MENTION = re.compile(r"<@!?(\d+)>")
_ROLE_MENTION = re.compile(r"<@&(\d+)>")
_LOUD = re.compile(r"@(everyone|here)\b")


class Messages(Reactions):
    """Messages, edits, deletions, pins."""

    def post(
        self,
        channel: str,
        user: str,
        text: str,
        *,
        reply_to: str | None = None,
        attachments: Iterable[str | Mapping[str, Any]] = (),
        embeds: Iterable[Json] = (),
        stickers: Iterable[str] = (),
        webhook: bool = False,
        type: int = _DEFAULT,  # noqa: A002 - Discord's own word
        at: float | None = None,
        message_id: str | None = None,
        **more: Any,
    ) -> str:
        """The new message's id. With `webhook` the user is just a name. `more` is in Discord's own words.

        `attachments` are file names or Discord's own objects. `at`: seconds since 1970, for the past, which is told
        like the present.
        """
        message_id = message_id or (self.snowflakes.at(at) if at is not None else self.snowflakes.new())
        author = payloads.user(self.snowflakes.old(), user, bot=True) if webhook else self.users[user]
        message = payloads.message(message_id, channel, author, text, iso_of(message_id)) | {"type": type}
        if webhook:
            author |= {"username": user}
            message["webhook_id"] = author["id"]
        message |= {
            "embeds": [{"type": "rich"} | embed for embed in embeds],
            "attachments": [self.attachment(channel, each) for each in attachments],
            "sticker_items": [{"id": self.snowflakes.old(), "name": name, "format_type": 1} for name in stickers],
        }
        if reply_to is not None:
            message["type"] = _REPLY
            message["message_reference"] = self.reference(channel, reply_to)
        self.mention(message, reply_pings=True)
        message |= more
        self.add_message(message, joins=not webhook)
        return message_id

    def forward(self, channel: str, user: str, source: str, message: str) -> str:
        """Somebody passes on a message of another channel: a copy of its content, without its author."""
        told = self.logs[source].messages[message]
        keys = ("type", "content", "embeds", "attachments", "timestamp", "edited_timestamp", "flags", "mentions")
        copied = {key: told[key] for key in (*keys, "mention_roles", "components")}
        reference = self.reference(source, message) | {"type": 1}
        return self.post(channel, user, "", message_reference=reference, message_snapshots=[{"message": copied}])

    def seed(self, channel: str, told: Iterable[Told]) -> list[str]:
        """The past, told to nobody: (user, text), or with an ISO time or the seconds since then as a third.

        Without times the messages stand a second apart and end now. The ids, in order.
        """
        listed = list(told)
        now = self.clock.now()
        with self.silently():
            return [
                self.post(channel, each[0], each[1], at=_seconds(each[2], now) if len(each) > 2 else now - back)
                for back, each in zip(range(len(listed), 0, -1), listed, strict=True)
            ]

    def edit(self, channel: str, message: str, text: str, **more: Any) -> None:
        """By its author."""
        said = self.logs[channel].messages[message]
        said |= {"content": text, "edited_timestamp": iso(self.clock.now())} | more
        self.mention(said, reply_pings=True)
        self.tell_change(said)

    def unfurl(self, channel: str, message: str, url: str = "https://wiki.example/page") -> None:
        """Discord adds the preview of a link: a MESSAGE_UPDATE without an edit."""
        said = self.logs[channel].messages[message]
        said["embeds"] = [*said["embeds"], {"type": "link", "url": url, "title": "A page", "description": "A preview"}]
        self.tell_change(said)

    def delete(self, channel: str, message: str) -> None:
        self.forget_message(channel, message)
        self.tell_in("MESSAGE_DELETE", channel, {"id": message})

    def bulk_delete(self, channel: str, messages: Iterable[str]) -> None:
        """Only ids that exist; Discord skips the others."""
        gone = [message for message in messages if message in self.logs[channel].messages]
        for message in gone:
            self.forget_message(channel, message)
        self.tell_in("MESSAGE_DELETE_BULK", channel, {"ids": gone})

    def pin(self, channel: str, message: str, *, pinned: bool = True) -> None:
        said = self.logs[channel].messages[message]
        said["pinned"] = pinned
        self.tell_change(said)
        self.tell_in("CHANNEL_PINS_UPDATE", channel, {"last_pin_timestamp": iso(self.clock.now())})

    def shown(self, message: Json, *, depth: int = 1) -> Json:
        """A message as it is handed out: with its reactions, its thread, and what it answers."""
        shown = dict(message)
        if reactions := self.reactions_of(message["id"]):
            shown["reactions"] = reactions
        if message["flags"] & payloads.HAS_THREAD and message["id"] in self.channels:
            shown["thread"] = self.thread_payload(message["id"])
        reference = message.get("message_reference", {})
        if depth and message["type"] in {_REPLY, _STARTER}:
            log = self.logs.get(reference["channel_id"])
            answered = log.messages.get(reference["message_id"]) if log else None
            shown["referenced_message"] = self.shown(answered, depth=0) if answered else None
        return shown

    def add_message(self, message: Json, *, joins: bool = True) -> None:
        """Puts a message into its channel and tells of it. Who speaks in a thread joins it."""
        channel = message["channel_id"]
        place = self.channels[channel]
        self.logs[channel].add(message)
        place["last_message_id"] = max(message["id"], place.get("last_message_id") or "0", key=int)
        if place["type"] in payloads.THREADS:
            if place["thread_metadata"]["archived"]:
                self.archive_thread(channel, archived=False)
            if message["type"] != _STARTER and message["id"] != channel:
                place["message_count"] += 1
                place["total_message_sent"] += 1
            if joins and message["type"] != _STARTER:
                self.add_thread_member(channel, message["author"]["id"])
        self.tell_in("MESSAGE_CREATE", channel, self._event_of(message))

    def tell_change(self, message: Json) -> None:
        self.tell_in("MESSAGE_UPDATE", message["channel_id"], self._event_of(message))

    def forget_message(self, channel: str, message: str) -> None:
        self.logs[channel].remove(message)
        self.reactors.pop(message, None)
        place = self.channels[channel]
        if place["type"] in payloads.THREADS and message != channel:
            place["message_count"] -= 1

    def reference(self, channel: str, message: str) -> Json:
        guild = self.guild_of(channel)
        return {"type": 0, "channel_id": channel, "message_id": message} | ({"guild_id": guild} if guild else {})

    def mention(self, message: Json, *, reply_pings: bool, allowed: Json | None = None) -> None:
        """Fills in whom a message mentions; `allowed` is Discord's `allowed_mentions`, None lets everything through."""
        text = message["content"]
        parse = ("users", "roles", "everyone") if allowed is None else allowed.get("parse", ())
        users = dict.fromkeys(_MENTION.findall(text))
        roles = dict.fromkeys(_ROLE_MENTION.findall(text))
        if allowed is not None:
            users = {user: None for user in users if "users" in parse or user in map(str, allowed.get("users", ()))}
            roles = {role: None for role in roles if "roles" in parse or role in map(str, allowed.get("roles", ()))}
        answered = self._answered(message)
        if answered is not None and reply_pings and "webhook_id" not in answered:
            users[answered["author"]["id"]] = None
        known = {
            role["id"] for role in self.guilds.get(self.guild_of(message["channel_id"]) or "", {}).get("roles", ())
        }
        message["mentions"] = [self.users[user] for user in users if user in self.users]
        message["mention_roles"] = [role for role in roles if role in known]
        message["mention_everyone"] = "everyone" in parse and _LOUD.search(text) is not None

    def attachment(self, channel: str, file: str | Mapping[str, Any]) -> Json:
        """Discord's object for a file of that name; what is given overrides what is made up."""
        given: Mapping[str, Any] = {"filename": file} if isinstance(file, str) else file
        file_id, name = self.snowflakes.old(), given["filename"]
        url = f"https://cdn.discordapp.com/attachments/{channel}/{file_id}/{name}"
        made_up: Json = {"id": file_id, "filename": name, "size": 1024, "url": url, "proxy_url": url}
        kind = mimetypes.guess_type(name)[0]
        return made_up | ({"content_type": kind} if kind else {}) | given

    def _answered(self, message: Json) -> Json | None:
        if message["type"] != _REPLY:
            return None
        reference = message["message_reference"]
        log = self.logs.get(reference["channel_id"])
        return log.messages.get(reference["message_id"]) if log else None

    def _event_of(self, message: Json) -> Json:
        """As the gateway tells it: with the memberships of the author and of those who are mentioned."""
        members = self.members.get(self.guild_of(message["channel_id"]) or "", {})
        event = self.shown(message) | {"channel_type": self.channels[message["channel_id"]]["type"]}
        author = members.get(message["author"]["id"])
        if author is not None:
            event["member"] = _without_user(author)
        event["mentions"] = [
            person | ({"member": _without_user(members[person["id"]])} if person["id"] in members else {})
            for person in message["mentions"]
        ]
        return event


def _without_user(member: Json) -> Json:
    return {key: value for key, value in member.items() if key != "user"}


def _seconds(when: str | float, now: float) -> float:
    return datetime.fromisoformat(when).timestamp() if isinstance(when, str) else now - when
