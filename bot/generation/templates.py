"""Prompt formats of the model families we know. This file performs no I/O.

The template inside a model file is a program of a stranger: it is searched for the family's marks and
never executed. Only what is written here becomes control tokens; what people wrote stays text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.generation.sequence import Segment

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One message of the conversation, as the model will see it."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Family:
    """How a family writes a conversation: what stands before and after each role's text.

    `has_system` False: the family has no such role, and the system text opens the first user turn.
    """

    name: str
    mark: str
    before: dict[Role, str]
    after: dict[Role, str]
    opening: str
    stop: tuple[str, ...]
    has_system: bool = True


CHATML = Family(
    "chatml",
    "<|im_start|>",
    {
        "system": "<|im_start|>system\n",
        "user": "<|im_start|>user\n",
        "assistant": "<|im_start|>assistant\n",
    },
    {"system": "<|im_end|>\n", "user": "<|im_end|>\n", "assistant": "<|im_end|>\n"},
    "<|im_start|>assistant\n",
    ("<|im_end|>", "<|im_start|>"),
)
LLAMA3 = Family(
    "llama3",
    "<|start_header_id|>",
    {
        "system": "<|start_header_id|>system<|end_header_id|>\n\n",
        "user": "<|start_header_id|>user<|end_header_id|>\n\n",
        "assistant": "<|start_header_id|>assistant<|end_header_id|>\n\n",
    },
    {"system": "<|eot_id|>", "user": "<|eot_id|>", "assistant": "<|eot_id|>"},
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ("<|eot_id|>", "<|start_header_id|>"),
)
GEMMA = Family(
    "gemma",
    "<start_of_turn>",
    {"system": "", "user": "<start_of_turn>user\n", "assistant": "<start_of_turn>model\n"},
    {"system": "\n\n", "user": "<end_of_turn>\n", "assistant": "<end_of_turn>\n"},
    "<start_of_turn>model\n",
    ("<end_of_turn>", "<start_of_turn>"),
    has_system=False,
)
MISTRAL = Family(
    "mistral",
    "[INST]",
    {"system": "", "user": "[INST] ", "assistant": " "},
    {"system": "\n\n", "user": " [/INST]", "assistant": "</s>"},
    "",
    ("</s>", "[INST]"),
    has_system=False,
)
FAMILIES = {family.name: family for family in (CHATML, LLAMA3, GEMMA, MISTRAL)}
EMPTY_THOUGHT = "<think>\n\n</think>\n\n"


def family_of(template: str) -> str:
    """The family whose mark stands in a model file's template; chatml when none does."""
    return next((name for name, family in FAMILIES.items() if family.mark in template), CHATML.name)


def asks_for_thought(template: str) -> bool:
    """Whether the model thinks aloud unless its answer begins with an empty thought (Qwen3)."""
    return "enable_thinking" in template


def render(turns: Sequence[ChatTurn], family: str, *, thinks: bool = False) -> tuple[Segment, ...]:
    """The prompt for the next answer of the assistant.

    Shape: control pieces are ours, all others are message text, three pieces to a turn; a system turn
    at the front is therefore the first three.
    """
    form = FAMILIES.get(family, CHATML)
    segments: list[Segment] = []
    for turn in turns if form.has_system else _folded(turns, form):
        segments += [
            Segment(form.before[turn.role], control=True),
            Segment(turn.text.strip()),
            Segment(form.after[turn.role], control=True),
        ]
    segments.append(Segment(form.opening + (EMPTY_THOUGHT if thinks else ""), control=True))
    return tuple(segments)


def static_segments(turns: Sequence[ChatTurn], family: str) -> int:
    """How many pieces at the front of the prompt are the system text, the same for every asker."""
    form = FAMILIES.get(family, CHATML)
    return 3 if form.has_system and turns and turns[0].role == "system" else 0


def _folded(turns: Sequence[ChatTurn], form: Family) -> list[ChatTurn]:
    """The turns without system turns, whose text opens the user turn that follows."""
    folded: list[ChatTurn] = []
    system = ""
    for turn in turns:
        if turn.role == "system":
            system += turn.text.strip() + form.after["system"]
        elif turn.role == "user":
            folded.append(ChatTurn("user", system + turn.text))
            system = ""
        else:
            folded.append(turn)
    return [*folded, ChatTurn("user", system)] if system else folded
