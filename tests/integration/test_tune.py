"""threadlore models tune, small: what it writes, and that the next start uses it."""

import json
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.commands.tune import _only_what_is_taken
from bot.config import load_settings
from bot.doctor import tuning
from bot.generation.model_files import chat_file, default_chat_model
from bot.models import open_chat_model
from bot.tuned import FILE, keep, this_machine, tuned_for
from bot.wiring import chat_spec_of
from tests.unit.bot.test_tuned import FOUND, VALUES

SMALL = ("models", "tune", "--rounds", "1", "--tokens", "64", "--json")
ALL_SET = {"THREADS": "2", "WRITING_THREADS": "1", "FLASH_ATTENTION": "off", "CACHE_TYPE_K": "f16"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("THREADLORE_HOME", str(tmp_path))
    return tmp_path


def tune(*options):
    done = CliRunner().invoke(app, [*SMALL, *options])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def opened(home):
    async with AsyncExitStack() as stack:
        chat = await open_chat_model(chat_spec_of(load_settings()), home, stack)
        return chat, await chat.engine.start()


@pytest.mark.model
def test_it_measures_what_nobody_set_and_writes_what_it_took(home, monkeypatch):
    monkeypatch.setenv("THREADLORE_MODEL__PATH", str(default_chat_model(home)))
    for name, value in ALL_SET.items():
        monkeypatch.setenv(f"THREADLORE_MODEL__{name}", value)
    dry = tune("--dry-run", "--seconds", "0")
    assert dry["file"] is None
    assert not (home / "models" / FILE).exists()
    assert [(one["setting"], one["note"]) for one in dry["tried"]] == [
        ("reading threads", "set by you"),
        ("writing threads", "set by you"),
        ("batch", "no time left"),
        ("flash attention", "set by you"),
        ("cache", "set by you"),
    ]
    document = tune()
    (tried,) = [one for one in document["tried"] if not one["note"]]
    assert [row["value"] for row in tried["values"]] == [256, 64, 128, 512]
    assert all(row["prefill_tokens_per_s"] > 0 for row in tried["values"])
    (taken,) = [row["value"] for row in tried["values"] if row["chosen"]]
    assert document["values"]["batch"] == taken
    assert document["prefill_tokens_per_s"] > 0
    assert document["decode_tokens_per_s"] > 0
    assert document["file"] == str(home / "models" / FILE)
    found = tuned_for(default_chat_model(home), home)
    assert (found.values.batch, found.values.threads, found.machine) == (taken, 2, this_machine())


def test_only_the_file_that_was_taken_stays(tmp_path):
    old, taken, new = chat_file(tmp_path, "q4_0"), chat_file(tmp_path, "q8_0"), chat_file(tmp_path, "f16")
    old.parent.mkdir()
    old.write_text("here before")
    with _only_what_is_taken(tmp_path) as kept:
        taken.write_text("faster")
        new.write_text("slower")
        kept.append(taken)
    assert sorted(old.parent.iterdir()) == sorted([old, taken])
    with _only_what_is_taken(tmp_path):
        pass
    assert taken.exists()


@pytest.mark.model
async def test_the_next_start_uses_what_was_tuned_here_and_what_is_set_wins(home, monkeypatch):
    values = replace(VALUES, threads=1, batch=96, cache_type_v="f16")
    keep(replace(FOUND, machine=this_machine(), values=values), home)
    chat, report = await opened(home)
    assert chat.name.endswith("Q8_0")
    assert (report.threads, report.batch, report.cache_types) == (1, 96, ("q8_0", "f16"))
    assert "batch 96" in tuning(chat.tuned, ()).found
    monkeypatch.setenv("THREADLORE_MODEL__BATCH", "32")
    chat, report = await opened(home)
    assert (report.threads, report.batch) == (1, 32)
    assert "set by you: batch" in tuning(chat.tuned, load_settings().model.model_fields_set).found


@pytest.mark.model
async def test_what_was_tuned_on_another_machine_is_not_used(home):
    keep(replace(FOUND, machine=replace(this_machine(), processor="another")), home)
    chat, report = await opened(home)
    assert chat.name.endswith("Q4_0")
    assert (report.batch, chat.tuned) == (256, None)
    assert "not tuned" in tuning(chat.tuned, ()).found


def test_a_model_on_a_server_is_not_tuned_here(monkeypatch):
    monkeypatch.setenv("THREADLORE_MODEL__URL", "http://127.0.0.1:1/v1")
    done = CliRunner().invoke(app, [*SMALL])
    assert done.exit_code == 78
    assert "THREADLORE_MODEL__URL" in done.output


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("TENSOR_SPLIT", "3;1", "3,1"),
        ("TENSOR_SPLIT", "0,0", "3,1"),
        ("CACHE_TYPE_V", "q2_k", "CACHE_TYPE_V"),
        ("BATCH", "1", "BATCH"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, name, value, word):
    monkeypatch.setenv(f"THREADLORE_MODEL__{name}", value)
    done = CliRunner().invoke(app, ["models", "tune"])
    assert done.exit_code == 78
    assert word in done.output


def test_values_in_few_bits_without_flash_attention_are_refused(monkeypatch):
    monkeypatch.setenv("THREADLORE_MODEL__CACHE_TYPE_V", "q8_0")
    monkeypatch.setenv("THREADLORE_MODEL__FLASH_ATTENTION", "off")
    done = CliRunner().invoke(app, ["models", "tune"])
    assert done.exit_code == 78
    assert "flash_attention" in done.output
