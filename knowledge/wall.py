"""The wall in the database: what is read for an answer is read by a role that sees no channel outside the scope.

The role is named after the database user, `<user>_reader`: it cannot log in, owns nothing, and holds SELECT on what
answers are made of. Row-level security shows it the channels in the setting `threadlore.scope`, and none when that is
unset; the database user itself, who stores and indexes, goes on seeing everything. All of this is made at the start
and not by a migration, because roles belong to the server: a restored database may find itself without them.
"""

from contextlib import suppress
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

Connection = psycopg.AsyncConnection[TupleRow]

# What tells one channel from another, its name included. Terms and lines hold only numbers; people are in no channel.
WALLED: tuple[LiteralString, ...] = ("channel", "message", "unit", "unit_vector")
# Besides, as much of other tables as answers need.
OPEN: tuple[LiteralString, ...] = (
    "unit_line",
    "person (person_pk, name)",
    "job (channel_pk, kind, state)",
)

# The sub-select makes PostgreSQL read the setting once a statement, not once a row, and look channels up in a hash
# table: through an array of a thousand it would go step by step, for each row.
SCOPE = sql.SQL(
    "CREATE POLICY in_scope ON {table} FOR SELECT TO {reader} "
    "USING (channel_pk IN (SELECT unnest(channels_in_scope())))"
)
KEEPER = sql.SQL("CREATE POLICY keeper ON {table} TO {keeper} USING (true) WITH CHECK (true)")

READER_NAME = "SELECT left(current_user, 56) || '_reader', current_user"
HAS_ROLE = "SELECT 1 FROM pg_roles WHERE rolname = %s"
MAY_TAKE_ON = """
SELECT pg_has_role(current_user, %s::name,
                   CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END)"""
# The role sees no more than it should, may be taken on, and every policy is there, on every table, and no other.
STANDING = """
SELECT r.rolname FROM pg_roles r
WHERE r.rolname = left(current_user, 56) || '_reader' AND NOT (r.rolsuper OR r.rolbypassrls OR r.rolcanlogin)
  AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)
  AND pg_has_role(current_user, r.oid,
                  CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END)
  AND has_function_privilege(r.oid, to_regproc('messages_holding'), 'EXECUTE')
  AND has_table_privilege(r.oid, to_regclass('unit_line'), 'SELECT')
  AND has_column_privilege(r.oid, to_regclass('person'), 'name', 'SELECT')
  AND has_column_privilege(r.oid, to_regclass('job'), 'state', 'SELECT')
  AND (SELECT count(*) FROM pg_class c JOIN unnest(%(walled)s::text[]) AS t (name) ON c.oid = to_regclass(t.name)
       WHERE c.relrowsecurity AND c.relforcerowsecurity AND c.relowner <> r.oid
         AND has_table_privilege(r.oid, c.oid, 'SELECT')
         AND ARRAY(SELECT p.polname || ' ' || p.polcmd::text || ' ' || p.polroles::text FROM pg_policy p
                   WHERE p.polrelid = c.oid ORDER BY 1)
           = ARRAY['in_scope r ' || ARRAY[r.oid]::text, 'keeper * ' || ARRAY[current_user::regrole::oid]::text])
      = cardinality(%(walled)s::text[])"""

# Any fixed number: two processes that start at once must not both make the wall.
LOCK = "SELECT pg_advisory_xact_lock(8223)"
# Roles are shared by all databases of a server, and another one may be making them at this moment.
TRIES = 3
MEANWHILE = (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation, psycopg.errors.InternalError_)

NO_WALL = (
    "Row-level security is off, because the database user may not create the role {reader}; the scope in each "
    "statement holds alone. To have both, run as a superuser: CREATE ROLE {reader}; GRANT {reader} TO {keeper}; "
    "and start again."
)


async def reader_of(connection: Connection) -> str | None:
    """The role to read with for an answer; None where the wall does not stand."""
    row = await (await connection.execute(STANDING, {"walled": list(WALLED)})).fetchone()
    return str(row[0]) if row else None


async def missing_wall(connection: Connection) -> str:
    """What to tell the operator where the wall does not stand, in a sentence; nothing where it does."""
    if await reader_of(connection) is not None:
        return ""
    reader, keeper = await _names(connection)
    return NO_WALL.format(reader=reader, keeper=keeper)


async def raise_wall(connection: Connection) -> None:
    """Makes the wall where it does not stand and may be made; else opens the tables to their owner alone."""
    for _ in range(TRIES):
        try:
            async with connection.transaction():
                await connection.execute(LOCK)
                if await reader_of(connection) is None:
                    await _raise(connection)
        except MEANWHILE:
            continue
        except psycopg.errors.InsufficientPrivilege:
            # A restored database may bring the policies of another user along, and they would shut out this one.
            with suppress(psycopg.errors.InsufficientPrivilege):
                async with connection.transaction():
                    await _take_down(connection)
        return


async def _names(connection: Connection) -> tuple[str, str]:
    row = await (await connection.execute(READER_NAME)).fetchone()
    return (str(row[0]), str(row[1])) if row else ("", "")


async def _raise(connection: Connection) -> None:
    reader, keeper = await _names(connection)
    await _make_role(connection, reader, keeper)
    role = sql.Identifier(reader)
    for table in WALLED:
        await _close(connection, table, reader, keeper)
    for part in OPEN:
        name, _, columns = part.partition(" ")
        grant = sql.SQL("GRANT SELECT {} ON {} TO {}")
        await connection.execute(grant.format(sql.SQL(columns), sql.Identifier(name), role))
    await connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION messages_holding TO {}").format(role))


async def _take_down(connection: Connection) -> None:
    for table in WALLED:
        down = sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")
        await connection.execute(down.format(sql.Identifier(table)))


async def _make_role(connection: Connection, reader: str, keeper: str) -> None:
    names = {"reader": sql.Identifier(reader), "keeper": sql.Identifier(keeper)}
    if await (await connection.execute(HAS_ROLE, [reader])).fetchone() is None:
        await connection.execute(sql.SQL("CREATE ROLE {reader} NOLOGIN").format(**names))
    # Since PostgreSQL 16 who creates a role may grant it, but not take it on; a superuser may take on any.
    row = await (await connection.execute(MAY_TAKE_ON, [reader])).fetchone()
    if row is None or not row[0]:
        await connection.execute(sql.SQL("GRANT {reader} TO {keeper}").format(**names))


async def _close(connection: Connection, table: LiteralString, reader: str, keeper: str) -> None:
    names = {"table": sql.Identifier(table), "reader": sql.Identifier(reader), "keeper": sql.Identifier(keeper)}
    for statement in (
        sql.SQL("DROP POLICY IF EXISTS keeper ON {table}"),
        sql.SQL("DROP POLICY IF EXISTS scope ON {table}"),  # its name before
        sql.SQL("DROP POLICY IF EXISTS in_scope ON {table}"),
        KEEPER,
        SCOPE,
        sql.SQL("GRANT SELECT ON {table} TO {reader}"),
        sql.SQL("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"),
    ):
        await connection.execute(statement.format(**names))
