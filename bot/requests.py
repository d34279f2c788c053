"""Requests as ids and as text, for the table that keeps them. This file performs no I/O."""

import json
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from bot.conversation import Request, Task
from knowledge.messages import ChannelRef, MessageRef, PersonRef

NAMESPACE = UUID("11655f59-812c-4a9e-a8b7-23c697c007f9")
WITHOUT_TEXT = '{"text": "",'
"""How a stored request begins whose text was erased."""
ASKED = "asked:"


def answer_id_of(platform: str, workspace: str, channel_id: str, message_id: str, task: Task) -> str:
    """The id of the answer to what was asked there: the same whichever event brought it, and however often."""
    return str(uuid5(NAMESPACE, json.dumps([platform, workspace, channel_id, message_id, task.value])))


def conversation_of(channel: ChannelRef, thread: str) -> str:
    """The name under which the talk in a thread is remembered."""
    return f"{channel.platform}:{channel.channel_id}:{thread}"


def asked_key(message: MessageRef) -> str:
    """How a remembered turn names the message that asked: it is dropped with it. Sources have numbers instead."""
    channel = message.channel
    return ASKED + json.dumps([channel.platform, channel.workspace, channel.channel_id, message.message_id])


def request_json(request: Request) -> str:
    """A request as ASCII JSON, its text first. `request_from` reads it."""
    asker, of = request.asker, request.of_channel
    return json.dumps({
        "text": request.text,
        "answer_id": request.answer_id,
        "channel": [request.channel.platform, request.channel.workspace, request.channel.channel_id],
        "asker": None if asker is None else [asker.platform, asker.workspace, asker.person_id],
        "message_id": request.message_id,
        "thread_id": request.thread_id,
        "task": request.task.value,
        "private": request.private,
        "direct": request.direct,
        "by_bot": request.by_bot,
        "awaited": request.awaited,
        "since": None if request.since is None else request.since.isoformat(),
        "of_channel": None if of is None else [of.platform, of.workspace, of.channel_id],
        "of_thread": request.of_thread,
        "reply_to": dict(request.reply_to),
    })  # fmt: skip


def request_from(stored: str) -> Request | None:
    """The request that was stored; None when it is none that this version knows."""
    try:
        fields = json.loads(stored)
        return Request(
            answer_id=_text(fields["answer_id"]),
            channel=ChannelRef(*_texts(fields["channel"])),
            text=_text(fields["text"]),
            asker=None if fields["asker"] is None else PersonRef(*_texts(fields["asker"])),
            message_id=_text(fields["message_id"]),
            thread_id=None if fields["thread_id"] is None else _text(fields["thread_id"]),
            task=Task(fields["task"]),
            private=bool(fields["private"]),
            direct=bool(fields["direct"]),
            by_bot=bool(fields["by_bot"]),
            awaited=bool(fields.get("awaited", False)),
            since=None if fields["since"] is None else datetime.fromisoformat(fields["since"]),
            of_channel=None if fields["of_channel"] is None else ChannelRef(*_texts(fields["of_channel"])),
            of_thread=None if fields["of_thread"] is None else _text(fields["of_thread"]),
            reply_to={name: _text(value) for name, value in fields["reply_to"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value))
    return value


def _texts(values: object) -> list[str]:
    if not isinstance(values, list):
        raise TypeError(type(values))
    return [_text(value) for value in values]


def without_text(stored: str) -> str:
    """A stored request without what was asked; nothing but the mark when it cannot be read."""
    request = request_from(stored)
    return WITHOUT_TEXT + ' "erased": true}' if request is None else request_json(replace(request, text=""))
