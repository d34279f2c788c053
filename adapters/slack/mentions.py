"""Who is spoken to in a message. This file performs no I/O and never raises.

What stands in a code span or block speaks to nobody.
"""

import re
from collections.abc import Iterator, Mapping

from adapters import fields
from adapters.naming import without_name
from adapters.slack.identity import Identity
from adapters.slack.text import Names, blocks_text

_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_MENTION = re.compile(r"<@([A-Z0-9]+)(?:\|[^<>]*)?>", re.ASCII)
_CALL = re.compile(r"<!(?:here|channel|everyone|subteam\^)[^<>]*>")
"""Words to many: everybody here, a user group."""
_CONTAINERS = ("text", "fields", "elements")
_NODES = 10_000


def mentioned(raw: Mapping[str, object]) -> tuple[str, ...]:
    """Ids of the people and bots a message mentions, in order.

    Rich text says what is code and what a mention; without it the text is read, and without text the other blocks.
    """
    blocks = fields.records(raw.get("blocks"))
    text = fields.text(raw, "text")
    is_rich = any(block.get("type") == "rich_text" for block in blocks)
    found = _in_text(text) if text.strip() and not is_rich else _in_blocks(blocks)
    return tuple(dict.fromkeys(found))


def spoken_text(raw: Mapping[str, object]) -> str:
    """A message's words as Slack's mrkdwn; of a message without text, its blocks' words with ids for names."""
    text = fields.text(raw, "text")
    return text if text.strip() else blocks_text(raw.get("blocks"), Names())


def question_text(text: str, identity: Identity) -> str:
    """The text without our own name, trimmed; mentions of others stay as they are."""
    if not identity.bot_user_id:
        return text.strip()
    us = re.escape(identity.bot_user_id)
    name = re.compile(rf"<@{us}(?:\|[^<>]*)?>|(?<!\w)@{us}\b")
    return without_name(text, name, _CODE)


def addresses_others(text: str, identity: Identity) -> bool:
    """Whether a message speaks to somebody else, a group or everybody, and not to us."""
    people = set(_in_text(text))
    if identity.bot_user_id in people:
        return False
    return bool(people) or any(_CALL.search(piece) for piece in _CODE.split(text)[::2])


def _in_text(text: str) -> Iterator[str]:
    for piece in _CODE.split(text)[::2]:
        yield from _MENTION.findall(piece)


def _in_blocks(blocks: object) -> Iterator[str]:
    """A stack instead of recursion: blocks may nest as deep as JSON does."""
    stack: list[object] = [blocks]
    for _ in range(_NODES):
        if not stack:
            return
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, dict):
            match fields.text(node, "type"):
                case "rich_text_preformatted":
                    continue
                case "user":
                    user_id = fields.text(node, "user_id")
                    if user_id and not fields.flag(fields.record(node.get("style")), "code"):
                        yield user_id
                case "mrkdwn":
                    yield from _in_text(fields.text(node, "text"))
                case _:
                    stack.extend(node[key] for key in reversed(_CONTAINERS) if key in node)
