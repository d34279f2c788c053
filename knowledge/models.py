"""Which embedding model the index was made with, and the switch to another one when it is complete."""

import json
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from knowledge.database import Database
from knowledge.errors import IndexMismatch
from knowledge.units import EMBED_TRIES

# Two processes that start at once must not both create the same partition.
LOCK = "SELECT pg_advisory_xact_lock(8222)"
BY_NAME = "SELECT model_pk, name, dimension, state, source FROM embedding_model WHERE name = %(name)s"
ACTIVE = "SELECT model_pk, name, dimension, state, source FROM embedding_model WHERE state = 'active'"
ADD = """
INSERT INTO embedding_model (name, dimension, state, source)
VALUES (%(name)s, %(dimension)s, %(state)s, %(source)s)
ON CONFLICT (name) DO UPDATE SET state = EXCLUDED.state, source = EXCLUDED.source
RETURNING model_pk, name, dimension, state, source"""
MISSING_UNITS = """
SELECT count(*) FROM unit u WHERE NOT EXISTS (
    SELECT FROM unit_vector v WHERE v.model_pk = %(model)s AND v.unit_pk = u.unit_pk) AND NOT EXISTS (
    SELECT FROM unit_failure f WHERE f.model_pk = %(model)s AND f.unit_pk = u.unit_pk AND f.tries >= %(tries)s)"""
DROP_FAILURES = "DELETE FROM unit_failure WHERE model_pk = %(model)s"
RETIRE = "UPDATE embedding_model SET state = 'retired' WHERE state = 'active' RETURNING model_pk"
ACTIVATE = "UPDATE embedding_model SET state = 'active' WHERE model_pk = %(model)s"
UNMARKED_FAMILIES = """
INSERT INTO dirty (channel_pk, family)
SELECT DISTINCT u.channel_pk, u.family FROM unit u
WHERE NOT EXISTS (SELECT FROM unit_vector v WHERE v.model_pk = %(model)s AND v.unit_pk = u.unit_pk)
ORDER BY 1, 2 ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True)
class IndexModel:
    """A model that the index holds vectors of. `state`: building, active or retired."""

    model_pk: int
    name: str
    dimension: int
    state: str
    source: dict[str, Any]


class IndexModels:
    """The table of embedding models, with one vector partition and one HNSW index each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> IndexModel | None:
        """The model whose vectors questions are compared with; None before the first one."""
        rows = await self._database.fetch(ACTIVE)
        return IndexModel(*rows[0]) if rows else None

    async def register(self, name: str, dimension: int, source: dict[str, Any]) -> IndexModel:
        """Makes room for a model's vectors. The first model is active at once, a later one is built beside it.

        Errors: `IndexMismatch` when a model of that name made vectors of another dimension.
        """
        async with self._database.transaction() as connection:
            await connection.execute(LOCK)
            row = await (await connection.execute(BY_NAME, {"name": name})).fetchone()
            known = IndexModel(*row) if row else None
            if known is not None and known.dimension != dimension:
                raise IndexMismatch(
                    f"The index holds vectors of {known.dimension} numbers by {name}, but the model now gives "
                    f"{dimension}: give the new model another name (THREADLORE_EMBEDDING__NAME)."
                )
            if known is not None and known.state != "retired":
                return known
            active = await (await connection.execute(ACTIVE)).fetchone()
            state = "building" if active else "active"
            values = {"name": name, "dimension": dimension, "state": state, "source": Jsonb(source)}
            added = await (await connection.execute(ADD, values)).fetchone()
            if added is None:
                raise IndexMismatch(
                    f"The embedding model {name} could not be registered: {json.dumps(values['state'])}."
                )
            model = IndexModel(*added)
            await connection.execute(
                sql.SQL("CREATE TABLE {table} PARTITION OF unit_vector FOR VALUES IN ({model})").format(
                    table=sql.Identifier(f"unit_vector_{model.model_pk}"), model=sql.Literal(model.model_pk)
                )
            )
            # A halfvec column without a dimension takes any model; the cast gives the graph index its own.
            await connection.execute(
                sql.SQL(
                    "CREATE INDEX ON {table} USING hnsw ((embedding::halfvec({dimension})) halfvec_cosine_ops)"
                ).format(table=sql.Identifier(f"unit_vector_{model.model_pk}"), dimension=sql.Literal(dimension))
            )
            if state == "building":
                await connection.execute(UNMARKED_FAMILIES, {"model": model.model_pk})
            return model

    async def switch_when_complete(self, model: IndexModel) -> bool:
        """Makes a model the active one when every unit has its vector or was given up. Returns whether it is active."""
        async with self._database.transaction() as connection:
            await connection.execute(LOCK)
            row = await (await connection.execute(BY_NAME, {"name": model.name})).fetchone()
            if row is None or row[3] == "active":
                return row is not None
            missing = await (
                await connection.execute(MISSING_UNITS, {"model": model.model_pk, "tries": EMBED_TRIES})
            ).fetchone()
            if missing is None or missing[0] > 0:
                return False
            retired = await (await connection.execute(RETIRE)).fetchone()
            await connection.execute(ACTIVATE, {"model": model.model_pk})
            if retired is not None:
                await connection.execute(DROP_FAILURES, {"model": retired[0]})
                await connection.execute(
                    sql.SQL("DROP TABLE {table}").format(table=sql.Identifier(f"unit_vector_{retired[0]}"))
                )
            return True
