"""Threads and posts: how they start, who is in them, how they end."""

from typing import Any

from tests.fakes.discord import payloads
from tests.fakes.discord.log import Log
from tests.fakes.discord.messages import Messages
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.snowflakes import iso

_THREAD_CREATED, _STARTER = 18, 21


class Threads(Messages):
    """A thread that starts at a message has that message's id; a post has the id of its first message."""

    def start_thread(
        self,
        channel: str,
        user: str,
        name: str,
        *,
        message: str | None = None,
        private: bool = False,
        text: str | None = None,
        at: float | None = None,
        **more: Any,
    ) -> str:
        """The thread's id. In a forum or media channel it is a post, and `text` its first message.

        Elsewhere `text` is said in the new thread. `at`: seconds since 1970, for the past.
        """
        parent = self.channels[channel]
        is_post = parent["type"] in payloads.POSTS_ONLY
        thread = message or (self.snowflakes.at(at) if at is not None else self.snowflakes.new())
        kind = _kind_of(parent, private=private)
        place = payloads.thread(thread, parent, user, name, kind, iso(self.clock.now() if at is None else at)) | more
        if is_post:
            place["applied_tags"] = more.get("applied_tags", [])
        self.channels[thread] = place
        self.logs[thread] = Log()
        self.thread_members[thread] = {}
        self._join(thread, user)
        parent["last_message_id"] = thread if is_post else parent.get("last_message_id")
        self.tell("THREAD_CREATE", self.thread_payload(thread) | {"newly_created": True}, parent["guild_id"], thread)
        self._announce(parent, place, user, message)
        if is_post or text is not None:
            self.post(thread, user, text or "", message_id=thread if is_post else None, at=at)
        return thread

    def archive_thread(self, thread: str, *, archived: bool = True, locked: bool = False) -> None:
        """Also the way back, with `archived=False`."""
        metadata = self.channels[thread]["thread_metadata"]
        changes = {"archived": archived, "locked": locked, "archive_timestamp": iso(self.clock.now())}
        self.change_channel(thread, thread_metadata=metadata | changes)

    def delete_thread(self, thread: str) -> None:
        place = self.channels[thread]
        gone = {key: place[key] for key in ("id", "guild_id", "parent_id", "type")}
        self.tell("THREAD_DELETE", gone, place["guild_id"], thread)
        starter = self.logs[place["parent_id"]].messages.get(thread)
        self.drop_place(thread)
        if starter is not None:
            starter["flags"] &= ~payloads.HAS_THREAD

    def add_thread_member(self, thread: str, user: str) -> None:
        """Somebody joins or is added. The bot, added to a private thread, is told of the thread."""
        if user in self.thread_members[thread]:
            return
        member = self._join(thread, user)
        place = self.channels[thread]
        if user == self.bot_user_id:
            self.tell("THREAD_CREATE", self.thread_payload(thread), place["guild_id"], thread)
        self._tell_members(place, added=[member])

    def remove_thread_member(self, thread: str, user: str) -> None:
        """Told before it happens, since the one who is removed hears it too."""
        if user not in self.thread_members[thread]:
            return
        place = self.channels[thread]
        place["member_count"] -= 1
        self._tell_members(place, removed=[user])
        del self.thread_members[thread][user]

    def _announce(self, parent: Json, thread: Json, user: str, message: str | None) -> None:
        """The system messages: in the parent for a public thread out of nothing, in the thread for one at a message."""
        about = {"guild_id": parent["guild_id"]}
        if message is not None:
            starter = self.logs[parent["id"]].messages[message]
            starter["flags"] |= payloads.HAS_THREAD
            self.tell_change(starter)
            said = {"message_reference": about | {"channel_id": parent["id"], "message_id": message, "type": 0}}
            self.post(thread["id"], user, "", type=_STARTER, **said)
        elif thread["type"] != payloads.PRIVATE_THREAD and parent["type"] not in payloads.POSTS_ONLY:
            said = {"message_reference": about | {"channel_id": thread["id"], "type": 0}}
            self.post(parent["id"], user, thread["name"], type=_THREAD_CREATED, **said)

    def _join(self, thread: str, user: str) -> Json:
        member = {"id": thread, "user_id": user, "join_timestamp": iso(self.clock.now()), "flags": 1}
        self.thread_members[thread][user] = member
        self.channels[thread]["member_count"] = len(self.thread_members[thread])
        return member

    def _tell_members(self, place: Json, *, added: list[Json] | None = None, removed: list[str] | None = None) -> None:
        data: Json = {"id": place["id"], "guild_id": place["guild_id"], "member_count": place["member_count"]}
        if added:
            guild = self.members[place["guild_id"]]
            data["added_members"] = [each | {"member": guild[each["user_id"]], "presence": None} for each in added]
        if removed:
            data["removed_member_ids"] = removed
        self.tell("THREAD_MEMBERS_UPDATE", data, place["guild_id"], place["id"])


def _kind_of(parent: Json, *, private: bool) -> int:
    if private:
        return payloads.PRIVATE_THREAD
    return payloads.NEWS_THREAD if parent["type"] == payloads.NEWS else payloads.PUBLIC_THREAD
