"""Prompts such as the bot sends to its model, of a given length, each another one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.generation.chat_model import turn_of
from bot.generation.sequence import Report, Segment
from bot.generation.templates import render, static_segments
from bot.prompts import Count, build
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line

THINGS = ("build", "release", "dashboard", "backup", "login page", "invoice run", "search index", "test machine")
DEEDS = ("was moved to the new server", "failed twice at night", "is slow since the update", "works again")
REASONS = ("the disk was full", "a certificate had run out", "the queue was blocked", "nobody had renewed the licence")
LONGEST = 200
BESIDE = 30  # tokens of the template, the question and the last line, about


async def prompts_of(count: Count, report: Report, number: int, tokens: int) -> list[tuple[Segment, ...]]:
    """So many prompts, each the shortest of at least so many tokens. No two have a line in common."""
    return [_segments(report, await _enough(count, tokens, place * LONGEST), place) for place in range(number)]


def static_of(report: Report) -> int:
    """How many of a prompt's segments are the same in all."""
    return static_segments([turn_of(message) for message in build("", [], ())], report.template)


def _segments(report: Report, lines: Sequence[Line], place: int) -> tuple[Segment, ...]:
    question = f"What happened to the {THINGS[place % len(THINGS)]} number {place}, and why?"
    return render([turn_of(one) for one in build(question, lines, ())], report.template, thinks=report.thinks)


async def _enough(count: Count, tokens: int, begin: int) -> list[Line]:
    lines: list[Line] = []
    while len(lines) < LONGEST:
        lines.append(_line(begin + len(lines) + 1))
        whole = "".join(str(message.content) for message in build("What happened, and why?", lines, ()))
        if (await count([whole]))[0] >= tokens - BESIDE:
            break
    return lines


def _line(n: int) -> Line:
    where = ChannelRef("bench", "bench", "general")
    text = f"The {THINGS[n % 8]} {DEEDS[n % 4]}; {REASONS[n // 2 % 4]}, as the log of machine {n * 37 % 101} shows."
    said_at = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(hours=n)
    return Line(n, 1, MessageRef(where, str(n)), n, "general", "", text, said_at, "", 1 / n)
