"""The buttons under an answer, and the question after "not helpful", as Discord's JSON. No I/O, never raises."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters import fields
from bot.conversation import Answer, Outcome

HELPFUL, UNHELPFUL, SOURCES, PRIVATE, DELETE = "helpful", "unhelpful", "sources", "private", "delete"
REASON = "reason"
"""What is done with the dialog that asks why an answer did not help."""
ACTIONS = frozenset({HELPFUL, UNHELPFUL, SOURCES, PRIVATE, DELETE, REASON})
COMMENT = "comment"
REASONS = {
    "wrong": "It is wrong",
    "outdated": "It is outdated",
    "missing_source": "A source is missing",
    "unclear": "It is unclear",
    "other": "Something else",
}
RATED = {Outcome.ANSWERED, Outcome.ANSWERED_WITH_WARNING, Outcome.DECLINED}

PREFIX = "lore"
ID_CHARS = 100
COMMENT_CHARS = 500

ACTION_ROW, BUTTON, SELECT, TEXT_INPUT, LABEL = 1, 2, 3, 4, 18
GREY, RED = 2, 4
PARAGRAPH = 2

Component = dict[str, Any]


def answer_buttons(answer: Answer, answer_id: str, *, private: bool) -> list[Component]:
    """What a reader can do with an answer. A refusal has no buttons; a question in return is not rated.

    What is public always offers to answer again for one reader alone: that tells nobody whether there is more to find.
    """
    if answer.outcome is Outcome.REFUSED_LIMIT:
        return []
    buttons = []
    if answer.outcome in RATED:
        buttons += [_button(HELPFUL, "Helpful", answer_id, emoji="👍")]
        buttons += [_button(UNHELPFUL, "Not helpful", answer_id, emoji="👎")]
    if answer.citations:
        buttons += [_button(SOURCES, "Show sources", answer_id)]
    if not private:
        buttons += [_private_button(answer_id)]
    return [_row([*buttons, _button(DELETE, "Delete", answer_id, style=RED)])]


def reason_modal(answer_id: str) -> Component:
    """The dialog that asks why an answer was not helpful. `reason_in` reads what was entered."""
    options = [{"label": label, "value": value} for value, label in REASONS.items()]
    comment = {
        "type": TEXT_INPUT,
        "custom_id": COMMENT,
        "style": PARAGRAPH,
        "max_length": COMMENT_CHARS,
        "required": False,
    }
    return {
        "title": "What was wrong?",
        "custom_id": _custom_id(REASON, answer_id),
        "components": [
            _label("Reason", {"type": SELECT, "custom_id": REASON, "options": options}),
            _label("What should it have said?", comment),
        ],
    }


def reason_in(components: object) -> tuple[str, str]:
    """The reason, one of `REASONS` or "", and the comment that were sent with the dialog."""
    entered = dict(_entered(fields.records(components)))
    reason = entered.get(REASON, "")
    return reason if reason in REASONS else "", entered.get(COMMENT, "")[:COMMENT_CHARS]


def action_of(custom_id: str) -> tuple[str, str] | None:
    """What a button or a dialog of ours does, and the id of the answer it belongs to; None for what is not ours."""
    prefix, _, rest = custom_id.partition(":")
    action, _, answer_id = rest.partition(":")
    return (action, answer_id) if prefix == PREFIX and action in ACTIONS and answer_id else None


def _entered(rows: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, str]]:
    """What each element of a dialog holds, by its id. An element stands in a label or in a row."""
    for row in rows:
        for element in (fields.record(row.get("component")), *fields.records(row.get("components"))):
            chosen = element.get("values")
            first = next((one for one in chosen if isinstance(one, str)), "") if isinstance(chosen, list) else ""
            yield fields.text(element, "custom_id"), fields.text(element, "value") or fields.clean(first)


def _private_button(answer_id: str) -> Component:
    return _button(PRIVATE, "Show me privately", answer_id)


def _button(action: str, label: str, answer_id: str, *, style: int = GREY, emoji: str = "") -> Component:
    button = {"type": BUTTON, "style": style, "label": label, "custom_id": _custom_id(action, answer_id)}
    return button | {"emoji": {"name": emoji}} if emoji else button


def _custom_id(action: str, answer_id: str) -> str:
    return f"{PREFIX}:{action}:{answer_id}"[:ID_CHARS]


def _row(buttons: list[Component]) -> Component:
    return {"type": ACTION_ROW, "components": buttons}


def _label(text: str, component: Component) -> Component:
    return {"type": LABEL, "label": text, "component": component}
