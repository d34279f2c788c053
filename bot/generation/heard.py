"""What was heard of one answer from a server, and when: times and tokens, counted here. No I/O."""

import time

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata

# Latin text has about four characters a token, Chinese one.
CHARACTERS_PER_TOKEN = 4


class Heard:
    """`asked`, `first` (text): when. `waited`: seconds spent on waiting for the server. `pieces`: those with text."""

    def __init__(self) -> None:
        self.asked = self.first = self.waited = 0.0
        self.pieces = 0
        self.counted = False

    def read(self, message: BaseMessage) -> None:
        """Takes in one chunk."""
        self.counted = self.counted or getattr(message, "usage_metadata", None) is not None
        if message.content:
            self.first = self.first or time.perf_counter()
            self.pieces += 1

    def last_chunk(self, messages: list[BaseMessage]) -> AIMessageChunk:
        """What is known at the end. A piece is mostly one token."""
        ended = time.perf_counter()
        first = self.first or ended
        times = {
            "prefill_ms": round((first - self.asked) * 1000, 2),
            "generation_ms": round((ended - first) * 1000, 2),
        }
        if self.counted:
            return AIMessageChunk(content="", chunk_position="last", response_metadata=times)
        read = sum(about_tokens(str(message.text)) for message in messages)
        usage = UsageMetadata(input_tokens=read, output_tokens=self.pieces, total_tokens=read + self.pieces)
        return AIMessageChunk(
            content="", chunk_position="last", response_metadata={**times, "usage": "estimated"}, usage_metadata=usage
        )


def about_tokens(text: str) -> int:
    """How many tokens a text has, on the safe side, for a model whose vocabulary is elsewhere."""
    return sum(1 for character in text if not character.isascii()) + len(text) // CHARACTERS_PER_TOKEN + 1
