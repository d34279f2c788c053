"""What can go wrong with a model on a server, and the sentence that tells the operator what to do. No I/O.

None of them repeats what the server said: it may repeat the key, or the question.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from bot.errors import BotError, ModelUnavailable, QuestionTooLong

log = structlog.get_logger()

AWAY = "The model server cannot be reached. Is it running, and is its address in the settings right?"
LATE = "The model server did not answer in time."
KEY = "The model server refuses the key. Check the API key in the settings."
NAME = "The model server knows no such model or address. Check the model's name and the address, which ends in /v1."
BUSY = "The model server has more to do than it can, and refused this too. Please try again in a minute."
REFUSED = "The model server refused the request (HTTP {status}). Check that the model's name is right and takes chat."
BROKEN = "The model server failed over the request (HTTP {status}). Its own log says why."
UNREADABLE = "What the model server sends cannot be read. Is its address in the settings the one that ends in /v1?"
BROKE_OFF = "The model server broke off before the answer was complete."
NOTHING = (
    "The model server sent no answer. Does its address in the settings end in /v1, and can it hold prompts as long as "
    "THREADLORE_MODEL__PROMPT_TOKENS allows?"
)
TOO_MANY, LAST_REFUSAL = 429, 499


class BrokeOff(ModelUnavailable):
    """The connection ended before the answer did, or could not be made: another try may help."""

    def __init__(self, sentence: str = BROKE_OFF) -> None:
        super().__init__(sentence)


@contextmanager
def reached_server() -> Iterator[None]:
    """Turns whatever the OpenAI client raises, of any server's words, into an error of ours, the cause kept."""
    try:
        yield
    except BotError:
        raise
    # Of garbage, the client and LangChain raise whatever their code stumbles over.
    except Exception as error:
        fault = fault_of(error)
        log.warning("model_server_failed", fault=str(fault), error=type(error).__name__)
        raise fault from error


def fault_of(error: Exception) -> BotError:
    """The error of ours for one of the client's."""
    from langchain_core.exceptions import ContextOverflowError
    from openai import APIConnectionError, APIError, APIResponseValidationError, APIStatusError, APITimeoutError

    match error:
        case ContextOverflowError():
            return QuestionTooLong()
        case APITimeoutError() | TimeoutError():
            return ModelUnavailable(LATE)
        case APIStatusError():
            return _refusal(error.status_code, str(error))
        case APIConnectionError() | OSError():
            return BrokeOff(AWAY)
        case APIError() if not isinstance(error, APIResponseValidationError):  # told in the midst of a stream
            return BrokeOff()
        case _:
            return ModelUnavailable(UNREADABLE)


def _refusal(status: int, words: str) -> BotError:
    match status:
        case 401 | 403:
            return ModelUnavailable(KEY)
        case 404 | 405:
            return ModelUnavailable(NAME)
        case 400 | 413 if "context" in words.lower():
            return QuestionTooLong()
        case _ if status == TOO_MANY:
            return ModelUnavailable(BUSY)
        case _ if status <= LAST_REFUSAL:
            return ModelUnavailable(REFUSED.format(status=status))
        case _:
            return ModelUnavailable(BROKEN.format(status=status))
