"""The sample workspace through the real reader into a real database."""

from importlib.resources import as_file, files

import pytest

from adapters.archive.detect import open_export
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.importer import Importer
from knowledge.messages import Deleted, Posted, Visibility
from knowledge.scope import Audience
from tests.talk import channel, deleted, described, said


@pytest.fixture
def importer(database):
    return Importer(Access(database), Archive(database))


def sample():
    return as_file(files("bot") / "sample" / "sample-workspace.zip")


async def test_the_sample_is_read_once_and_a_second_time_changes_nothing(database, importer):
    with sample() as path:
        first = await importer.run(open_export(path))
        before = await database.fetch("SELECT * FROM message ORDER BY message_pk")
        counts = await database.fetch("SELECT * FROM channel ORDER BY channel_pk")
        second = await importer.run(open_export(path))
    assert first.written >= 200
    assert first.problems == []
    assert (second.read, second.written, second.deleted) == (first.read, 0, 0)
    assert await database.fetch("SELECT * FROM message ORDER BY message_pk") == before
    assert await database.fetch("SELECT * FROM channel ORDER BY channel_pk") == counts


async def test_who_may_read_what_comes_with_the_sample(database, importer):
    with sample() as path:
        await importer.run(open_export(path))
    access = Access(database)
    names = {name: ref for ref, name in [(await access.find_channels(n))[0] for n in ("hiring", "general")]}
    public = await access.scope_for(Audience(channel=names["general"]), None)
    assert "hiring" not in public.channel_names
    private = await access.scope_for(Audience(channel=names["hiring"]), None)
    assert "hiring" in private.channel_names
    assert "leadership-budget" not in private.channel_names
    guest = (await access.find_people("Damson"))[0][0]
    seen = await access.scope_for(Audience(person=guest), guest)
    assert "hiring" not in seen.channel_names
    assert len(seen.channel_names) < 9


class Talk:
    """An export made of entries."""

    name, bytes_total, bytes_read = "talk", 1, 1

    def __init__(self, *entries):
        self._entries = entries

    def entries(self):
        return iter(self._entries)


async def test_direct_conversations_are_never_stored(database, importer):
    secret: Posted = said("1", "between us", where="dm")
    gone: Deleted = deleted("2", "dm")
    report = await importer.run(
        Talk(described("dm", Visibility.DIRECT), secret, gone, described("general"), said("3", "hi"))
    )
    assert report.read == 1
    assert await database.fetch("SELECT message_id FROM message") == [("3",)]
    assert await database.fetch("SELECT count(*) FROM channel WHERE channel_id = 'dm'") == [(0,)]


async def test_an_import_tells_which_messages_memory_must_drop(database, importer):
    await importer.run(Talk(described("general"), said("1", "A")))
    report = await importer.run(Talk(described("general"), deleted("1"), deleted("never-seen")))
    (key,) = await database.fetch("SELECT message_pk FROM message WHERE message_id = '1'")
    assert report.gone == [f"{key[0]}:1"]
    assert report.deleted == 1


async def test_a_message_of_an_unknown_channel_is_private(database, importer):
    await importer.run(Talk(said("1", "whose is this?", where="unheard-of")))
    scope = await Access(database).scope_for(Audience(channel=channel("general")), None)
    assert scope.channel_pks == ()
    assert await database.fetch("SELECT visibility FROM channel") == [("private",)]
