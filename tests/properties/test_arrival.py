"""Whatever the order in which posts, edits and deletions arrive, the archive and its books end the same (R3)."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.message_table import TOMBSTONE, UPSERT
from tests.talk import channel, deleted, described, said

_fresh = itertools.count()

VERSIONS = [(0, 0, "A"), (1, 10, "B"), (1, 20, "C"), (2, 30, "A"), (2, 40, "B")]
DELETION = len(VERSIONS)
STORIES = [(0, 1, 2), (0, 1, 3), (0, 1, 2, DELETION)]
"""What becomes of a message."""
BODIES = "SELECT message_id, body FROM message JOIN channel USING (channel_pk) WHERE channel_id = %(c)s"
COUNTS_HOLD = """
SELECT c.live_count = count(m.*) AND c.term_count = coalesce(sum(cardinality(m.terms)), 0)
FROM channel c LEFT JOIN message m ON m.channel_pk = c.channel_pk AND NOT m.deleted
WHERE c.channel_id = %(c)s GROUP BY c.channel_pk"""
DRIFT = """
SELECT count(*) FROM term t FULL JOIN
(SELECT w AS term, count(DISTINCT message_pk) AS df FROM message, unnest(terms) w GROUP BY w) d USING (term)
WHERE coalesce(t.df, 0) <> coalesce(d.df, 0)"""


def operation(where, message, kind):
    if kind == DELETION:
        return deleted(message, where)
    edited, event, text = VERSIONS[kind]
    return said(message, text, where=where, edited=edited, event=event, thread="1" if message == "3" else None)


def expected(kinds):
    if not kinds:
        return None
    return None if max(kinds) == DELETION else VERSIONS[max(kinds)][2]


async def wrong(database, where, wanted):
    """How many messages of a channel are not as wanted."""
    found = dict(await database.fetch(BODIES, {"c": where}))
    return sum(found.get(message, "nothing") != text for message, text in wanted.items()) + len(found.keys() - wanted)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_all_arrival_orders_give_one_state(database, data):
    where = f"channel-{next(_fresh)}"
    kinds = st.integers(0, DELETION)
    sent = data.draw(st.lists(st.tuples(st.sampled_from("123"), kinds), min_size=1, max_size=12))
    repeated = data.draw(st.permutations(sent + sent[: len(sent) // 2]))
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    await Access(database).record_channels([described(where)])
    archive = Archive(database)
    stream = iter(repeated)
    for size in itertools.cycle(sizes):
        batch = [operation(where, message, kind) for message, kind in itertools.islice(stream, size)]
        if not batch:
            break
        await archive.record(batch)
    wanted = {message: expected([kind for m, kind in sent if m == message]) for message, _ in sent}
    assert await wrong(database, channel(where).channel_id, wanted) == 0
    assert await database.fetch(COUNTS_HOLD, {"c": where}) == [(True,)]
    assert await database.fetch(DRIFT) == [(0,)]


async def told_in_all_orders(database):
    """Every story in every order, one part of it told twice, each of a message of its own. How many ended wrong."""
    await Access(database).record_channels([described("general")])
    told_twice = [(*story, part) for story in STORIES for part in story]
    orders = sorted({order for story in told_twice for order in itertools.permutations(story)})
    told = {f"order-{number}": order for number, order in enumerate(orders)}
    for step in range(max(map(len, orders))):
        batch = [operation("general", message, order[step]) for message, order in told.items() if step < len(order)]
        await Archive(database).record(batch)
    return await wrong(database, "general", {message: expected(order) for message, order in told.items()})


async def test_the_same_stories_in_all_orders_end_the_same(database):
    assert await told_in_all_orders(database) == 0
    assert await database.fetch(COUNTS_HOLD, {"c": "general"}) == [(True,)]
    assert await database.fetch(DRIFT) == [(0,)]


NAMED = "FROM unnest(%(channels)s::bigint[], %(ids)s::text[]) AS t (channel_pk, message_id)"
THESE = "WHERE (m.channel_pk, m.message_id) = (t.channel_pk, t.message_id)"
RETURNED = "RETURNING m.channel_pk, m.message_id, m.message_pk, m.rev"
EMPTIED = "deleted = true, body = NULL, content_hash = NULL, terms = NULL"
GUARD = "WHERE NOT m.deleted AND (EXCLUDED.edited_ts, EXCLUDED.event_ts) > (m.edited_ts, m.event_ts)"
MUTANTS = {
    "the last to come wins, and the deleted are no more": (
        UPSERT.replace(GUARD, ""),
        f"DELETE FROM message m USING {NAMED.removeprefix('FROM ')} {THESE} {RETURNED}",
    ),
    "the time of the edit alone decides": (
        UPSERT.replace(GUARD, "WHERE NOT m.deleted AND EXCLUDED.edited_ts > m.edited_ts"),
        TOMBSTONE,
    ),
    "the same text is nothing new": (
        UPSERT.replace(GUARD, f"{GUARD} AND m.content_hash IS DISTINCT FROM EXCLUDED.content_hash"),
        TOMBSTONE,
    ),
    "only what is there can be deleted": (
        UPSERT,
        f"UPDATE message m SET {EMPTIED} {NAMED} {THESE} {RETURNED}",
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_careless_archive_would_be_caught(database, monkeypatch, mutant):
    upsert, tombstone = MUTANTS[mutant]
    assert (upsert, tombstone) != (UPSERT, TOMBSTONE)
    monkeypatch.setattr("knowledge.archive.UPSERT", upsert)
    monkeypatch.setattr("knowledge.archive.TOMBSTONE", tombstone)
    assert await told_in_all_orders(database) > 0
