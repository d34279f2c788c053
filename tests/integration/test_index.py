"""Cutting, embedding and searching on a real PostgreSQL with pgvector."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from knowledge import retriever
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.embeddings import ModelEmbeddings
from knowledge.errors import EmbeddingUnavailable, IndexMismatch, KnowledgeUnavailable
from knowledge.followup import Exchange
from knowledge.index import Index
from knowledge.indexer import Indexer
from knowledge.jobs import Jobs
from knowledge.lexical import term_ids
from knowledge.messages import Visibility
from knowledge.models import IndexModels
from knowledge.ranking import Switches
from knowledge.reranking import Reranking
from knowledge.retriever import ScopedRetriever, Search, passage_of
from knowledge.scope import Audience, Scope
from tests.fakes.models import Mirrored, WordEmbedding
from tests.fakes.reranker import FakeReranker
from tests.talk import START, channel, deleted, described, said

LATEST = "SELECT model_pk, name, dimension, state, source FROM embedding_model ORDER BY model_pk DESC LIMIT 1"


class World:
    """A small index with everything around it."""

    def __init__(self, database, model):
        self.database = database
        self.model = model
        self.embeddings = ModelEmbeddings(model)
        self.archive = Archive(database)
        self.access = Access(database)
        self.indexer = Indexer(database, self.embeddings)
        self.models = IndexModels(database)
        self.search = Search(Index(database), self.models, {self.embeddings.name: self.embeddings})

    async def say(self, *changes):
        await self.archive.record(changes)

    async def found(self, query, *channels, **options):
        scope = await self.scope(*channels)
        passages = await self.search.passages(query, scope, **options)
        return [[line.ref.message_id for line in passage.lines] for passage in passages]

    async def scope(self, *channels):
        everything = await self.access.scope_for(Audience(), None)
        pairs = list(zip(everything.channel_pks, everything.channel_names, strict=True))
        chosen = [(pk, name) for pk, name in pairs if not channels or name in channels]
        return Scope(Audience(), tuple(pk for pk, _ in chosen), tuple(name for _, name in chosen))


@pytest.fixture
async def world(database):
    world = World(database, WordEmbedding())
    await world.access.record_channels([described("general"), described("board", Visibility.PRIVATE)])
    return world


async def test_words_are_found_before_anything_is_embedded(world):
    await world.say(said("1", "we drop Kafka"))
    assert await world.found("Kafka") == [["1"]]
    assert world.model.texts == []


async def test_a_thread_becomes_one_passage(world):
    await world.say(said("1", "Kafka?"), said("2", "too heavy", thread="1", minute=500), said("3", "lunch", minute=900))
    await world.indexer.drain()
    assert await world.found("Kafka", limit=1) == [["1", "2"]]


async def test_a_word_that_is_common_elsewhere_brings_what_holds_it_in_a_narrow_scope(world, monkeypatch):
    monkeypatch.setattr(retriever, "CANDIDATES", 2)
    elsewhere = [said(str(number), f"the kettle boils {'kafka' * (number < 3)}") for number in range(1, 8)]
    await world.say(*elsewhere, said("b", "the kettle is green", where="board"))
    assert await world.found("kafka kettle", "board") == [["b"]]


async def test_an_edited_message_is_found_whole_before_it_is_cut_again(world):
    await world.say(said("1", "Kafka?"), said("2", "no", thread="1", minute=1))
    await world.indexer.drain()
    await world.say(said("2", "no, we moved everything to the cellar broker", thread="1", minute=1, edited=1))
    passages = await world.search.passages("cellar broker", await world.scope())
    assert passages[0].lines[0].text == "no, we moved everything to the cellar broker"
    passages = await world.search.passages("Kafka", await world.scope())
    assert [line.text for passage in passages for line in passage.lines if line.ref.message_id == "1"] == ["Kafka?"]
    await world.indexer.drain()
    assert await world.found("cellar broker") == [["1", "2"]]


async def test_a_message_without_text_is_found_by_nobodys_name(world):
    await world.say(said("1", "Kafka", who="tamarind"), said("2", "", who="tamarind", minute=1))
    assert await world.found("what did tamarind say") == [["1"]]
    await world.indexer.drain()
    assert await world.found("what did tamarind say") == [["1"]]


async def test_a_unit_that_is_cut_anew_while_it_is_searched_is_found(world, monkeypatch):
    await world.say(said("1", "the olive press stands behind the mill"))
    await world.indexer.drain()
    search_text = Index.search_text

    async def overtaken(index, *rest):
        hits = await search_text(index, *rest)
        await world.say(said("2", "and the wagon beside it", minute=1))
        await world.indexer.drain()
        return hits

    monkeypatch.setattr(Index, "search_text", overtaken)
    [passage] = await world.search.passages("where is the olive press?", await world.scope())
    assert passage.coverage == 1.0
    assert [line.ref.message_id for line in passage.lines] == ["1"]


@pytest.mark.parametrize("dense", [True, False])
async def test_a_question_that_is_kept_already_changes_nothing_about_what_is_found(world, dense):
    await world.say(said("1", "the olive press stands behind the mill"), said("2", "lunch?", minute=600))
    await world.indexer.drain()
    asked = said("3", "where does the olive press stand, and the wagon?", minute=601)
    question = asked.message
    options = {"switches": Switches(dense=dense), "asked_in": question.ref}
    before = await world.search.passages(question.text, await world.scope(), **options)
    await world.say(asked)
    for _ in range(2):
        after = await world.search.passages(question.text, await world.scope(), **options)
        shown = [
            [
                (
                    passage.coverage,
                    passage.cosine,
                    [line.text for line in passage.lines if line.ref != question.ref],
                )
                for passage in passages
                if passage.lines[0].ref.message_id == "1"
            ]
            for passages in (before, after)
        ]
        assert shown[0] == shown[1]
        assert shown[0]
        await world.indexer.drain()
    counted = await world.search.passages(question.text, await world.scope(), switches=Switches(dense=dense))
    assert counted[0].lines[-1].ref == question.ref


async def test_only_changed_texts_are_embedded_again(world):
    await world.say(said("1", "Kafka"), said("2", "lunch", minute=60))
    await world.indexer.drain()
    assert len(world.model.texts) == 2
    await world.say(said("2", "dinner", minute=60, edited=1))
    await world.indexer.drain()
    assert len(world.model.texts) == 3
    assert "dinner" in world.model.texts[-1]
    await world.say(said("2", "dinner", minute=60, edited=2))
    await world.indexer.drain()
    assert len(world.model.texts) == 3


async def test_an_edit_is_found_by_its_new_words_at_once_and_never_shown_in_the_old(world):
    await world.say(said("1", "we use Kafka"))
    await world.indexer.drain()
    await world.say(said("1", "we use Postgres", edited=1))
    assert await world.found("Postgres", switches=Switches(dense=False)) == [["1"]]
    passages = await world.search.passages("Kafka", await world.scope())
    assert all("Kafka" not in line.text for passage in passages for line in passage.lines)


async def test_a_deleted_message_and_its_vector_are_gone_at_once(world):
    await world.say(said("1", "secret canary"), said("2", "plain", minute=1))
    await world.indexer.drain()
    await world.say(deleted("1"))
    assert await world.database.fetch("SELECT count(*) FROM unit_vector") == [(0,)]
    assert await world.found("secret canary") == []
    await world.indexer.drain()
    assert await world.found("plain") == [["2"]]


async def test_a_deletion_while_embedding_is_not_undone_by_the_late_write(world, database):
    await world.say(said("1", "secret canary"), said("2", "plain", minute=1))
    embed = world.model.embed_passages

    async def slow(texts):
        world.model.embed_passages = embed
        await Archive(database).record([deleted("1")])
        return await embed(texts)

    world.model.embed_passages = slow
    await world.indexer.drain()
    kept = await database.fetch("SELECT m.message_id FROM unit_line JOIN message m USING (message_pk)")
    assert kept == [("2",)]
    assert await world.indexer.waiting() == 0


async def test_scope_stands_in_both_searches(world):
    await world.say(said("1", "budget for ovens"), said("2", "budget for layoffs", where="board"))
    await world.indexer.drain()
    for switches in (Switches(dense=False), Switches(lexical=False)):
        assert await world.found("budget layoffs", "general", switches=switches) == [["1"]]
    nothing = Scope(Audience(), (), ())
    assert await world.search.passages("budget", nothing) == []


async def test_each_statement_holds_the_scope_by_itself(world, database, monkeypatch):
    """One wall behind another hides a missing one: each is tried alone."""
    await world.say(said("1", "budget for ovens"), said("2", "budget for layoffs", where="board"))
    await world.indexer.drain()
    index, scope = Index(database), (await world.scope("general")).channel_pks
    rows = await database.fetch("SELECT message_id, message_pk FROM message ORDER BY message_id")
    (_, open_pk), (_, closed_pk) = rows
    hits = await index.search_text(scope, term_ids("budget"), 10)
    assert [hit.message_pk for hit in hits] == [open_pk]
    units = dict(await database.fetch("SELECT message_pk, unit_pk FROM unit_line"))
    active = await world.models.active()
    assert active is not None
    vector = await world.embeddings.aembed_query("budget layoffs")
    for most in (20_000, 0):
        monkeypatch.setattr("knowledge.index.EXACT_SCAN_UP_TO", most)
        near = await index.search_vector(scope, active.model_pk, vector, 10)
        assert [hit.unit_pk for hit in near] == [units[open_pk]]
    lines = await index.lines(scope, list(units.values()), [open_pk, closed_pk])
    assert set(lines) == {units[open_pk], -open_pk}
    assert await index.still_true(scope, [f"{open_pk}:1", f"{closed_pk}:1"]) == {f"{open_pk}:1"}


async def test_the_retriever_demands_a_scope_and_yields_passages(world):
    await world.say(said("1", "we drop Kafka"))
    with pytest.raises(ValueError, match="scope"):
        ScopedRetriever(search=world.search)
    (document,) = await ScopedRetriever(search=world.search, scope=await world.scope()).ainvoke("Kafka")
    assert passage_of(document).lines[0].permalink == "https://tidepool.example/general/1"
    assert document.metadata["message_ids"] == ["1"]


async def test_without_the_embedding_model_words_still_find(world):
    await world.say(said("1", "we drop Kafka"))
    await world.indexer.drain()
    world.model.is_away = True
    assert await world.found("Kafka") == [["1"]]


async def test_an_outage_of_the_model_costs_no_family_its_tries(world, database):
    await world.say(said("1", "Kafka"))
    world.model.is_away = True
    for _ in range(7):
        with pytest.raises(EmbeddingUnavailable):
            await world.indexer.index_batch()
    world.model.is_away = False
    await world.indexer.drain()
    assert await database.fetch("SELECT count(*) FROM unit") == [(1,)]


async def test_a_text_the_model_cannot_take_does_not_hold_up_the_others(world, database):
    await world.say(
        *(said(str(n), f"good {n}", minute=n * 1500) for n in range(9)), said("9", "poison", minute=9 * 1500)
    )
    world.model.poison = "poison"
    for _ in range(8):
        await world.indexer.index_batch()
    assert await database.fetch("SELECT count(*) FROM unit_vector") == [(9,)]
    assert await database.fetch("SELECT family, tries FROM unit JOIN unit_failure USING (unit_pk)") == [
        ("day:2026-03-11", 5)
    ]
    assert await database.fetch("SELECT * FROM dirty") == []


async def test_a_text_that_fails_is_sent_five_times_once_with_others_then_alone(world):
    sent = []
    take = world.model.embed_passages

    async def listening(texts):
        sent.append([text for text in texts if "hello" not in text])
        return await take(texts)

    world.model.embed_passages = listening
    world.model.poison = "poison"
    await world.say(said("1", "poison"), *(said(str(n), f"good {n}", minute=n * 10) for n in range(2, 6)))
    await world.indexer.drain()
    bad = [texts for texts in sent if any("poison" in text for text in texts)]
    assert [len(texts) for texts in bad] == [5, 1, 1, 1, 1]


async def test_a_text_that_failed_and_is_taken_after_all_has_its_vector_and_no_blame(world, database):
    await world.say(said("1", "poison"))
    world.model.poison = "poison"
    await world.indexer.index_batch()
    assert await database.fetch("SELECT tries FROM unit_failure") == [(1,)]
    world.model.poison = None
    await world.indexer.drain()
    assert await database.fetch("SELECT * FROM unit_failure") == []
    assert await world.found("poison", switches=Switches(lexical=False)) == [["1"]]


async def test_a_cancelled_order_does_not_forget_a_text_that_waits_for_its_next_try(world, database):
    await world.say(said("1", "poison"))
    world.model.poison = "poison"
    await world.indexer.drain()
    ordered = await Jobs(database).reindex(channel("general"), since=None, full=False)
    assert ordered is not None
    await world.indexer.index_batch()
    assert await Jobs(database).cancel(ordered[0])
    await world.indexer.drain()
    assert await database.fetch("SELECT tries FROM unit_failure") == [(5,)]


async def test_an_indexer_told_to_stop_gives_back_what_it_holds(world, database):
    """At each of its steps: what it leaves leased is not searched until the lease ends."""
    await world.say(*(said(str(n), f"text {n}", minute=n * 1500) for n in range(40)))
    interrupted = 0
    for milliseconds in itertools.count():
        working = asyncio.create_task(world.indexer.index_batch())
        await asyncio.sleep(milliseconds / 1000)
        finished = working.done()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        held = await database.fetch("SELECT family FROM dirty WHERE lease_until > now() OR tries > 0")
        assert held == [], f"stopped after {milliseconds} ms"
        interrupted += not finished
        if finished:
            break
    assert interrupted > 3


async def test_a_lease_is_renewed_while_the_model_works(world, database, monkeypatch):
    monkeypatch.setattr("knowledge.indexer.LEASE_SECONDS", 0.3)
    await world.say(said("1", "slow"))
    world.model.delay_seconds = 1.0
    working = asyncio.create_task(world.indexer.index_batch())
    await asyncio.sleep(0.7)
    assert await Indexer(database, world.embeddings).index_batch() == 0
    assert await working == 1


async def test_two_indexers_share_the_work(world, database):
    await world.say(*(said(str(n), f"text {n}", minute=n * 1500) for n in range(40)))
    other = Indexer(database, world.embeddings)
    while await world.indexer.index_batch() + await other.index_batch():
        pass
    assert sorted(world.model.texts) == sorted(set(world.model.texts))
    assert len(world.model.texts) == 40


async def test_another_model_builds_a_second_index_and_takes_over_when_complete(world, database):
    await world.say(*(said(str(n), f"text {n}", minute=n * 1500) for n in range(20)))
    await world.indexer.drain()
    successor = WordEmbedding("other", 2048)
    indexer = Indexer(database, ModelEmbeddings(successor))
    assert (await indexer.register()).state == "building"
    await indexer.index_batch()
    active = await world.models.active()
    assert active is not None
    assert active.name == "words"
    assert await world.found("text 3", switches=Switches(lexical=False), limit=1) == [["3"]]
    await indexer.drain()
    active = await world.models.active()
    assert active is not None
    assert (active.name, active.dimension) == ("other", 2048)
    assert await database.fetch("SELECT count(DISTINCT model_pk), count(*) FROM unit_vector") == [(1, 20)]
    search = Search(Index(database), world.models, {"other": ModelEmbeddings(successor)})
    passages = await search.passages("text 3", await world.scope(), switches=Switches(lexical=False), limit=1)
    assert passages[0].lines[0].ref.message_id == "3"


async def found_while_another_model_is_built(world):
    """Of twenty messages, how many are found by meaning: before it is complete, and after."""
    words = [letter * 7 for letter in "abcdefghijklmnopqrst"]
    await world.say(*(said(word, word, minute=n * 1500) for n, word in enumerate(words)))
    await world.indexer.drain()
    successor = ModelEmbeddings(Mirrored("other"))
    indexer = Indexer(world.database, successor)
    at_hand = {world.embeddings.name: world.embeddings, successor.name: successor}
    search, scope = Search(Index(world.database), world.models, at_hand), await world.scope()

    async def found():
        count = 0
        for word in words:
            passages = await search.passages(word, scope, switches=Switches(lexical=False), limit=1)
            count += [line.text for one in passages for line in one.lines] == [word]
        return count

    await indexer.index_batch()
    assert 0 < await indexer.waiting() < 20
    meanwhile = await found()
    await indexer.drain()
    return meanwhile, await found()


async def test_everything_is_found_while_another_model_is_built_and_after(world):
    assert await found_while_another_model_is_built(world) == (20, 20)


async def test_switching_to_another_model_before_it_is_complete_would_be_caught(world, monkeypatch):
    monkeypatch.setattr("knowledge.models.ACTIVE", LATEST)
    meanwhile, after = await found_while_another_model_is_built(world)
    assert meanwhile < after == 20


async def test_comparing_vectors_of_two_models_would_be_caught(world, monkeypatch):
    sound = Search._near

    async def near(search, wanted):
        active = await sound(search, wanted)
        latest = list(search._embeddings.values())[-1]
        return active and (active[0], await latest.aembed_query(wanted.texts[0]))

    monkeypatch.setattr(Search, "_near", near)
    meanwhile, after = await found_while_another_model_is_built(world)
    assert meanwhile < after == 20


async def test_a_model_takes_over_without_the_texts_that_it_fails_on(world, database):
    await world.say(said("1", "poison"), *(said(str(n), f"text {n}", minute=n * 10) for n in range(2, 9)))
    await world.indexer.drain()
    successor = WordEmbedding("other", 2048)
    successor.poison = "poison"
    await Indexer(database, ModelEmbeddings(successor)).drain()
    active = await world.models.active()
    assert active is not None
    assert active.name == "other"
    assert await database.fetch("SELECT count(*) FROM unit_vector") == [(7,)]
    assert [one.parked for one in await Jobs(database).channels()] == [0, 1]


async def test_what_the_former_model_failed_on_is_forgotten_with_it(world, database):
    await world.say(said("1", "poison"))
    world.model.poison = "poison"
    await world.indexer.drain()
    await Indexer(database, ModelEmbeddings(WordEmbedding("other", 2048))).drain()
    assert await database.fetch("SELECT count(*) FROM unit_vector") == [(1,)]
    assert await database.fetch("SELECT * FROM unit_failure") == []


async def test_a_model_may_not_change_its_dimension(world, database):
    await world.indexer.register()
    with pytest.raises(IndexMismatch, match="another name"):
        await Indexer(database, ModelEmbeddings(WordEmbedding("words", 8))).register()


async def test_reindex_orders_every_family_and_full_embeds_again(world, database):
    await world.say(said("1", "Kafka"), said("2", "late", thread="1"), said("3", "alone", minute=None, seq=401))
    await world.say(said("4", "undated", minute=None))
    await world.indexer.drain()
    families = {row[0] for row in await database.fetch("SELECT DISTINCT family FROM unit")}
    ordered = await Jobs(database).reindex(channel("general"), since=None, full=True)
    assert ordered is not None
    marked = {row[0] for row in await database.fetch("SELECT family FROM dirty")}
    assert families <= marked
    embedded = len(world.model.texts)
    await world.indexer.drain()
    assert len(world.model.texts) == 2 * embedded
    (job,) = await Jobs(database).jobs()
    assert (job.state, job.left) == ("done", 0)


async def test_a_cancelled_order_keeps_what_changed_meanwhile(world, database):
    await world.say(said("1", "Kafka"), said("2", "lunch", minute=3000))
    await world.indexer.drain()
    ordered = await Jobs(database).reindex(channel("general"), since=None, full=False)
    assert ordered is not None
    await world.say(said("1", "Postgres", edited=1))
    assert await Jobs(database).cancel(ordered[0])
    assert await database.fetch("SELECT family FROM dirty") == [("day:2026-03-02",)]
    assert not await Jobs(database).cancel(ordered[0])


async def test_a_large_scope_goes_through_the_graph_and_misses_nothing(world, monkeypatch):
    texts = (f"text {'abcdefg'[n % 7] * 3} {'klmnopqrstu'[n % 11] * 3} {'vwxyz'[n % 5] * 3}" for n in range(60))
    await world.say(*(said(str(n), text, minute=n * 1500) for n, text in enumerate(texts)))
    await world.indexer.drain()
    exact = await world.found("text ccc nnn", switches=Switches(lexical=False), limit=10)
    monkeypatch.setattr("knowledge.index.EXACT_SCAN_UP_TO", 1)
    graph = await world.found("text ccc nnn", switches=Switches(lexical=False), limit=10)
    assert len(graph) == len(exact) == 10
    assert len({m for unit in graph for m in unit} & {m for unit in exact for m in unit}) >= 9


async def test_the_service_outlives_an_outage(world, monkeypatch):
    await world.say(said("1", "Kafka"))
    fetch, failures = world.database.fetch, []

    async def away_twice(*arguments):
        if len(failures) < 2:
            failures.append(1)
            raise KnowledgeUnavailable("away")
        return await fetch(*arguments)

    monkeypatch.setattr(world.database, "fetch", away_twice)
    task = asyncio.create_task(world.indexer.run(idle_seconds=0.01))
    async with asyncio.timeout(10):
        while not world.model.texts:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(failures) == 2


async def test_what_was_said_at_the_time_asked_about_comes_first(world):
    day = 24 * 60
    await world.say(said("before", "we froze the brioche firmware for a release", minute=-7 * day))
    await world.say(said("then", "we froze the brioche firmware", minute=2 * day))
    await world.indexer.drain()
    asked = {"now": START + timedelta(days=8)}  # a Tuesday: last week ended two days ago
    assert (await world.found("when did we freeze the brioche firmware for a release?", **asked))[0] == ["before"]
    assert (await world.found("did we freeze the brioche firmware for a release last week?", **asked))[0] == ["then"]


async def test_talk_of_the_time_asked_about_is_found_though_others_are_nearer(world, monkeypatch):
    monkeypatch.setattr(retriever, "VECTOR_HITS", 3)
    await world.say(*(said(f"n{i}", f"brioche firmware note {i}", minute=(-90 + i) * 24 * 60) for i in range(6)))
    await world.say(said("then", "Marigold swapped the probes", minute=2 * 24 * 60))
    await world.indexer.drain()
    asked = {"now": START + timedelta(days=8)}
    assert ["then"] in await world.found("brioche firmware last week?", **asked)
    assert ["then"] not in await world.found("brioche firmware?", **asked)
    monkeypatch.setattr(retriever, "OF_THEN", 0)
    assert ["then"] not in await world.found("brioche firmware last week?", **asked)


def with_reranker(world, model, **more):
    """The same index, searched with a reranker."""
    at_hand = {world.embeddings.name: world.embeddings}
    world.search = Search(Index(world.database), world.models, at_hand, Reranking(model, **more))


async def test_a_reranker_turns_the_order_round(world):
    await world.say(said("1", "kafka kafka"), said("2", "kafka is the boat of Ann", minute=500))
    await world.indexer.drain()
    plain = await world.found("kafka")
    model = FakeReranker(lambda _query, text: len(text))
    with_reranker(world, model)
    assert plain == [["1"], ["2"]]
    assert await world.found("kafka") == [["2"], ["1"]]
    assert await world.found("kafka", switches=Switches(rerank=False)) == plain
    assert model.asked == [("kafka", ("quince: kafka kafka", "quince: kafka is the boat of Ann"))]


async def test_lines_are_ranked_by_what_the_reranker_said_of_their_passage(world):
    await world.say(said("1", "kafka kafka"), said("2", "kafka is the boat of Ann", minute=500))
    await world.indexer.drain()
    with_reranker(world, FakeReranker(lambda _query, text: float("boat" in text)))
    best, worst = await world.search.passages("kafka", await world.scope())
    assert best.lines[0].score > worst.lines[0].score


@pytest.mark.parametrize("trouble", ["hangs", "is_away"])
async def test_a_reranker_that_hangs_or_fails_costs_no_answer(world, trouble):
    await world.say(said("1", "kafka kafka"), said("2", "kafka is the boat of Ann", minute=500))
    await world.indexer.drain()
    plain = await world.search.passages("kafka", await world.scope(), now=START)
    model = FakeReranker()
    setattr(model, trouble, True)
    with_reranker(world, model, deadline_seconds=0.05)
    assert await world.search.passages("kafka", await world.scope(), now=START) == plain
    assert len(model.asked) == 1


async def test_a_reranker_reads_what_may_be_seen_and_is_still_there_only(world):
    await world.say(
        said("1", "kafka kafka"), said("2", "kafka boat", minute=500), said("b", "kafka keel", where="board")
    )
    await world.indexer.drain()
    await world.say(deleted("2"))
    model = FakeReranker()
    with_reranker(world, model)
    await world.found("kafka", "general")
    assert "keel" not in str(model.asked)
    assert "boat" not in str(model.asked)
    assert "kafka kafka" in str(model.asked)


async def test_a_reranker_reads_no_more_than_the_best(world):
    words = ("boat keel", "oar mast", "sail rope", "tide tar", "cook stew")
    await world.say(*(said(word, f"kafka {word}", minute=500 * number) for number, word in enumerate(words)))
    await world.indexer.drain()
    model = FakeReranker()
    with_reranker(world, model, candidates=2)
    assert len(await world.found("kafka")) == 5
    assert [len(texts) for _, texts in model.asked] == [2]


async def test_a_reranker_reads_a_follow_up_behind_the_question_before_it(world):
    await world.say(said("1", "kafka kafka"), said("2", "kafka boat", minute=500))
    await world.indexer.drain()
    model = FakeReranker()
    with_reranker(world, model)
    await world.found("why is it there?", earlier=(Exchange("where is kafka?"),))
    assert [query for query, _ in model.asked] == ["where is kafka?\nwhy is it there?"]
