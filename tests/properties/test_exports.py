"""Readers accept any JSON and any bytes: they report, and never raise anything but UnreadableSource."""

import io
import json
import re
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters import fields
from adapters.archive.detect import open_export
from adapters.archive.discord_json import DiscordExport
from adapters.archive.encoding import TextFile
from adapters.archive.jsonl import JsonLinesExport
from adapters.archive.scanner import BrokenJson, Scanner
from adapters.archive.slack_zip import SlackExport
from adapters.discord_text import Names as DiscordNames
from adapters.discord_text import readable as discord_readable
from adapters.slack.text import Names, message_text, readable
from knowledge.errors import UnreadableSource
from knowledge.messages import Channel, Deleted, Members, Person, Posted, Problem

KEYS = st.sampled_from(
    re.findall(
        r"\w+",
        """
        id text ts user name type subtype thread_ts edited reactions count users files blocks attachments elements
        members profile display_name is_bot mode fallback channel author seq thread private deleted permalink
        query_source guild messages content timestamp timestampEdited emoji code mentions roles embeds title
        categoryId category replies
        """,
    )
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=20)  # with NUL and lone surrogates
TEXTS = ANY_TEXT | st.sampled_from(
    [
        "1772442840.000100",
        "2026-03-02T09:14:00+00:00",
        "C1",
        "<@U1|x>",
        "<!date^1^a|b>",
        "&amp;",
        "Default",
        "GuildPublicThread",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | ANY_TEXT, inner, max_size=6),
    max_leaves=25,
)
RECORDS = st.dictionaries(KEYS, JSON, max_size=8)


def consumed(export):
    """Everything the reader yields, each checked to be storable."""
    entries = []
    with suppress(UnreadableSource):
        for entry in export.entries():
            assert isinstance(entry, Channel | Person | Members | Posted | Deleted | Problem)
            text = repr(entry) + (entry.message.text + entry.message.permalink if isinstance(entry, Posted) else "")
            text.encode()
            assert "\x00" not in text
            entries.append(entry)
    return entries


@settings(deadline=None, max_examples=60)
@given(st.lists(RECORDS | JSON, max_size=5), st.lists(RECORDS | JSON, max_size=3), st.lists(RECORDS | JSON, max_size=3))
def test_slack_accepts_any_json(day, users, channels):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("users.json", json.dumps(users))
            archive.writestr("channels.json", json.dumps([{"id": "C1", "name": "mill"}, *channels]))
            archive.writestr("mill/2026-03-02.json", json.dumps(day))
        consumed(SlackExport(path))


@settings(deadline=None, max_examples=60)
@given(RECORDS, RECORDS, st.lists(RECORDS | JSON, max_size=5))
def test_discord_accepts_any_json(guild, channel, messages):
    content = {"guild": {"id": "1"} | guild, "channel": {"id": "2"} | channel, "messages": messages}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.json"
        path.write_text(json.dumps(content))
        consumed(DiscordExport(path))


@settings(deadline=None, max_examples=60)
@given(st.lists(RECORDS | JSON, max_size=6))
def test_json_lines_accept_any_json(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows))
        consumed(JsonLinesExport(path))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200) | ANY_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any"
        path.write_bytes(data)
        with suppress(UnreadableSource):
            consumed(open_export(path))


@given(ANY_TEXT)
def test_cleaning_is_idempotent_and_storable(text):
    once = fields.clean(text)
    assert fields.clean(once) == once
    assert "\x00" not in once
    once.encode()


@given(st.text())
def test_cleaning_leaves_sound_text_alone(text):
    assert fields.clean(text) == text.replace("\x00", "")


@given(JSON)
@example([{"type": []}])
def test_slack_texts_never_fail(value):
    message_text(value if isinstance(value, dict) else {"text": value, "blocks": value, "attachments": value}, Names())


@given(st.text())
def test_escaping_and_reading_give_the_text_back(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert readable(escaped, Names()) == text


@given(st.text(st.sampled_from("<>@!#&:t1a|^")))
def test_markup_never_fails(text):
    readable(text, Names())
    discord_readable(text, DiscordNames())


@given(st.text(), st.integers(3, 9))
def test_blocks_of_any_size_give_the_same_text(text, size):
    data = text.encode()
    source = TextFile(io.BytesIO(), "any")
    source._read = iter([*(data[at : at + size] for at in range(0, len(data), size)), b"", b""]).__next__
    assert "".join(source.blocks()) == text.removeprefix("\ufeff")
    assert source.problems == []


@given(st.lists(JSON, max_size=4), st.integers(1, 7))
@example([0.5, -1e-7, 12, True], 1)
@example([0.5], 2)
def test_the_scanner_reads_what_the_standard_decoder_reads(values, size):
    text = json.dumps(values, indent=1)
    scanner = Scanner(text[at : at + size] for at in range(0, len(text), size))
    assert json.dumps(list(scanner.items())) == json.dumps(
        json.loads(text, parse_int=lambda d: int(d) if len(d) < 19 else float(d))
    )


@given(st.text(st.sampled_from('[]{},:"1e truefalsn\n'), max_size=30))
def test_the_scanner_only_ever_says_broken(text):
    with suppress(BrokenJson):
        list(Scanner([text]).items())
    with suppress(BrokenJson):
        scanner = Scanner([text])
        for _ in scanner.members():
            scanner.value()
