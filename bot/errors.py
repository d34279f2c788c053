"""Errors a person meets. Each owns the sentence that person sees. No I/O.

BotError                    shown in the conversation
├── QuestionEmpty           ask differently
├── QuestionTooLong         ask differently
├── QueueFull               ask later
├── RateLimited             ask later; says when
├── ReadersUnsettled        ask later; who may read what has just been changed
├── AnswerFailed            ask later; the log says why
├── ModelUnavailable        ask later; the operator can mend it
│   ├── PromptQuarantined   ask differently
│   └── AdapterUnusable     the admin can choose another; says why
├── KnowledgeDown           ask later; the operator can mend it
└── KnowledgeRestored       ask later; it is being looked for what was deleted since the backup
StartupError                shown by the command line, with an exit code
├── UsageProblem            2   the command was called with something that cannot be
├── DependencyDown          69  a database, Redis or model that cannot be reached or loaded
└── BadConfiguration        78  a setting, a schema or a model file that cannot be right
"""

from math import ceil

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_DEPENDENCY = 69
EXIT_CONFIGURATION = 78


class BotError(Exception):
    """Something went wrong while answering; please try again."""

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or type(self).__doc__ or "")

    @property
    def sentence(self) -> str:
        """What the asker sees."""
        return str(self)


class QuestionEmpty(BotError):
    """There was no question in that message. Ask me something, for example: why did we choose this database?"""


class QuestionTooLong(BotError):
    """That question is too long for me to read. Please ask it in a few sentences."""


class QueueFull(BotError):
    """I have too many questions waiting right now, so I cannot take this one. Please ask again in a few minutes."""


class ReadersUnsettled(BotError):
    """It has just been changed who may read what here, and I am still taking that in. Please ask again in a minute."""


class RateLimited(BotError):
    """That is more than I can take in a short time, so I left it out."""

    def __init__(self, whose: str, seconds: float, *, is_first: bool = True) -> None:
        """`whose` limit was passed, and how long it lasts. `is_first`: who asked has not heard of it lately."""
        who = {"channel": "People here have", "workspace": "Your team has"}.get(whose, "You have")
        super().__init__(
            f"{who} asked me a lot in a short time, so I left this one out. Please ask again in {_in_words(seconds)}."
        )
        self.seconds = seconds
        self.is_first = is_first


class AnswerFailed(BotError):
    """Something went wrong on my side, so I have no answer for you. Please ask again."""


class ModelUnavailable(BotError):
    """The language model is not available right now. Please try again in a minute."""


class PromptQuarantined(ModelUnavailable):
    """The language model broke down twice over this question and will not get it again. Please ask differently."""


class AdapterUnusable(ModelUnavailable):
    """The LoRA adapter that was chosen here cannot be used."""


class KnowledgeDown(BotError):
    """I cannot reach the message index right now, so I will not guess. Please try again in a minute."""


class KnowledgeRestored(BotError):
    """I was restored from a backup and am checking what was deleted since, so I cannot answer yet. Please ask later."""


class StartupError(Exception):
    """Threadlore cannot start."""

    exit_code = EXIT_FAILED


class UsageProblem(StartupError):
    """The command was called with something that cannot be."""

    exit_code = EXIT_USAGE


class DependencyDown(StartupError):
    """A service or model that Threadlore needs is not available."""

    exit_code = EXIT_DEPENDENCY


class BadConfiguration(StartupError):
    """A setting cannot be right."""

    exit_code = EXIT_CONFIGURATION


def _in_words(seconds: float) -> str:
    """A time to wait, rounded up, so that nobody comes back too early."""
    for length, name in ((3600, "hours"), (60, "minutes")):
        if seconds > 1.5 * length:
            return f"{ceil(seconds / length)} {name}"
    whole = max(ceil(seconds), 1)
    return "1 second" if whole == 1 else f"{whole} seconds"
