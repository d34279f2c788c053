"""Lines of a thread as the platform gave them: those of kept messages get the keys by which a deletion reaches them."""

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.index import Index
from knowledge.messages import MessageRef, Visibility
from knowledge.passages import Line
from knowledge.scope import Audience
from tests.talk import channel, deleted, described, said


def line(message_id, where="general"):
    return Line(0, 0, MessageRef(channel(where), message_id), 0, where, "quince", "hello", None, "")


async def test_only_lines_of_messages_that_stand_and_are_in_scope_get_a_key(database):
    access, archive, index = Access(database), Archive(database), Index(database)
    await access.record_channels([described("general"), described("board", Visibility.PRIVATE)])
    await archive.record([said("1", "one"), said("2", "two"), said("3", "three", where="board")])
    await archive.record([deleted("2")])
    general, board = (await access.scope_for(Audience(), None)).channel_pks
    kept, gone, unknown = await index.stored([general, board], [line("1"), line("2"), line("9")])
    assert kept.message_pk > 0
    assert kept.channel_pk == general
    assert f"{kept.message_pk}:{kept.rev}" in await index.still_true([general], [f"{kept.message_pk}:{kept.rev}"])
    assert (gone, unknown) == (line("2"), line("9"))
    assert await index.stored([general], [line("3", "board")]) == (line("3", "board"),)
    assert await index.stored([general], []) == ()
