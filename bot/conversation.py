"""What is asked, answered and remembered. No I/O."""

from dataclasses import dataclass, field
from enum import StrEnum

from knowledge.messages import PersonRef
from knowledge.passages import Line
from knowledge.scope import Audience


@dataclass(frozen=True, slots=True)
class Question:
    """One question, from wherever it came.

    `conversation` names the thread or terminal session: memory is kept per conversation and
    audience. `asker` None: the question names no person. `audience` says who will see the answer.
    """

    question_id: str
    text: str
    audience: Audience
    asker: PersonRef | None = None
    conversation: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer as remembered, with the messages the answer used."""

    question: str
    answer: str
    message_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered source of an answer. `quote` is the message's own text, shortened."""

    n: int
    line: Line
    quote: str


class Outcome(StrEnum):
    """How a question ended."""

    ANSWERED = "answered"
    ANSWERED_WITH_WARNING = "answered_with_warning"
    ASKED_BACK = "asked_back"
    DECLINED = "declined"
    REFUSED_LIMIT = "refused_limit"


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens of one answer: in the prompt, of those taken from cache, and newly written."""

    prompt: int = 0
    cached: int = 0
    new: int = 0


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds of each step of one answer."""

    queue: float = 0.0
    memory: float = 0.0
    retrieval: float = 0.0
    prefill: float = 0.0
    generation: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the asker gets. `nearest` and `people` matter when the bot declines."""

    text: str
    outcome: Outcome
    citations: tuple[Citation, ...] = ()
    audience: Audience = field(default_factory=Audience)
    scope_channels: tuple[str, ...] = ()
    nearest: tuple[Line, ...] = ()
    people: tuple[str, ...] = ()
    model: str = ""
    tokens: TokenCounts = field(default_factory=TokenCounts)
    timings: Timings = field(default_factory=Timings)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of the answer's text while it is being written."""

    text: str


AnswerEvent = Fragment | Answer
"""What `Assistant.answer` yields: fragments, then exactly one `Answer`."""
