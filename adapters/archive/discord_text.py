"""What a message of DiscordChatExporter says. This file performs no I/O and never raises."""

from collections.abc import Mapping

from adapters import fields
from adapters.discord_text import Names, embeds_text, named, readable


def message_text(raw: Mapping[str, object], names: Names) -> str:
    """Everything a message says: its content, else what it forwards, else its embeds; then stickers and files."""
    forwarded = fields.record(raw.get("forwardedMessage"))
    text = (
        readable(fields.text(raw, "content"), names).strip()
        or readable(fields.text(forwarded, "content"), names).strip()
        or embeds_text(fields.records(raw.get("embeds")), names)
    )
    stickers = (named("sticker", fields.name(item, "name")) for item in fields.records(raw.get("stickers")))
    files = fields.records(raw.get("attachments"))
    file_names = (named("file", fields.name(item, "fileName", "filename", "name")) for item in files)
    return "\n".join(part for part in (text, *stickers, *file_names) if part)
