"""Who may see little finds as much of it as there is, though the graph holds far more (S4)."""

import random

import pytest

from knowledge.access import Access
from knowledge.database import Database
from knowledge.index import Index
from knowledge.models import IndexModels
from tests.talk import described

SIZE, IN_SCOPE, LIMIT = 3_000, 30, 20
DIMENSION = 32
UNITS = """
INSERT INTO unit (channel_pk, family, text_hash, term_count)
SELECT channel_pk, n::text, decode(lpad(to_hex(n), 8, '0'), 'hex'), 1
FROM unnest(%(channels)s::bigint[]) WITH ORDINALITY AS t (channel_pk, n) RETURNING unit_pk, channel_pk"""
VECTORS = """
INSERT INTO unit_vector (model_pk, unit_pk, channel_pk, embedding)
SELECT %(model)s, unit_pk, channel_pk, embedding::halfvec
FROM unnest(%(units)s::bigint[], %(channels)s::bigint[], %(vectors)s::text[]) AS t (unit_pk, channel_pk, embedding)"""


def numbers(dice):
    return [dice.gauss(0, 1) for _ in range(DIMENSION)]


@pytest.fixture
async def crowd(database, database_url, monkeypatch):
    """Finds, in a small channel beside a large one. The graph is used, though at this size nobody would."""
    monkeypatch.setattr("knowledge.index.EXACT_SCAN_UP_TO", 0)
    dice = random.Random(7)
    [(name,)] = await database.fetch("SELECT current_database()")
    for plan in ("enable_seqscan", "enable_sort"):
        await database.execute(f"ALTER DATABASE {name} SET {plan} = off")
    async with Database(database_url, size=2) as forced:
        await Access(forced).record_channels([described("large"), described("small")])
        await forced.execute("DROP INDEX unit_vector_channel")
        pks = dict(await forced.fetch("SELECT name, channel_pk FROM channel"))
        model = await IndexModels(forced).register("tiny", DIMENSION, {})
        channels = [pks["small"]] * IN_SCOPE + [pks["large"]] * (SIZE - IN_SCOPE)
        dice.shuffle(channels)
        units = await forced.fetch(UNITS, {"channels": channels})
        written = {
            "model": model.model_pk,
            "units": [unit for unit, _ in units],
            "channels": [pk for _, pk in units],
            "vectors": [str(numbers(dice)) for _ in units],
        }
        await forced.execute(VECTORS, written)

        async def found():
            hits = await Index(forced).search_vector([pks["small"]], model.model_pk, numbers(dice), LIMIT)
            return len({hit.unit_pk for hit in hits})

        yield found


async def test_as_much_is_found_as_there_is(crowd):
    assert [await crowd() for _ in range(20)] == [LIMIT] * 20


async def test_a_graph_that_is_filtered_after_the_search_would_be_caught(crowd, monkeypatch):
    monkeypatch.setattr("knowledge.index.SCAN_ON", "SET LOCAL hnsw.iterative_scan = off")
    assert max([await crowd() for _ in range(20)]) < LIMIT
