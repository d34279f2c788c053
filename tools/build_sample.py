"""Builds bot/sample/sample-workspace.zip, a Slack export, from the readable files in sample/.

The form of those files is described in sample/README.md. The same files always give the same bytes: fixed times, fixed
order, no compression (two versions of zlib may compress differently).
"""

import io
import json
import re
import sys
import uuid
import zipfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "sample"
TARGET = ROOT / "bot" / "sample" / "sample-workspace.zip"

SITE = "https://lanternfish-tidal-bakery.slack.com"
TEAM = "T0LANTERN1"
ZIP_TIME = (2026, 11, 1, 0, 0, 0)
LISTS = {"public": "channels.json", "private": "groups.json", "direct": "dms.json"}

_MESSAGE = re.compile(r"( {2})?(\d{4}-\d\d-\d\d \d\d:\d\d) (\w+): (.*)")
_NOTE = re.compile(r" *\+ (\w+)(?:: (.*))?")
_HEADER = re.compile(r"(\w+): (.*)")
_INLINE = re.compile(
    r"\[(?P<label>[^\]]+)\]\((?P<target>[^)]+)\)|(?P<url>https?://\S+)|@(?P<person>\w+)|#(?P<channel>[\w-]+)"
)


@dataclass
class Message:
    """One message; `root` is the first message of its thread when it is a reply."""

    author: str
    text: str
    at: datetime
    ts: str
    root: "Message | None" = None
    replies: list["Message"] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass
class Channel:
    """One file of sample/channels."""

    name: str
    channel_id: str
    visibility: str
    topic: str
    members: list[str]
    messages: list[Message]


def read_channel(path: Path, everyone: list[str]) -> Channel:
    """A channel file. Errors: `ValueError` names the file and the line that is not understood."""
    header: dict[str, str] = {}
    messages: list[Message] = []
    of_minute: Counter[datetime] = Counter()
    root: Message | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := _MESSAGE.fullmatch(line):
            at = datetime.strptime(found[2], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
            of_minute[at] += 1
            ts = f"{int(at.timestamp())}.{of_minute[at]:04d}00"
            message = Message(found[3], found[4], at, ts, root=root if found[1] else None)
            if found[1] and root:
                root.replies.append(message)
            else:
                root = message
            messages.append(message)
        elif (found := _NOTE.fullmatch(line)) and messages:
            messages[-1].notes[found[1]] = found[2] or ""
        elif (found := _HEADER.fullmatch(line)) and not messages:
            header[found[1]] = found[2]
        else:
            raise ValueError(f"{path.name}:{number}: not understood: {line}")
    listed = header.get("members", "everyone").split(", ")
    members = [one for part in listed for one in (everyone if part == "everyone" else [part])]
    visibility = header.get("visibility", "public")
    return Channel(header["channel"], header["id"], visibility, header.get("topic", ""), members, messages)


class Encoder:
    """Writes people, channels and messages as Slack's export does."""

    def __init__(self, people: list[dict[str, object]], channels: list[Channel]) -> None:
        self._users = {str(person["handle"]): f"U0{str(person['handle']).upper()}" for person in people}
        self._channels = {channel.name: channel.channel_id for channel in channels}

    def user(self, person: dict[str, object]) -> dict[str, object]:
        """An entry of users.json."""
        handle = str(person["handle"])
        return {
            "id": self._users[handle],
            "team_id": TEAM,
            "name": handle,
            "deleted": bool(person.get("deactivated")),
            "real_name": person["name"],
            "profile": {"title": person["title"], "real_name": person["name"], "display_name": person["name"]},
            "is_bot": bool(person.get("bot")),
            "is_restricted": bool(person.get("guest")),
            "is_ultra_restricted": False,
        }

    def channel(self, channel: Channel) -> dict[str, object]:
        """An entry of channels.json, groups.json or dms.json."""
        entry: dict[str, object] = {
            "id": channel.channel_id,
            "created": int(channel.messages[0].at.timestamp()),
            "members": [self._users[member] for member in channel.members],
        }
        if channel.visibility == "direct":
            return entry
        topic = {"value": channel.topic, "creator": "", "last_set": 0}
        return entry | {
            "name": channel.name,
            "is_archived": False,
            "is_general": channel.name == "general",
            "topic": topic,
        }

    def message(self, message: Message, channel: Channel) -> dict[str, object]:
        """An entry of a day file."""
        user = self._users[message.author]
        entry: dict[str, object] = {"type": "message", "user": user, "ts": message.ts, "team": TEAM}
        if "deleted" in message.notes:
            text = "This message was deleted."
            return (
                entry | {"subtype": "tombstone", "text": text, "user": "USLACKBOT", "hidden": True} | _thread(message)
            )
        if "joined" in message.notes:
            return entry | {"subtype": "channel_join", "text": f"<@{user}> has joined the channel"}
        text = self.mrkdwn(message.text)
        if message.author == "tidewatch":
            bot = {"type": "message", "subtype": "bot_message", "ts": message.ts, "bot_id": "B0TIDEWATCH"}
            return bot | {"username": "tidewatch", "text": text}
        key = f"{channel.channel_id}/{message.ts}"
        entry |= {"client_msg_id": str(uuid.uuid5(uuid.NAMESPACE_URL, key)), "text": text} | _thread(message)
        if message.root:
            entry["parent_user_id"] = self._users[message.root.author]
        if message.replies:
            entry["replies"] = [{"user": self._users[reply.author], "ts": reply.ts} for reply in message.replies]
        if "edited" in message.notes:
            edited = datetime.strptime(message.notes["edited"], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
            entry["edited"] = {"user": user, "ts": f"{int(edited.timestamp())}.000000"}
        if "reactions" in message.notes:
            entry["reactions"] = [self._reaction(part, channel) for part in message.notes["reactions"].split(", ")]
        if "file" in message.notes:
            entry["files"] = [_file(message, user)]
        return entry

    def mrkdwn(self, text: str) -> str:
        """Readable text as Slack stores it: ids for names, angle brackets around links, three characters escaped."""
        parts, at = [], 0
        for found in _INLINE.finditer(text):
            parts += [_escaped(text[at : found.start()]), self._marked(found)]
            at = found.end()
        return "".join([*parts, _escaped(text[at:])])

    def _marked(self, found: re.Match[str]) -> str:
        if found["person"] in self._users:
            return f"<@{self._users[found['person']]}>"
        if found["channel"] in self._channels:
            return f"<#{self._channels[found['channel']]}|{found['channel']}>"
        if found["label"]:
            return f"<{_escaped(found['target'])}|{_escaped(found['label'])}>"
        return f"<{_escaped(found['url'])}>" if found["url"] else _escaped(found[0])

    def _reaction(self, part: str, channel: Channel) -> dict[str, object]:
        name, count = part.rsplit(" ", 1)
        users = [self._users[member] for member in channel.members[: int(count)]]
        return {"name": name, "users": users, "count": int(count)}


def build(source: Path = SOURCE) -> bytes:
    """The whole zip."""
    people = json.loads((source / "people.json").read_text(encoding="utf-8"))
    everyone = [person["handle"] for person in people if not person.keys() & {"guest", "deactivated", "bot"}]
    channels = [read_channel(path, everyone) for path in sorted((source / "channels").glob("*.txt"))]
    encoder = Encoder(people, channels)
    files: dict[str, object] = {
        listed: [encoder.channel(channel) for channel in channels if channel.visibility == visibility]
        for visibility, listed in LISTS.items()
    }
    files["users.json"] = [encoder.user(person) for person in people]
    for channel in channels:
        days = defaultdict(list)
        for message in sorted(channel.messages, key=lambda message: message.ts):
            days[f"{message.at:%Y-%m-%d}"].append(encoder.message(message, channel))
        folder = channel.channel_id if channel.visibility == "direct" else channel.name
        files |= {f"{folder}/{day}.json": entries for day, entries in sorted(days.items())}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, json.dumps(content, indent=4).replace("/", "\\/") + "\n")
    return packed.getvalue()


def _thread(message: Message) -> dict[str, object]:
    if message.root:
        return {"thread_ts": message.root.ts}
    if not message.replies:
        return {}
    latest = message.replies[-1].ts
    people = {reply.author for reply in message.replies}
    counts = {"reply_count": len(message.replies), "reply_users_count": len(people)}
    return {"thread_ts": message.ts, **counts, "latest_reply": latest}


def _file(message: Message, user: str) -> dict[str, object]:
    name = message.notes["file"]
    file_id = f"F0{uuid.uuid5(uuid.NAMESPACE_URL, name).hex[:8].upper()}"
    permalink = f"{SITE}/files/{user}/{file_id}/{name}"
    return {"id": file_id, "name": name, "title": name, "mode": "hosted", "permalink": permalink}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(build())
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size:,} bytes", file=sys.stderr)
