"""Who is spoken to in a message. This file performs no I/O and never raises.

What stands in a code span or block speaks to nobody. Ids are Discord's, as strings of digits.
"""

import re
from collections.abc import Collection, Mapping

from adapters import fields
from adapters.naming import without_name

_CODE = re.compile(r"(```.*?```|``.+?``|`[^`\n]+`)", re.DOTALL)
_PERSON = re.compile(r"<@!?(\d{1,20})>", re.ASCII)
_ROLE = re.compile(r"<@&(\d{1,20})>", re.ASCII)
_EVERYBODY = re.compile(r"@(?:everyone|here)\b")


def question_text(content: str, bot_id: str, bot_role_ids: Collection[str] = ()) -> str:
    """The words without our own name or our role's, trimmed; mentions of others stay as they are."""
    ours = [f"@!?{re.escape(bot_id)}"] if bot_id else []
    ours += [f"@&{re.escape(role_id)}" for role_id in bot_role_ids if role_id]
    if not ours:
        return content.strip()
    name = re.compile(f"<(?:{'|'.join(ours)})>")
    return without_name(content, name, _CODE)


def addresses_us(record: Mapping[str, object], bot_id: str, role_ids: Collection[str] = ()) -> bool:
    """Whether a message names us or our own role. One that Discord found and we cannot see is believed."""
    content = fields.text(record, "content")
    if bot_id in _found(_PERSON, content) or any(role in role_ids for role in _found(_ROLE, content)):
        return True
    return bot_id in fields.record(record.get("mentions")) and not record.get("reply_to")


def replies_to_us(record: Mapping[str, object], bot_id: str) -> bool:
    """Whether it answers a message of ours, and Discord told us so: then we are mentioned without being named."""
    return bool(record.get("reply_to")) and bot_id in fields.record(record.get("mentions"))


def addresses_others(record: Mapping[str, object], bot_id: str, role_ids: Collection[str] = ()) -> bool:
    """Whether a message speaks to somebody else, a role or everybody, and does not name us."""
    if addresses_us(record, bot_id, role_ids):
        return False
    content = fields.text(record, "content")
    people = {*_found(_PERSON, content), *fields.record(record.get("mentions"))} - {bot_id}
    return bool(people or _found(_ROLE, content) or _found(_EVERYBODY, content))


def _found(pattern: re.Pattern[str], content: str) -> set[str]:
    return {found for piece in _CODE.split(content)[::2] for found in pattern.findall(piece)}
