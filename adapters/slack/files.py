"""Attached text files and PDFs: fetched from Slack's file host alone, read as text, kept with their message."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout

from adapters import fields
from adapters.safety import TEXT_LIMIT
from adapters.slack.workspace import Workspace
from knowledge.messages import SourceMessage, Version

log = structlog.get_logger()

FILE_HOST = "files.slack.com"
MOST_FILES = 5
MOST_BYTES = 10 << 20
PAGE_BEGINNINGS, PAGE_BEGINNING_WITHIN = (b"<!doctype html", b"<html"), 256
TIMEOUT = ClientTimeout(total=60)
# The text of a file arrives after the message that carries it, and must win over it, but not over an edit.
A_MOMENT = Decimal("0.0000001")


async def with_files(workspace: Workspace, message: SourceMessage, raw: Mapping[str, object]) -> SourceMessage | None:
    """The message with the text of its files below its own; None when no file could be read."""
    texts = [
        f"{fields.name(file, 'name', 'title')}:\n{text}"
        for file in fields.records(raw.get("files"))[:MOST_FILES]
        if (text := await _text_of(workspace, file))
    ]
    if not texts:
        return None
    edited, event = message.version
    whole = "\n".join([message.text, *texts])[:TEXT_LIMIT]
    return replace(message, text=whole, version=Version(edited, event + A_MOMENT))


async def _text_of(workspace: Workspace, file: Mapping[str, object]) -> str | None:
    address = fields.text(file, "url_private_download") or fields.text(file, "url_private")
    size = fields.integer(file, "size") or 0
    if not may_fetch(address, workspace.calls.client.base_url) or size > MOST_BYTES:
        return None
    name, mime = fields.name(file, "name", "title"), fields.text(file, "mimetype")
    data = await _fetch(address, workspace.options.bot_token, page_expected="html" in mime)
    if data is None:
        return None
    return await workspace.desk.documents.text_of(name, mime, data)


def may_fetch(address: str, api_url: str) -> bool:
    """Whether the token may go there: Slack's file host over HTTPS, or the very server that plays Slack."""
    try:
        url, api = urlsplit(address), urlsplit(api_url)
        port, api_port = url.port, api.port
    except ValueError:
        return False
    if url.username or url.password:
        return False
    if (api.hostname or "").removeprefix("www.") in {"slack.com", "api.slack.com"}:
        return url.scheme == "https" and url.hostname == FILE_HOST and port in {None, 443}
    return (url.scheme, url.hostname, port) == (api.scheme, api.hostname, api_port)


async def _fetch(address: str, token: str, *, page_expected: bool) -> bytes | None:
    """At most `MOST_BYTES`; redirects are not followed, because the token would travel along.

    Where the scope is missing, Slack sends its login page instead of the file.
    """
    headers = {"Authorization": f"Bearer {token}"}
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
