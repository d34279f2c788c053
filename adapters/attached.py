"""The text of attached files: fetched within limits, and kept below the words of the message that carries them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout

from adapters.safety import TEXT_LIMIT
from knowledge.messages import SourceMessage, Version

log = structlog.get_logger()

MOST_FILES = 5
MOST_BYTES = 10 << 20
PAGE_BEGINNINGS, PAGE_BEGINNING_WITHIN = (b"<!doctype html", b"<html"), 256
TIMEOUT = ClientTimeout(total=60)
# The text of a file arrives after the message that carries it, and must win over it, but not over an edit.
A_MOMENT = Decimal("0.0000001")


def with_texts(message: SourceMessage, texts: Sequence[tuple[str, str]]) -> SourceMessage | None:
    """The message with the text of its files, by name, below its own; None without any."""
    if not texts:
        return None
    edited, event = message.version
    whole = "\n".join([message.text, *(f"{name}:\n{text}" for name, text in texts)])[:TEXT_LIMIT]
    return replace(message, text=whole, version=Version(edited, event + A_MOMENT))


async def fetch(address: str, headers: Mapping[str, str], *, page_expected: bool) -> bytes | None:
    """At most `MOST_BYTES`; None for what cannot be fetched. Redirects are not followed: headers would travel along.

    A page where none is expected is the platform's own, such as its login.
    """
    data = b""
    try:
        async with (
            ClientSession(timeout=TIMEOUT) as session,
            session.get(address, headers=headers, allow_redirects=False) as answer,
        ):
            is_page = answer.content_type == "text/html" and not page_expected
            if answer.status == HTTPStatus.OK and not is_page:
                async for piece in answer.content.iter_chunked(1 << 16):
                    data += piece
                    if len(data) > MOST_BYTES:
                        return None
    except (TimeoutError, ClientError) as error:
        log.info("file_not_fetched", error=type(error).__name__)
        return None
    is_page = data[:PAGE_BEGINNING_WITHIN].lstrip().lower().startswith(PAGE_BEGINNINGS) and not page_expected
    return None if is_page else data or None


def is_own_host(address: str, api_url: str, *, api_hosts: Collection[str], file_hosts: Collection[str]) -> bool:
    """Whether an address is one of the platform's file hosts over HTTPS, or on the very server that plays the platform.

    `api_hosts`: where the platform itself is called.
    """
    try:
        url, api = urlsplit(address), urlsplit(api_url)
        port, api_port = url.port, api.port
    except ValueError:
        return False
    if url.username or url.password:
        return False
    if (api.hostname or "") in api_hosts:
        return url.scheme == "https" and url.hostname in file_hosts and port in {None, 443}
    return (url.scheme, url.hostname, port) == (api.scheme, api.hostname, api_port)
