"""What is wrong with the address of a database or of Redis, said without a word of it: it may hold a password.

An unencoded `/`, `@` or space in a password moves what follows to another place, and libraries quote it from there.
"""

from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

ENCODED = "in its user and password write @ / : ? # % and spaces percent-encoded, such as %40 for @"
POSTGRESQL = ("postgresql://", "postgres://")
REDIS = frozenset({"redis", "rediss", "unix"})


def fault_in_postgresql(address: str) -> str:
    """A sentence for the operator; "" when the address can be read, and nothing in it is where it should not be."""
    if not address.startswith(POSTGRESQL) and ("://" in address.partition("=")[0] or "=" not in address):
        return "must look like postgresql://USER:PASSWORD@HOST:5432/DATABASE"
    try:
        parts = conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        return f"cannot be read as an address: {ENCODED}"
    ports = str(parts.get("port", "")).split(",")
    # A host may begin with it: a socket without a file.
    elsewhere = f"{parts.get('host', '')}".lstrip("@") + f"{parts.get('dbname', '')}"
    if "@" in elsewhere or not all(port.isdigit() for port in ports if port):
        return f"has its host, port or database in the wrong place: {ENCODED}"
    return ""


def fault_in_redis(address: str) -> str:
    """As `fault_in_postgresql`."""
    try:
        parts = urlsplit(address)
        is_readable = parts.port is None or parts.hostname is not None
    except ValueError:
        is_readable = False
    if not is_readable or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return f"cannot be read as an address: {ENCODED}"
    return "" if parts.scheme in REDIS else "must begin with redis://, rediss:// or unix://"
