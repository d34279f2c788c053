"""Attached text files and PDFs: fetched from Slack's file host alone, read as text, kept with their message."""

from collections.abc import Mapping

from adapters import fields
from adapters.attached import MOST_BYTES, MOST_FILES, fetch, is_own_host, with_texts
from adapters.slack.workspace import Workspace
from knowledge.messages import SourceMessage

API_HOSTS = frozenset({"slack.com", "www.slack.com", "api.slack.com"})
FILE_HOSTS = frozenset({"files.slack.com"})


async def with_files(workspace: Workspace, message: SourceMessage, raw: Mapping[str, object]) -> SourceMessage | None:
    """The message with the text of its files below its own; None when no file could be read."""
    files = fields.records(raw.get("files"))[:MOST_FILES]
    texts = [(fields.name(file, "name", "title"), text) for file in files if (text := await _text_of(workspace, file))]
    return with_texts(message, texts)


async def _text_of(workspace: Workspace, file: Mapping[str, object]) -> str | None:
    address = fields.text(file, "url_private_download") or fields.text(file, "url_private")
    size = fields.integer(file, "size") or 0
    if not may_fetch(address, workspace.calls.client.base_url) or size > MOST_BYTES:
        return None
    name, mime = fields.name(file, "name", "title"), fields.text(file, "mimetype")
    # Where the scope is missing, Slack sends its login page instead of the file.
    token = {"Authorization": f"Bearer {workspace.options.bot_token}"}
    data = await fetch(address, token, page_expected="html" in mime)
    if data is None:
        return None
    return await workspace.desk.documents.text_of(name, mime, data)


def may_fetch(address: str, api_url: str) -> bool:
    """Whether the token may go there: Slack's file host over HTTPS, or the very server that plays Slack."""
    return is_own_host(address, api_url, api_hosts=API_HOSTS, file_hosts=FILE_HOSTS)
