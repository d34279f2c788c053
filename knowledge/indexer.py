"""The durable job that keeps units and vectors in step with the messages: claim, cut, embed, replace."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import structlog

from knowledge.database import Database
from knowledge.embeddings import ModelEmbeddings
from knowledge.errors import EmbeddingUnavailable, IndexMismatch, KnowledgeUnavailable
from knowledge.lexical import terms
from knowledge.models import IndexModel, IndexModels
from knowledge.side_by_side import all_of
from knowledge.unit_table import Family, UnitTable, Vectors
from knowledge.units import EMBED_TRIES, Unit, units_of

log = structlog.get_logger()

_Draft = tuple[Family, Sequence[tuple[Unit, int]]]

# Renewed while the work lasts: what a killed process held is free again soon.
LEASE_SECONDS = 30
# A process told to stop gives back what it holds, unless the database is slower than this.
STOP_SECONDS = 1.0
IDLE_SECONDS = 1.0
TRIES = 5
FAMILIES_PER_BATCH = 16
# One batch is embedded while the one before it is stored: the model does not wait for the database.
BATCHES_AT_ONCE = 2
HARMLESS = "hello"
# Embeddings of a batch whose messages changed meanwhile are kept for the next try.
REMEMBERED_VECTORS = 2_000

CLAIM = """
UPDATE dirty SET lease_until = now() + make_interval(secs => %(lease)s), tries = tries + 1
WHERE (channel_pk, family) IN (
    SELECT channel_pk, family FROM dirty WHERE lease_until < now() AND tries < %(tries)s
    ORDER BY marked_at DESC, family DESC LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING channel_pk, family, version, full_rebuild"""
WAITING = "SELECT count(*) FROM dirty WHERE tries < %(tries)s"
RENEW = """
UPDATE dirty d SET lease_until = now() + make_interval(secs => %(lease)s)
FROM unnest(%(channels)s::bigint[], %(families)s::text[]) AS held (channel_pk, family)
WHERE d.channel_pk = held.channel_pk AND d.family = held.family AND d.lease_until > now()"""
# The model being away, or the process told to stop, is no fault of the family: the try does not count.
RELEASE = """
UPDATE dirty d SET lease_until = '-infinity', tries = tries - 1
FROM unnest(%(channels)s::bigint[], %(families)s::text[]) AS held (channel_pk, family)
WHERE d.channel_pk = held.channel_pk AND d.family = held.family AND tries > 0 AND d.lease_until > now()"""
FINISH_JOBS = """
UPDATE job j SET state = 'done', finished_at = now()
WHERE kind = 'reindex' AND state = 'running'
    AND NOT EXISTS (SELECT FROM dirty d WHERE d.job_pk = j.job_pk AND d.tries < %(tries)s)"""


class Indexer:
    """Rebuilds what is dirty. Several processes may run one each: claims are leased, never shared."""

    def __init__(self, database: Database, model: ModelEmbeddings, *, source: dict[str, Any] | None = None) -> None:
        self._database = database
        self._units = UnitTable(database)
        self._models = IndexModels(database)
        self._model = model
        self._source = source or {}
        self._registered: IndexModel | None = None
        self._vectors: OrderedDict[bytes, list[float]] = OrderedDict()
        self._embedding, self._storing = asyncio.Lock(), asyncio.Lock()
        self.embedded = 0

    async def register(self) -> IndexModel:
        """Makes room for the model's vectors in the index. Errors: `IndexMismatch`."""
        if self._registered is None:
            self._registered = await self._models.register(self._model.name, self._model.dimension, self._source)
        return self._registered

    async def waiting(self) -> int:
        """How many families are still to be rebuilt."""
        rows = await self._database.fetch(WAITING, {"tries": TRIES})
        return int(rows[0][0])

    async def drain(self, on_progress: Callable[[int], None] | None = None, *, most: float = math.inf) -> int:
        """Rebuilds everything that is dirty now, telling after each batch how many families remain.

        At most about so many batches, where `most` says so. Returns how many there were.
        Errors: as of `index_batch`; what another batch held is given back first.
        """
        looked, found, begun, done = asyncio.Event(), False, 0, 0

        def claimed() -> None:
            nonlocal found
            found = True
            looked.set()

        async def work(*, is_first: bool) -> None:
            nonlocal begun, done
            if not is_first:
                await looked.wait()
                if not found:
                    return
            try:
                while begun < most:
                    begun += 1
                    if not await self.index_batch(claimed):
                        return
                    done += 1
                    if on_progress is not None:
                        on_progress(await self.waiting())
            finally:
                looked.set()

        # Where the first finds nothing, no other looks.
        await all_of(work(is_first=place == 0) for place in range(BATCHES_AT_ONCE))
        return done

    async def run(self, *, idle_seconds: float | None = None) -> None:
        """Works for ever: the background service of `threadlore run`. Errors are logged and tried again."""
        while True:
            try:
                await self.drain()
            except (EmbeddingUnavailable, KnowledgeUnavailable) as error:
                log.warning("indexing_waits", error=type(error).__name__)
            await asyncio.sleep(IDLE_SECONDS if idle_seconds is None else idle_seconds)

    async def index_batch(self, on_claim: Callable[[], None] | None = None) -> int:
        """Claims and rebuilds one batch of families. Returns how many it claimed; told at once, if it claimed any.

        Of several at once, one embeds and one stores, in the order in which they claimed.
        """
        model = await self.register()
        async with AsyncExitStack() as held:
            async with self._embedding:
                families = await held.enter_async_context(self._claimed())
                if families and on_claim is not None:
                    on_claim()
                drafts = [(family, await self._cut(family)) for family in families]
                made = await self._embed(model, drafts)
                await held.enter_async_context(self._storing)
            for family, units in drafts:
                await self._units.replace(family, units, model.model_pk, made)
            if families:
                return len(families)
        await self._database.execute(FINISH_JOBS, {"tries": TRIES})
        await self._models.switch_when_complete(model)
        return 0

    @asynccontextmanager
    async def _claimed(self) -> AsyncIterator[list[Family]]:
        """Some families that are this process's alone while the block lasts; stopped, it gives them back."""
        claim = {"lease": LEASE_SECONDS, "tries": TRIES, "limit": FAMILIES_PER_BATCH}
        claiming = asyncio.create_task(self._database.fetch(CLAIM, claim))
        try:
            families = [Family(*row) for row in await asyncio.shield(claiming)]
        except asyncio.CancelledError:
            await asyncio.wait([claiming], timeout=STOP_SECONDS)
            if claiming.done() and not (claiming.cancelled() or claiming.exception()):
                await self._release([Family(*row) for row in claiming.result()])
            claiming.cancel()
            raise
        if not families:
            yield []
            return
        renewing = asyncio.create_task(self._renew(families))
        try:
            yield families
        except (EmbeddingUnavailable, asyncio.CancelledError):
            await self._release(families)
            raise
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, families: Sequence[Family]) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            await self._database.execute(RENEW, {"lease": LEASE_SECONDS, **_names(families)})

    async def _release(self, families: Sequence[Family]) -> None:
        with suppress(KnowledgeUnavailable):
            await self._database.hurried(STOP_SECONDS).execute(RELEASE, _names(families))

    async def _cut(self, family: Family) -> list[tuple[Unit, int]]:
        channel_name, said = await self._units.said_in(family)
        units = units_of(said, channel_name=channel_name)
        return [(unit, len(terms(unit.text))) for unit in units]

    async def _embed(self, model: IndexModel, drafts: Sequence[_Draft]) -> Vectors:
        """A vector for each text: known ones from the index or this process, the rest from the model.

        A text that failed before is sent alone, so as not to hold up others, and after `EMBED_TRIES` never again.
        """
        texts = {unit.text_hash: unit.text for _, units in drafts for unit, _ in units}
        again = {unit.text_hash for family, units in drafts if family.full_rebuild for unit, _ in units}
        vectors = {h: self._vectors[h] for h in texts if h in self._vectors and h not in again}
        lookup = [h for h in texts if h not in vectors and h not in again]
        if lookup:
            vectors |= await self._units.known_vectors(model.model_pk, lookup)
        missing = {h: text for h, text in texts.items() if h not in vectors}
        tries = await self._units.tries(model.model_pk, list(missing))
        failed = await self._make(model, {h: text for h, text in missing.items() if h not in tries}, vectors)
        for text_hash, count in tries.items():
            if count < EMBED_TRIES:
                failed |= await self._make(model, {text_hash: missing[text_hash]}, vectors)
        return Vectors(vectors, tries | {h: tries.get(h, 0) + sent for h, sent in failed.items()})

    async def _make(
        self, model: IndexModel, texts: dict[bytes, str], vectors: dict[bytes, list[float]]
    ) -> dict[bytes, int]:
        """Adds the vectors of texts that the model is sent together, or each alone where that fails.

        Returns which of them it fails on, each with how often it was sent. When it does not even take a harmless text
        it is away, and no text is to blame: `EmbeddingUnavailable`.
        """
        if not texts:
            return {}
        try:
            made = await self._model.aembed_documents(list(texts.values()))
        except EmbeddingUnavailable:
            if not await self._answers():
                raise
            return await self._make_apart(model, texts, vectors)
        self.embedded += len(made)
        for text_hash, vector in zip(texts, made, strict=True):
            if len(vector) != model.dimension:
                raise IndexMismatch(f"{model.name} gave {len(vector)} numbers instead of {model.dimension}.")
            vectors[text_hash] = self._vectors[text_hash] = vector
        while len(self._vectors) > REMEMBERED_VECTORS:
            self._vectors.popitem(last=False)
        return {}

    async def _make_apart(
        self, model: IndexModel, texts: dict[bytes, str], vectors: dict[bytes, list[float]]
    ) -> dict[bytes, int]:
        if len(texts) == 1:
            log.warning("text_refused", model=model.name)
            return dict.fromkeys(texts, 1)
        alone = [await self._make(model, {text_hash: text}, vectors) for text_hash, text in texts.items()]
        return {text_hash: sent + 1 for failed in alone for text_hash, sent in failed.items()}

    async def _answers(self) -> bool:
        try:
            await self._model.aembed_documents([HARMLESS])
        except EmbeddingUnavailable:
            return False
        return True


def _names(families: Sequence[Family]) -> dict[str, list[int] | list[str]]:
    return {"channels": [one.channel_pk for one in families], "families": [one.name for one in families]}
