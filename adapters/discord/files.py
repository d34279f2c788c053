"""Attached text files and PDFs: fetched from Discord's file hosts alone, read as text, kept with their message."""

from collections.abc import Mapping

from discord.http import Route

from adapters import fields
from adapters.attached import MOST_BYTES, MOST_FILES, fetch, is_own_host, with_texts
from adapters.discord.guild import Guild
from knowledge.messages import SourceMessage

API_HOSTS = frozenset({"discord.com", "discordapp.com"})
FILE_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})


async def with_files(guild: Guild, message: SourceMessage, record: Mapping[str, object]) -> SourceMessage | None:
    """The message with the text of its files below its own; None when no file could be read."""
    files = fields.records(record.get("attachments"))[:MOST_FILES]
    texts = [(fields.name(file, "title", "name"), text) for file in files if (text := await _text_of(guild, file))]
    return with_texts(message, texts)


async def _text_of(guild: Guild, file: Mapping[str, object]) -> str | None:
    address, mime = fields.text(file, "url"), fields.text(file, "content_type")
    if not may_fetch(address, Route.BASE) or (fields.integer(file, "size") or 0) > MOST_BYTES:
        return None
    data = await fetch(address, {}, page_expected="html" in mime)
    return None if data is None else await guild.desk.documents.text_of(fields.name(file, "name"), mime, data)


def may_fetch(address: str, api_url: str) -> bool:
    """Whether a file is fetched from there: Discord's file hosts over HTTPS, or the very server that plays Discord."""
    return is_own_host(address, api_url, api_hosts=API_HOSTS, file_hosts=FILE_HOSTS)
