"""What fills a database in minutes leaves the rows that archive and indexer leave, but for the vectors."""

import pytest

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.database import Database, drop_database, ensure_database
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation.bulk import fill
from knowledge.evaluation.synthetic import Talk
from knowledge.indexer import Indexer
from knowledge.messages import Posted
from knowledge.models import IndexModels
from tests.fakes.models import WordEmbedding

DIMENSION = 64
# Keys are given out in another order, so rows name each other by what they say.
EVERYTHING = {
    "channel": "SELECT channel_id, name, visibility, live_count, term_count FROM channel",
    "person": "SELECT person_id, name, kind FROM person",
    "message": """
        SELECT c.channel_id, m.message_id, edited_ts, event_ts, body, content_hash, fresh, rev, deleted, p.person_id,
               thread_id, posted_at, seq, permalink, reactions::text, terms
        FROM message m JOIN channel c USING (channel_pk) JOIN person p ON p.person_pk = m.author_pk""",
    "term": "SELECT term, df FROM term",
    "dirty": "SELECT family FROM dirty",
    "unit": """
        SELECT c.channel_id, family, text_hash, u.term_count, starts_at,
               ARRAY(SELECT (m.message_id, l.line_no, begin_char, end_char)::text FROM unit_line l
                     JOIN message m USING (message_pk) WHERE l.unit_pk = u.unit_pk ORDER BY line_no)
        FROM unit u JOIN channel c USING (channel_pk)""",
    "unit_vector": """
        SELECT c.channel_id, u.text_hash, vector_dims(embedding::vector), v.model_pk
        FROM unit_vector v JOIN unit u USING (unit_pk) JOIN channel c ON c.channel_pk = v.channel_pk""",
    "index": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
}
TALK = Talk(500, per_day=300)


def shown(_step, _done, _total):
    """Nobody looks."""


async def everything(database):
    return {name: sorted(map(repr, await database.fetch(statement))) for name, statement in EVERYTHING.items()}


@pytest.fixture
async def filled(server_url, template):
    """A database that was filled at once."""
    url = await ensure_database(server_url, "bulk_filled", template=template)
    async with Database(url, size=2) as database:
        model = await IndexModels(database).register("words", DIMENSION, {})
        yield database, await fill(database, TALK, model, shown)
    await drop_database(server_url, "bulk_filled")


async def test_a_bulk_fill_leaves_the_rows_of_archive_and_indexer(database, filled):
    access, archive = Access(database), Archive(database)
    await access.record_channels(TALK.channels)
    await access.record_people(TALK.people)
    for day in TALK.days():
        await archive.record([Posted(one.message) for one in day])
    indexer = Indexer(database, ModelEmbeddings(WordEmbedding(dimension=DIMENSION)))
    await indexer.drain()
    slowly, (bulk, told) = await everything(database), filled
    at_once = await everything(bulk)
    for name, rows in slowly.items():
        assert at_once[name] == rows, name
    assert told.units == len(slowly["unit"]) > 100
    assert len(slowly["message"]) == TALK.messages


async def test_what_comes_after_a_bulk_fill_gets_keys_of_its_own(filled):
    bulk, told = filled
    indexer = Indexer(bulk, ModelEmbeddings(WordEmbedding(dimension=DIMENSION)))
    more = [one.message for day in Talk(400, seed=8, per_day=350).days() for one in day][350:]
    await Archive(bulk).record([Posted(one) for one in more])
    await indexer.drain()
    [(units,)] = await bulk.fetch("SELECT count(*) FROM unit")
    assert units > told.units
