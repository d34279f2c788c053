"""What is asked, answered and remembered. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from knowledge.messages import ChannelRef, MessageRef, PersonRef
from knowledge.passages import Line
from knowledge.scope import Audience


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something a platform sent, as it sent it. `delivery_id` is the same when it is sent again.

    `kind` is the platform's word for it, such as "event" or "command". This is the only type that holds a raw payload.
    """

    platform: str
    workspace: str
    delivery_id: str
    kind: str
    payload: Mapping[str, object]


class Task(StrEnum):
    """What is wanted of the bot."""

    ANSWER = "answer"
    SUMMARY = "summary"
    PRIVATE = "private"
    """The answer to an earlier question again, from everything that only the asker may read."""
    REFUSAL = "refusal"
    """No answer: the text of the request is the sentence to say."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question taken from a platform, kept until its answer is posted.

    Asked in `channel`, by message `message_id` (or a command's own id), in thread `thread_id` if any: where the answer
    goes. `private`: only the asker will see the answer. `direct`: the channel is a conversation with the bot alone.
    `of_channel`, `of_thread` and `since` say what a summary is of. `reply_to` is the adapter's own: what it needs to
    reach the asker.
    `by_bot`: another bot asks. `awaited`: the platform already shows that an answer is on its way, as after a command.
    """

    answer_id: str
    channel: ChannelRef
    text: str
    asker: PersonRef | None = None
    message_id: str = ""
    thread_id: str | None = None
    task: Task = Task.ANSWER
    private: bool = False
    direct: bool = False
    by_bot: bool = False
    awaited: bool = False
    since: datetime | None = None
    of_channel: ChannelRef | None = None
    of_thread: str | None = None
    reply_to: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """One question, from wherever it came.

    `conversation` names the thread or terminal session: memory is kept per conversation and
    audience. `asker` None: the question names no person. `audience` says who will see the answer.
    `thread`: what was just said where the question was asked, oldest first; it is context even where nothing is kept.
    `asked_in`: the message that asks. It is no source of its own answer.
    `language`: the answer's, as a code such as "de"; "": the question's.
    `adapter`: the LoRA adapter that the model is to answer with; "": the model alone.
    """

    question_id: str
    text: str
    audience: Audience
    asker: PersonRef | None = None
    conversation: str = ""
    thread: tuple[Line, ...] = ()
    language: str = ""
    asked_in: MessageRef | None = None
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer as remembered, with the messages the answer rests on and the one that asked."""

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
class PromptChoice:
    """How long the prompt of an answer was allowed to be, and what of the passages found went into it.

    `why`: `setting`, `default`, `tuned`, `measured` (by the speed of recent answers), `server`, or `context` where that
    allows no more. Speeds are None where none is known.
    """

    budget_tokens: int
    passages_given: int
    passages_left_out: int
    prefill_tokens_per_s: float | None
    decode_tokens_per_s: float | None
    target_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the asker gets. `nearest` and `people` matter when the bot declines.

    `drawn_from`: keys of messages that its text rests on too, though it does not cite them.
    """

    text: str
    outcome: Outcome
    citations: tuple[Citation, ...] = ()
    audience: Audience = field(default_factory=Audience)
    scope_channels: tuple[str, ...] = ()
    nearest: tuple[Line, ...] = ()
    drawn_from: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    model: str = ""
    tokens: TokenCounts = field(default_factory=TokenCounts)
    timings: Timings = field(default_factory=Timings)
    prompt: PromptChoice | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of the answer's text while it is being written."""

    text: str


AnswerEvent = Fragment | Answer
"""What `Assistant.answer` yields: fragments, then exactly one `Answer`."""
