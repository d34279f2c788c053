"""What one of our records of a Discord message says. This file performs no I/O and never raises."""

from collections.abc import Iterator, Mapping

from adapters import fields
from adapters.discord_text import Names, embeds_text, named, readable

VOICE_MESSAGE = 1 << 13
"""The flag of a message that is spoken."""
_LONGEST = 1_024


def message_text(record: Mapping[str, object], names: Names) -> str:
    """Everything a message says: a post's title, then its own words, else those it forwards."""
    parts = list(_parts(record, names))
    if not parts:
        parts = [part for forwarded in fields.records(record.get("forwarded")) for part in _parts(forwarded, names)]
    return "\n".join([*_title(record), *parts])


def is_by_app(record: Mapping[str, object]) -> bool:
    """Whether a bot or a webhook wrote it."""
    author = fields.record(record.get("author"))
    return fields.flag(author, "bot") or fields.flag(author, "webhook")


def _parts(record: Mapping[str, object], names: Names) -> Iterator[str]:
    """Words, embeds, poll, stickers and files.

    An app speaks in embeds; a person's are previews of links, which speak only where there are no words.
    """
    words = readable(fields.text(record, "content"), names).strip()
    embeds = fields.records(record.get("embeds"))
    if words:
        embeds = [embed for embed in embeds if embed.get("type") == "rich" and is_by_app(record)]
    yield from filter(None, (words, embeds_text(embeds, names), *_poll(fields.record(record.get("poll")))))
    yield from filter(None, (named("sticker", sticker) for sticker in _lines(record.get("stickers"))))
    if (fields.integer(record, "flags") or 0) & VOICE_MESSAGE:
        yield "[voice message]"
        return
    files = fields.records(record.get("attachments"))
    yield from filter(None, (named("file", *_names_of(file)) for file in files))


def _title(record: Mapping[str, object]) -> Iterator[str]:
    """A forum's post is asked in its title: its first message, and no other thread's, has the thread's own id."""
    is_first = bool(record.get("thread_type")) and fields.text(record, "id") == fields.text(record, "channel_id")
    if is_first and (title := fields.name(record, "thread_name")):
        yield title


def _poll(poll: Mapping[str, object]) -> Iterator[str]:
    if question := named("poll", *_lines([poll.get("question")])):
        yield question
        yield from (f"- {answer}" for answer in _lines(poll.get("answers")))


def _names_of(file: Mapping[str, object]) -> Iterator[str]:
    yield from (fields.name(file, "name"), fields.name(file, "title"), *_lines([file.get("description")]))


def _lines(values: object) -> list[str]:
    """The texts of a JSON array, each in one line; without empty ones."""
    texts = (
        fields.one_line(value, _LONGEST)
        for value in (values if isinstance(values, list) else ())
        if isinstance(value, str)
    )
    return [text for text in texts if text]
