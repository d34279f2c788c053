"""Makes the search terms of every message anew where the rules for them have changed. Killed, the next run goes on."""

from knowledge.database import Connection
from knowledge.ledger import Ledger
from knowledge.lexical import TERM_RULES, term_ids
from knowledge.units import family_of, labelled_line

BATCH = 1_000

MADE_BY = "SELECT version FROM term_rules"
# Who posts or edits waits for the rows of one batch at most.
NEXT = """
SELECT m.message_pk, m.channel_pk, m.message_id, m.body, m.terms, m.thread_id, m.posted_at, m.seq, coalesce(p.name, '')
FROM message m LEFT JOIN person p ON p.person_pk = m.author_pk
WHERE m.message_pk > (SELECT upto FROM term_rules) AND NOT m.deleted
ORDER BY m.message_pk LIMIT %(limit)s FOR UPDATE OF m"""
REPLACE = """
UPDATE message m SET terms = d.terms::integer[]
FROM unnest(%(messages)s::bigint[], %(terms)s::text[]) AS d (message_pk, terms) WHERE m.message_pk = d.message_pk"""
REACHED = "UPDATE term_rules SET upto = %(upto)s"
DONE = "UPDATE term_rules SET version = %(version)s, upto = 0"


async def has_old_terms(connection: Connection) -> bool:
    """Whether an older version made the terms."""
    row = await (await connection.execute(MADE_BY)).fetchone()
    return row is not None and row[0] < TERM_RULES


async def make_terms_anew(connection: Connection) -> None:
    """Until every message has terms by the rules of now. The indexer counts units anew; vectors stay as they are."""
    if not await has_old_terms(connection):
        return
    while await _batch(connection):
        pass
    await connection.execute(DONE, {"version": TERM_RULES})


async def _batch(connection: Connection) -> bool:
    """The next messages, with the books beside them and how far this came, in one transaction."""
    async with connection.transaction():
        rows = await (await connection.execute(NEXT, {"limit": BATCH})).fetchall()
        if not rows:
            return False
        ledger = Ledger()
        made: list[list[int]] = []
        for _, channel_pk, message_id, body, old, thread_id, posted_at, seq, author in rows:
            made.append(term_ids(labelled_line(author, body)) if body else [])
            ledger.replace(channel_pk, old, made[-1])
            ledger.mark(channel_pk, family_of(message_id, thread_id, posted_at, seq))
        arrays = ["{" + ",".join(map(str, terms)) + "}" for terms in made]
        await connection.execute(REPLACE, {"messages": [row[0] for row in rows], "terms": arrays})
        await connection.execute(REACHED, {"upto": rows[-1][0]})
        await ledger.settle(connection)
    return True
