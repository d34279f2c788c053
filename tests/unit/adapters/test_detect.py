import json
import shutil
import zipfile
from pathlib import Path

import pytest

from adapters.archive.detect import open_export
from adapters.archive.discord_json import DiscordExport
from adapters.archive.jsonl import JsonLinesExport
from adapters.archive.slack_zip import SlackExport
from knowledge.errors import UnreadableSource
from knowledge.messages import Posted

EXPORTS = Path(__file__).resolve().parents[2] / "payloads" / "exports"
ROW = '{"id": "1", "text": "bread"}'


@pytest.fixture
def put(tmp_path):
    def put(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


def test_content_decides_not_the_name(tmp_path, put):
    with zipfile.ZipFile(tmp_path / "slack.json", "w") as archive:
        archive.writestr("channels.json", "[]")
    assert isinstance(open_export(tmp_path / "slack.json"), SlackExport)
    shutil.copy(EXPORTS / "discord-channel.json", tmp_path / "discord.zip")
    assert isinstance(open_export(tmp_path / "discord.zip"), DiscordExport)
    assert isinstance(open_export(put("rows.zip", ROW)), JsonLinesExport)


def test_discord_on_one_line(put):
    content = json.dumps(json.loads((EXPORTS / "discord-channel.json").read_text(encoding="utf-8")))
    assert isinstance(open_export(put("a.json", content)), DiscordExport)


@pytest.mark.parametrize(
    "content",
    [
        ROW,
        f"\n\n{ROW}\n",
        f"broken line\n{ROW}",
        '{"id": "1", "te\n' + ROW,
        '{"id": "1", "guild": "g", "channel": "c", "text": "x"}',
        '{"id": "1", "text": "' + "x" * 3_000_000 + '"}',
        ROW.encode("utf-8-sig"),
        ROW.encode("utf-16"),
    ],
    ids=[
        "plain",
        "blank lines",
        "bad first line",
        "cut first line",
        "discord-like keys",
        "long line",
        "utf-8",
        "utf-16",
    ],
)
def test_json_lines(put, content):
    export = open_export(put("rows.txt", content))
    assert isinstance(export, JsonLinesExport)
    assert any(isinstance(entry, Posted) for entry in export.entries())


@pytest.mark.parametrize(
    "content",
    [
        "hello",
        "[1, 2]",
        '[\n{"id": "1"}\n]',
        '{\n"a": 1\n}',
        b"\x89PNG\r\n",
        b"\x00\xff" * 999,
        "1",
        '"x"',
        "[" * 100_000,
    ],
)
def test_anything_else_is_refused_with_what_is_accepted(put, content):
    with pytest.raises(UnreadableSource, match=r"accepts a Slack export .* Discord.* JSON lines"):
        open_export(put("thing", content))


def test_empty_and_missing(put, tmp_path):
    with pytest.raises(UnreadableSource, match="is empty"):
        open_export(put("empty", b""))
    with pytest.raises(UnreadableSource, match="cannot be opened"):
        open_export(tmp_path / "nowhere")
    with pytest.raises(UnreadableSource, match="cannot be opened"):
        open_export(Path("nul\x00byte"))


def test_folders(tmp_path):
    slack, discord, other = tmp_path / "slack", tmp_path / "discord", tmp_path / "other"
    for folder in (slack, discord, other):
        folder.mkdir()
    (slack / "groups.json").write_text("[]")
    shutil.copy(EXPORTS / "discord-thread.json", discord)
    (other / "notes.txt").write_text("x")
    assert isinstance(open_export(slack), SlackExport)
    assert isinstance(open_export(discord), DiscordExport)
    with pytest.raises(UnreadableSource, match="accepts"):
        open_export(other)


def test_options_reach_the_reader(tmp_path, put):
    assert open_export(put("rows", ROW), workspace="mine").workspace == "mine"
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("channels.json", '[{"id": "C1", "name": "mill"}]')
        archive.writestr("mill/2026-03-02.json", '[{"user": "U1", "ts": "1772442840.000100", "text": "x"}]')
    export = open_export(tmp_path / "s.zip", workspace="mine", workspace_url="https://acme.slack.com")
    (message,) = [entry.message for entry in export.entries() if isinstance(entry, Posted)]
    assert message.ref.channel.workspace == "mine"
    assert message.permalink == "https://acme.slack.com/archives/C1/p1772442840000100"
