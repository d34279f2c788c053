"""What is promised of any JSON or file that somebody sends: it is read or refused, and never raises."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path

from adapters.archive.detect import open_export
from adapters.archive.scanner import BrokenJson, Scanner
from adapters.discord.seen import Kind
from adapters.discord.seen import read as read_discord
from adapters.slack import actions, events
from adapters.slack.envelopes import belongs, delivery_from
from adapters.slack.text import Names, message_text
from bot.requests import WITHOUT_TEXT, request_from, request_json, without_text
from knowledge.errors import UnreadableSource
from tests.properties import test_discord_records as on_discord
from tests.properties import test_exports as exports
from tests.properties import test_slack_events as on_slack


def request(text):
    assert without_text(text).startswith(WITHOUT_TEXT)
    if (found := request_from(text)) is not None:
        stored = request_json(found)
        assert request_json(request_from(stored)) == stored


def slack(text):
    if (body := _record(text)) is None:
        return
    events.read(body, on_slack.US)
    actions.read(body)
    message_text(body, Names())
    assert isinstance(belongs(body, on_slack.US), bool)
    if (delivery := delivery_from(body)) is not None:
        (delivery.workspace + delivery.delivery_id).encode()


def discord(text):
    if (body := _record(text)) is None:
        return
    with suppress(on_discord.Unusable):
        on_discord.reader().read(body)
    for kind in Kind:
        read_discord(kind, body)
    on_discord.message_text(body, on_discord.Names()).encode()


def scanner(text):
    """What the standard decoder reads as a list is read the same here."""
    with suppress(BrokenJson):
        found = list(Scanner([text[at : at + 7] for at in range(0, len(text), 7)]).items())
        with suppress(ValueError, RecursionError):
            assert len(found) == len(json.loads(text))


def export(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "any")
        path.write_bytes(data)
        with suppress(UnreadableSource):
            exports.consumed(open_export(path))


def _record(text):
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
