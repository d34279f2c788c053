"""Names and words that are SQL are only names and words: values are bound."""

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.messages import Visibility
from knowledge.scope import Audience
from tests.talk import channel, described, person, said

HOSTILE = "x') OR 1=1--"


async def test_sql_in_a_name_or_a_message_is_a_name_or_a_message(database):
    access, archive = Access(database), Archive(database)
    await access.record_channels([described("board", Visibility.PRIVATE), described(HOSTILE)])
    await archive.record([said(HOSTILE, "'; DROP TABLE message; --", where=HOSTILE, who=HOSTILE)])
    assert await database.fetch("SELECT body FROM message") == [("'; DROP TABLE message; --",)]
    scope = await access.scope_for(Audience(channel=channel(HOSTILE)), person(HOSTILE))
    assert "board" not in scope.channel_names
    assert await access.find_channels("' OR '1'='1") == []
