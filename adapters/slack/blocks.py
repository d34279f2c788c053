"""Slack's blocks, the buttons under an answer, and the question after "not helpful". This file performs no I/O.

Text goes into `mrkdwn` objects with `verbatim`: only what stands between "<" and ">" can be a link or a ping there, and
only this package writes those. A `markdown` block would read the model's own text, and what it makes of mentions in it
is not documented.
"""

from typing import Any

from bot.conversation import Answer, Outcome

SECTION_CHARS = 3_000
TEXT_CHARS = 4_000
VALUE_CHARS = 2_000
COMMENT_CHARS = 500

HELPFUL, UNHELPFUL, SOURCES = "lore_helpful", "lore_unhelpful", "lore_sources"
DELETE, PRIVATE = "lore_delete", "lore_private"
REASON_VIEW = "lore_reason"
REASON_BLOCK, REASON_ACTION = "lore_reason_block", "reason"
COMMENT_BLOCK, COMMENT_ACTION = "lore_comment_block", "comment"
REASONS = {
    "wrong": "It is wrong",
    "outdated": "It is outdated",
    "missing_source": "A source is missing",
    "unclear": "It is unclear",
    "other": "Something else",
}
RATED = {Outcome.ANSWERED, Outcome.ANSWERED_WITH_WARNING, Outcome.DECLINED}

Block = dict[str, Any]


def section(text: str) -> Block:
    """A paragraph, shown whole."""
    return {"type": "section", "text": _mrkdwn(text), "expand": True}


def context(text: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [_mrkdwn(text)]}


def answer_buttons(answer: Answer, answer_id: str) -> list[Block]:
    """What a reader can do with an answer. A refusal has no buttons; a question in return can only be deleted."""
    if answer.outcome is Outcome.REFUSED_LIMIT:
        return []
    buttons = []
    if answer.outcome in RATED:
        buttons += [_button(HELPFUL, ":thumbsup: Helpful", answer_id)]
        buttons += [_button(UNHELPFUL, ":thumbsdown: Not helpful", answer_id)]
    if answer.citations:
        buttons += [_button(SOURCES, "Show sources", answer_id)]
    confirm = {
        "title": _plain("Delete this answer?"),
        "text": _plain("It disappears for everybody."),
        "confirm": _plain("Delete"),
        "deny": _plain("Keep"),
        "style": "danger",
    }
    return [{"type": "actions", "elements": [*buttons, _button(DELETE, "Delete", answer_id) | {"confirm": confirm}]}]


def private_button(answer_id: str) -> Block:
    """The way to what only one person may see."""
    return {"type": "actions", "elements": [_button(PRIVATE, "Show me privately", answer_id)]}


def reason_view(answer_id: str) -> Block:
    """The dialog that asks why an answer was not helpful; it carries the answer's id in `private_metadata`."""
    options = [{"text": _plain(label), "value": value} for value, label in REASONS.items()]
    select = {"type": "static_select", "action_id": REASON_ACTION, "options": options}
    comment = {
        "type": "plain_text_input",
        "action_id": COMMENT_ACTION,
        "multiline": True,
        "max_length": COMMENT_CHARS,
    }
    return {
        "type": "modal",
        "callback_id": REASON_VIEW,
        "private_metadata": answer_id,
        "title": _plain("What was wrong?"),
        "submit": _plain("Send"),
        "close": _plain("Cancel"),
        "blocks": [
            {"type": "input", "block_id": REASON_BLOCK, "label": _plain("Reason"), "element": select},
            {
                "type": "input",
                "block_id": COMMENT_BLOCK,
                "label": _plain("What should it have said?"),
                "element": comment,
                "optional": True,
            },
        ],
    }


def _button(action_id: str, label: str, answer_id: str) -> Block:
    return {"type": "button", "action_id": action_id, "text": _plain(label), "value": answer_id[:VALUE_CHARS]}


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": True}
