"""A day in the fictional workspace of the sample, lived on the fake Slack: talk, edits, deletions, questions."""

import asyncio
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "bot" / "sample" / "sample-workspace.zip"
LIVE_MESSAGES, EDITS, DELETIONS = 200, 10, 5
CHANNELS = ("engineering", "on-call", "general", "hiring")


@dataclass(slots=True)
class Day:
    """What happened, and how long each answer took. `asked`: (question, channel or "direct", question's ts)."""

    posted: int = 0
    edited: int = 0
    deleted: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    channels: dict[str, str] = field(default_factory=dict)


class Workspace:
    """The sample as Slack knows it: people and channels as they are, messages in the order they were written."""

    def __init__(self, slack):
        self.slack = slack
        self.messages = []
        self.names = {}
        with zipfile.ZipFile(SAMPLE) as packed:
            for user in json.loads(packed.read("users.json")):
                slack.add_user(user["profile"]["display_name"], id=user["id"], guest=user.get("is_restricted", False))
            for listed, private in (("channels.json", False), ("groups.json", True)):
                for channel in json.loads(packed.read(listed)):
                    self._add(packed, channel, private=private)
        self.messages.sort(key=lambda one: one[1]["ts"])
        known = {(channel, raw["ts"]) for channel, raw in self.messages}
        self.messages = [one for one in self.messages if not _thread(one[1]) or (one[0], _thread(one[1])) in known]
        self.parents = {_thread(raw) for _, raw in self.messages}
        self.ids = {name: channel for channel, name in self.names.items()}

    def _add(self, packed, channel, *, private):
        if channel.get("is_archived"):
            return
        self.names[channel["id"]] = channel["name"]
        members = [one for one in channel["members"] if one in self.slack.users]
        self.slack.add_channel(channel["name"], id=channel["id"], private=private, members=members)
        for name in packed.namelist():
            if name.startswith(f"{channel['name']}/"):
                raws = json.loads(packed.read(name))
                self.messages += [
                    (channel["id"], one)
                    for one in raws
                    if one.get("user") in self.slack.users and not one.get("subtype")
                ]

    def seed(self, until):
        """Everything but the last messages is the past."""
        for channel, raw in self.messages[:until]:
            self.slack.seed(channel, [(raw["user"], raw["text"], raw["ts"], _thread(raw))])

    def post(self, channel, raw):
        thread = _thread(raw)
        self.slack.post(channel, raw["user"], raw["text"], ts=raw["ts"], thread_ts=thread)


async def live(slack, app, questions):
    """The day. The bot is running; `questions` are (text, channel name or None for a direct message)."""
    day, workspace = Day(), Workspace(slack)
    day.channels = workspace.ids
    start = len(workspace.messages) - LIVE_MESSAGES
    workspace.seed(start)
    for channel in workspace.names:
        slack.join(channel, slack.bot_user_id)
    await _until_read(app, start)
    kept = {one["message_ids"][0] for one in sample_questions() if one["answerable"]}
    for number, (channel, raw) in enumerate(workspace.messages[start:]):
        workspace.post(channel, raw)
        day.posted += 1
        if number % (LIVE_MESSAGES // EDITS) == 0 and raw["ts"] not in kept:
            slack.edit(channel, raw["ts"], f"{raw['text']} (edited)")
            day.edited += 1
        if number % (LIVE_MESSAGES // DELETIONS) == 11 and raw["ts"] not in kept | workspace.parents:
            slack.delete(channel, raw["ts"])
            day.deleted += 1
        await asyncio.sleep(0.01)
    await slack.settled(timeout=60)
    await _until_read(app, start + day.posted - day.deleted)
    for text, name in questions:
        await _ask(slack, app, day, text, name)
    return day


def sample_questions():
    """The questions of the sample, with the messages that answer them."""
    return [json.loads(line) for line in (ROOT / "sample" / "questions.jsonl").read_text("utf-8").splitlines()]


def chosen_questions(count):
    """Questions for four channels and for direct messages, answerable ones and others."""
    places = (*CHANNELS, None)
    return [(one["text"], places[number % len(places)]) for number, one in enumerate(sample_questions()[:count])]


async def _ask(slack, app, day, text, name):
    channel = day.channels[name] if name else slack.open_im("U0QUINCE")
    asker = "U0QUINCE"
    began = asyncio.get_running_loop().time()
    ts = slack.post(channel, asker, f"<@{slack.bot_user_id}> {text}" if name else text)
    done = "SELECT outcome FROM answer WHERE channel_id = %(channel)s AND request LIKE %(ts)s AND state = 'posted'"
    while True:
        rows = await app.admin.database.fetch(done, {"channel": channel, "ts": f'%"message_id": "{ts}"%'})
        if rows:
            break
        if asyncio.get_running_loop().time() - began > 120:
            raise AssertionError(f"no answer to: {text}")
        await asyncio.sleep(0.05)
    day.asked.append((text, name or "direct", ts))
    day.seconds.append(asyncio.get_running_loop().time() - began)
    day.outcomes.append(rows[0][0])


async def _until_read(app, messages):
    status = None
    for _ in range(1200):
        status = await app.admin.status()
        if sum(one.messages for one in status.channels) >= messages and not status.waiting and not status.events:
            return
        await asyncio.sleep(0.25)
    raise AssertionError(
        f"{sum(one.messages for one in status.channels)} of {messages} messages, {status.waiting} waiting"
    )


def _thread(raw):
    thread = raw.get("thread_ts")
    return thread if thread and thread != raw["ts"] else None
