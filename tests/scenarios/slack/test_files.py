"""Attached files: read where that is wanted, fetched from Slack's file host alone, and forgotten with their message."""

import asyncio

import pytest

from adapters import attached
from adapters.slack import files
from tests.fakes.documents import pdf
from tests.scenarios.slack.scene import ask, caught_up, eventually, every_source, kept, message, quiet, rows

LOGIN = b"<!DOCTYPE html><html><title>Sign in | Slack</title><body>zephyr sign in</body></html>"


@pytest.fixture
def people(slack):
    return slack.add_user("quince"), slack.add_user("tamarind")


@pytest.fixture
def harvest(slack, people):
    return slack.add_channel("harvest", members=people)


async def read(app, ts, word):
    async def is_read():
        found = await message(app, ts)
        return found and word in (found[0] or "")

    await eventually(is_read)


async def test_a_file_is_found_by_its_words_its_name_and_its_title(slack, bot, people, harvest):
    quince, tamarind = people
    notes = slack.add_file("pump-notes.txt", b"The zephyr valve opens at four bar.\n", title="Notes on pump seven")
    plan = slack.add_file("plan.pdf", pdf(["The still stands beside the east wall."]), mimetype="application/pdf")
    async with bot(every_source, files=True) as app:
        await caught_up(app, slack)
        first = slack.post(harvest, tamarind, "As promised", files=[notes])
        second = slack.post(harvest, tamarind, "", files=[plan])
        await read(app, first, "four bar")
        await read(app, second, "east wall")
        assert "four bar" in await ask(app, slack, quince, harvest, "when does the zephyr valve open?")
        answer = await ask(app, slack, quince, harvest, "where does the still stand?")
        assert "east wall" in answer
        assert "pump-notes.txt" in await ask(app, slack, quince, harvest, "where is pump-notes.txt?")
        assert "Notes on pump seven" in await ask(app, slack, quince, harvest, "who has notes on pump seven?")
        assert {request.authorization for request in slack.file_requests} == {f"Bearer {slack.bot_token}"}

        slack.delete_file(plan)
        slack.delete(harvest, first)
        await quiet(app, slack)
        assert await kept(app, "east wall") == []
        assert "message" not in await kept(app, "zephyr")


async def test_files_of_the_past_are_read_too(slack, bot, people, harvest):
    quince, tamarind = people
    notes = slack.add_file("notes.txt", b"The zephyr valve opens at four bar.\n")
    ts = slack.post(harvest, tamarind, "As promised", files=[notes], silent=True)
    async with bot(files=True) as app:
        await caught_up(app, slack)
        await read(app, ts, "four bar")
        assert "four bar" in await ask(app, slack, quince, harvest, "when does the zephyr valve open?")
    async with bot(files=True) as app:
        await caught_up(app, slack)
        assert "four bar" in (await message(app, ts))[0]


async def test_where_files_are_not_wanted_only_their_names_are_kept(slack, bot, people, harvest):
    _, tamarind = people
    notes = slack.add_file("notes.txt", b"The zephyr valve opens at four bar.\n")
    async with bot() as app:
        await caught_up(app, slack)
        ts = slack.post(harvest, tamarind, "As promised", files=[notes])
        await quiet(app, slack)
        assert (await message(app, ts))[0] == "As promised\n[file: notes.txt]"
        assert slack.file_requests == []


async def test_what_cannot_be_read_leaves_the_name_and_harms_nothing(slack, bot, people, harvest, monkeypatch):
    _, tamarind = people
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    monkeypatch.setattr(attached, "MOST_BYTES", 1000)
    broken = b"%PDF-1.4\n" + b"\0garbage" * 20
    bad = {
        "long.txt": slack.add_file("long.txt", b"zephyr " * 1000),
        "lies.txt": slack.add_file("lies.txt", b"zephyr " * 1000, size=10),
        "broken.pdf": slack.add_file("broken.pdf", broken, mimetype="application/pdf"),
        "login.txt": slack.add_file("login.txt", b"zephyr", served=LOGIN),
        "login.pdf": slack.add_file("login.pdf", b"zephyr", served=LOGIN, mimetype="application/pdf"),
        "away.txt": slack.add_file("away.txt", b"zephyr", redirect=slack.elsewhere_url),
        "picture.png": slack.add_file("picture.png", b"\x89PNG\r\n\x1a\n\0zephyr", mimetype="image/png"),
        "empty.txt": slack.add_file("empty.txt", b""),
        "linked.txt": slack.add_file("linked.txt", b"zephyr", mode="external"),
    }
    monkeypatch.setitem(slack.files[bad["linked.txt"]].channels, harvest, None)
    real = slack.file_url
    monkeypatch.setattr(
        slack, "file_url", lambda file_id: slack.elsewhere_url if file_id == bad["linked.txt"] else real(file_id)
    )
    async with bot(files=True) as app:
        await caught_up(app, slack)
        posted = {name: slack.post(harvest, tamarind, "See there", files=[file_id]) for name, file_id in bad.items()}
        await quiet(app, slack)
        for name, ts in posted.items():
            assert (await message(app, ts))[0] == f"See there\n[file: {name}]"
        assert await kept(app, "zephyr") == []
        assert {request.host for request in slack.file_requests} == {slack.server.url.removeprefix("http://")}


async def test_without_the_scope_slack_sends_its_login_page_and_nothing_is_learnt_of_it(slack, bot, people, harvest):
    _, tamarind = people
    slack.scopes.discard("files:read")
    notes = slack.add_file("notes.txt", b"The zephyr valve opens at four bar.\n")
    async with bot(files=True) as app:
        await caught_up(app, slack)
        ts = slack.post(harvest, tamarind, "As promised", files=[notes])
        await quiet(app, slack)
        assert (await message(app, ts))[0] == "As promised\n[file: notes.txt]"


async def test_a_slow_file_host_holds_up_no_message(slack, bot, people, harvest):
    _, tamarind = people
    slow = slack.faults.on("files", hold=True)
    notes = slack.add_file("notes.txt", b"The zephyr valve opens at four bar.\n")
    async with bot(files=True) as app:
        await caught_up(app, slack)
        first = slack.post(harvest, tamarind, "As promised", files=[notes])
        await asyncio.wait_for(slow.reached.wait(), 10)
        second = slack.post(harvest, tamarind, "The gauge is new")
        await eventually(lambda: message(app, second))
        assert (await message(app, first))[0] == "As promised\n[file: notes.txt]"
        slow.release()
        await read(app, first, "four bar")
        assert await rows(app, "SELECT count(*) FROM message") == [(2,)]
