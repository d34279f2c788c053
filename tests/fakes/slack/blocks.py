"""The limits of Block Kit that an app can break: what Slack would answer `invalid_blocks` to."""

from collections.abc import Iterator
from typing import Any

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
SECTION_CHARS, HEADER_CHARS, FIELD_CHARS, MARKDOWN_CHARS = 3_000, 150, 2_000, 12_000
FIELDS, CONTEXT_ELEMENTS, ACTION_ELEMENTS = 10, 10, 25
BUTTON_CHARS, ACTION_ID_CHARS, BLOCK_ID_CHARS, VALUE_CHARS, URL_CHARS = 75, 255, 255, 2_000, 3_000
_UNCHECKED = frozenset("divider image input rich_text video file table plan task_card".split())
_BUTTONS = frozenset({"button", "icon_button"})


def problems(blocks: Any, *, most: int = MESSAGE_BLOCKS) -> list[str]:
    """What is wrong with blocks, as Slack words it in `response_metadata.messages`; empty when they may be sent."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return ["[ERROR] expected an array of blocks"]
    found = []
    if len(blocks) > most:
        found.append(f"[ERROR] no more than {most} items allowed [json-pointer:/blocks]")
    if sum(len(_text(block)) for block in blocks if block.get("type") == "markdown") > MARKDOWN_CHARS:
        found.append(f"[ERROR] markdown blocks hold more than {MARKDOWN_CHARS} characters")
    ids = [block["block_id"] for block in blocks if block.get("block_id")]
    if len(ids) != len(set(ids)):
        found.append("[ERROR] a block_id stands twice")
    for number, block in enumerate(blocks):
        found += (f"[ERROR] {problem} [json-pointer:/blocks/{number}]" for problem in _block(block))
    return found


def _block(block: dict[str, Any]) -> Iterator[str]:
    yield from _length(str(block.get("block_id", "")), BLOCK_ID_CHARS, "block_id", least=0)
    match block.get("type"):
        case "section":
            yield from _section(block)
        case "header":
            yield from _text_object(block.get("text"), HEADER_CHARS, kinds=("plain_text",))
        case "markdown":
            yield from _length(_text(block), MARKDOWN_CHARS, "text")
        case "context":
            yield from _elements(block, CONTEXT_ELEMENTS)
            for element in block.get("elements", []):
                if element.get("type") != "image":
                    yield from _text_object(element, SECTION_CHARS)
        case "actions" | "context_actions":
            yield from _elements(block, ACTION_ELEMENTS)
            for element in block.get("elements", []):
                yield from _element(element)
        case kind if kind not in _UNCHECKED:
            yield f"unsupported type: {kind}"


def _section(block: dict[str, Any]) -> Iterator[str]:
    fields = block.get("fields", [])
    if "text" in block:
        yield from _text_object(block["text"], SECTION_CHARS)
    elif not fields:
        yield "missing required field: text or fields"
    if len(fields) > FIELDS:
        yield f"no more than {FIELDS} fields allowed"
    for field in fields:
        yield from _text_object(field, FIELD_CHARS)
    if "accessory" in block:
        yield from _element(block["accessory"])


def _element(element: dict[str, Any]) -> Iterator[str]:
    """A button, a pair of feedback buttons, or something we let pass."""
    kind = element.get("type")
    yield from _length(str(element.get("action_id", "")), ACTION_ID_CHARS, "action_id", least=0)
    if kind in _BUTTONS:
        yield from _button(element)
        yield from _length(str(element.get("url", "")), URL_CHARS, "url", least=0)
    elif kind == "feedback_buttons":
        for name in ("positive_button", "negative_button"):
            yield from _button(element.get(name, {}))
    elif kind is None:
        yield "missing required field: type"


def _button(button: dict[str, Any]) -> Iterator[str]:
    yield from _text_object(button.get("text"), BUTTON_CHARS, kinds=("plain_text",))
    yield from _length(str(button.get("value", "")), VALUE_CHARS, "value", least=0)


def _elements(block: dict[str, Any], most: int) -> Iterator[str]:
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= most:
        yield f"between 1 and {most} elements allowed"
    ids = [element["action_id"] for element in elements if element.get("action_id")]
    if len(ids) != len(set(ids)):
        yield "an action_id stands twice in one block"


def _text_object(text: Any, most: int, *, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield f"expected a text object of type {' or '.join(kinds)}"
    else:
        yield from _length(_text(text), most, "text")


def _text(holder: dict[str, Any]) -> str:
    text = holder.get("text")
    return text if isinstance(text, str) else ""


def _length(text: str, most: int, name: str, *, least: int = 1) -> Iterator[str]:
    if len(text) < least:
        yield f"must be more than {least - 1} characters: {name}"
    if len(text) > most:
        yield f"must be less than {most + 1} characters: {name}"
