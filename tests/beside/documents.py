"""What the other ways are given: what Threadlore stored of a question set, a message or a unit for each document."""

from dataclasses import dataclass
from hashlib import sha256

from knowledge.units import labelled_line

MESSAGES = """
SELECT m.message_id, c.name, coalesce(p.name, ''), m.body
FROM message m JOIN channel c USING (channel_pk) LEFT JOIN person p ON p.person_pk = m.author_pk
WHERE NOT m.deleted AND m.body <> '' ORDER BY m.message_pk"""
UNITS = """
SELECT u.text_hash, c.name, u.starts_at AT TIME ZONE 'UTC', array_agg(m.message_id ORDER BY l.line_no),
       array_agg(coalesce(p.name, '') ORDER BY l.line_no),
       array_agg(substr(m.body, l.begin_char + 1, l.end_char - l.begin_char) ORDER BY l.line_no)
FROM unit u JOIN channel c USING (channel_pk) JOIN unit_line l USING (unit_pk) JOIN message m USING (message_pk)
LEFT JOIN person p ON p.person_pk = m.author_pk
GROUP BY u.unit_pk, c.name ORDER BY u.unit_pk"""


@dataclass(frozen=True)
class Document:
    """A text, the channel it stands in, and the messages that it is made of. `signed`: with who said it."""

    text: str
    channel: str
    messages: tuple[str, ...]
    signed: str


async def messages_of(database):
    """A document for each message: its text alone, as it is usually done."""
    rows = await database.fetch(MESSAGES)
    return [Document(text, channel, (key,), labelled_line(author, text)) for key, channel, author, text in rows]


async def units_of(database):
    """A document for each unit: the very text that our embedding model reads."""
    return [_unit(*row) for row in await database.fetch(UNITS)]


def _unit(text_hash, channel, starts_at, keys, authors, texts):
    header = f"#{channel}" + (f", {starts_at:%Y-%m-%d}" if starts_at else "")
    lines = [labelled_line(author, text) for author, text in zip(authors, texts, strict=True)]
    text = "\n".join([header, *lines])
    if sha256(text.encode("utf-8", "surrogatepass")).digest() != text_hash:
        raise AssertionError("a unit is put together otherwise than knowledge.units does it now")
    return Document(text, channel, tuple(dict.fromkeys(keys)), text)
