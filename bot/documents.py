"""Answers and states as JSON documents. The keys are a promise to other programs. No I/O."""

from dataclasses import asdict
from typing import Any

from bot.admin import Status
from bot.conversation import Answer
from knowledge.passages import Line
from knowledge.scope import Audience


def answer_document(answer: Answer) -> dict[str, Any]:
    """What `threadlore ask --json` prints."""
    return {
        "answer": answer.text,
        "outcome": answer.outcome.value,
        "citations": [
            {"n": citation.n, **_line(citation.line), "quote": citation.quote} for citation in answer.citations
        ],
        "scope": {"channels": list(answer.scope_channels), "audience": audience_name(answer.audience)},
        "nearest": [{**_line(line), "quote": line.text[:240]} for line in answer.nearest],
        "people": list(answer.people),
        "model": answer.model,
        "tokens": asdict(answer.tokens),
        "timings_ms": {step: round(ms, 2) for step, ms in asdict(answer.timings).items()},
        "prompt": asdict(answer.prompt) if answer.prompt is not None else None,
    }


def audience_name(audience: Audience) -> str:
    """Whom the answer is for, in a few words; the operator's view says that it is one of everything."""
    if audience.channel is not None or audience.person is not None:
        return audience.key
    return "operator (every channel)"


def status_document(status: Status) -> dict[str, Any]:
    """What `threadlore status --json` prints."""
    return {
        "channels": [asdict(channel) for channel in status.channels],
        "jobs": [asdict(job) for job in status.jobs],
        "embedding_model": None if status.model is None else {"name": status.model.name, "state": status.model.state},
        "waiting": status.waiting,
        "without_adapter": [{"channel": name, "adapter": adapter} for name, adapter in status.without_adapter],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "platform": line.ref.channel.platform,
        "message_id": line.ref.message_id,
        "channel": line.channel_name,
        "author": line.author,
        "ts": line.posted_at.isoformat() if line.posted_at else None,
        "permalink": line.permalink,
    }
