"""What every reader asks of a message before it hands it on. This file performs no I/O."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from knowledge.messages import Posted, Problem, SourceMessage

TEXT_LIMIT = 100_000
"""Characters of one message; no platform allows as many, so more is a mistake or an attack."""


class Unusable(Exception):
    """A message that cannot be used; the text is the sentence its `Problem` will show."""


class LeftOut(StrEnum):
    """Why a sound message was not imported; readers count these instead of reporting each one."""

    HOUSEKEEPING = "joins, topics and other housekeeping"
    BOT = "messages by bots"
    EMPTY = "messages without text"
    DIRECT = "direct conversations"
    QUESTION = "rows kept aside as questions"


class Gate:
    """Lets each message pass once, and no longer than `TEXT_LIMIT`.

    A repeat with the same text is dropped in silence; with another text it is reported and dropped.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def admit(self, message: SourceMessage, file: str, line: int | None) -> Iterator[Posted | Problem]:
        """The message, or the problem with it, or both, or nothing."""
        message_id = message.ref.message_id
        fingerprint = hash((message.ref.channel.channel_id, message.text))
        known = self._seen.get(message_id)
        if known is None:
            self._seen[message_id] = fingerprint
            if len(message.text) > TEXT_LIMIT:
                yield Problem(
                    file, line, f"The message is longer than {TEXT_LIMIT:,} characters; the rest was cut off."
                )
                message = replace(message, text=message.text[:TEXT_LIMIT])
            yield Posted(message)
        elif known != fingerprint:
            yield Problem(file, line, f"A second message has the id {message_id[:80]!r}; only the first was kept.")
