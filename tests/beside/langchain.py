"""LangChain's own vector store on PostgreSQL, with its defaults: cosine, compared one by one, metadata as JSON."""

from contextlib import asynccontextmanager

from langchain_postgres import PGEngine, PGVectorStore
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

BATCH = 32


class VectorStore:
    """Its documents, with our embedding model."""

    def __init__(self, store, most):
        self._store = store
        self._most = most

    async def find(self, text, channel):
        """The messages of each document found, the best document first."""
        only = {"filter": {"channel": channel}} if channel is not None else {}
        found = await self._store.asimilarity_search(text, k=self._most, **only)
        return [tuple(document.metadata["messages"]) for document in found]


@asynccontextmanager
async def vector_store(url, table, documents, embeddings, most, on_progress):
    """A table of these documents in this database. Nothing of it is cut to our liking."""
    # From an engine of ours: it would else run on a loop of its own, where our embedding model does not live.
    engine = PGEngine.from_engine(create_async_engine(_address(url)))
    try:
        await engine.ainit_vectorstore_table(table, embeddings.dimension)
        store = await PGVectorStore.create(engine, embeddings, table)
        for start in range(0, len(documents), BATCH):
            batch = documents[start : start + BATCH]
            await store.aadd_texts(
                [document.text for document in batch],
                [{"channel": document.channel, "messages": list(document.messages)} for document in batch],
            )
            on_progress(table, start + len(batch), len(documents))
        yield VectorStore(store, most)
    finally:
        await engine.close()


def _address(url):
    """Our address in SQLAlchemy's form; a host that is a folder holds a socket."""
    parts = conninfo_to_dict(url)
    query = {"host": parts["host"]} if "host" in parts else {}
    port = int(parts["port"]) if "port" in parts else None
    return URL.create(
        "postgresql+asyncpg", parts.get("user"), parts.get("password"), None, port, parts.get("dbname"), query
    )
