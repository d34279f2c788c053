"""Whatever the order in which posts, edits and deletions arrive, the archive and its books end the same."""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.access import Access
from knowledge.archive import Archive
from tests.talk import channel, deleted, described, said

_fresh = itertools.count()

VERSIONS = [(0, 0, "A"), (1, 10, "B"), (1, 20, "C"), (2, 30, "A"), (2, 40, "B")]


def operation(where, message, kind):
    if kind == len(VERSIONS):
        return deleted(message, where)
    edited, event, text = VERSIONS[kind]
    return said(message, text, where=where, edited=edited, event=event, thread="1" if message == "3" else None)


def expected(kinds):
    if not kinds:
        return None
    return None if max(kinds) == len(VERSIONS) else VERSIONS[max(kinds)][2]


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_all_arrival_orders_give_one_state(database, data):
    where = f"channel-{next(_fresh)}"
    kinds = st.integers(0, len(VERSIONS))
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
    rows = await database.fetch(
        "SELECT message_id, body FROM message JOIN channel USING (channel_pk) WHERE channel_id = %(c)s",
        {"c": channel(where).channel_id},
    )
    wanted = {message: expected([kind for m, kind in sent if m == message]) for message, _ in sent}
    assert dict(rows) == wanted
    (counts,) = await database.fetch(
        """SELECT c.live_count = count(m.*) AND c.term_count = coalesce(sum(cardinality(m.terms)), 0)
           FROM channel c LEFT JOIN message m ON m.channel_pk = c.channel_pk AND NOT m.deleted
           WHERE c.channel_id = %(c)s GROUP BY c.channel_pk""",
        {"c": where},
    )
    assert counts[0]
    (drift,) = await database.fetch(
        """SELECT count(*) FROM term t FULL JOIN
           (SELECT w AS term, count(DISTINCT message_pk) AS df FROM message, unnest(terms) w GROUP BY w) d USING (term)
           WHERE coalesce(t.df, 0) <> coalesce(d.df, 0)"""
    )
    assert drift[0] == 0
