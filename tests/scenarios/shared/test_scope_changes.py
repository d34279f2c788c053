"""Who comes, goes or becomes somebody else, and what is closed: it counts at once."""

import pytest

from tests.scenarios.shared.test_scope import QUESTION, Words
from tests.scenarios.slack.scene import every_source


@pytest.fixture
def words(house):
    return Words(house)


async def test_who_is_taken_out_of_a_private_channel_hears_nothing_of_it_any_more(house, words):
    async with house.bot(every_source):
        assert words.board in await words.asked_alone(house.sorrel)
        house.leave(words.board, house.sorrel)
        await house.settled()
        assert await words.asked_alone(house.sorrel) == words.public
        assert "cedar" not in house.prompts[-1]
        house.join(words.board, house.sorrel)
        await house.settled()
        assert words.board in await words.asked_alone(house.sorrel)


async def test_nor_is_it_remembered_in_the_talk_that_goes_on(house, words):
    async with house.bot(every_source):
        began = house.dm(QUESTION, who=house.sorrel)
        await house.settled()
        assert "cedar" in house.prompts[-1]
        house.leave(words.board, house.sorrel)
        await house.settled()
        house.dm(QUESTION, who=house.sorrel, after=began)
        await house.settled()
        assert len(house.prompts) == 2
        assert "Earlier question" not in house.prompts[-1]
        assert "cedar" not in house.prompts[-1]


async def test_a_bot_that_is_removed_forgets_to_quote_the_channel_at_once(house, words):
    async with house.bot(every_source):
        assert await words.asked_alone(house.quince) == words.public | {words.board, words.hiring}
        house.remove_bot(words.market)
        house.remove_bot(words.board)
        await house.settled()
        assert await words.asked_alone(house.quince) == {house.harvest, words.hiring}


async def test_a_public_channel_made_private_closes_at_once_to_who_is_not_in_it(house, words):
    async with house.bot(every_source):
        assert words.market in await words.asked_alone(house.tamarind)
        house.close(words.market, [house.quince])
        await house.settled()
        assert words.market not in await words.asked_alone(house.tamarind)
        assert await words.asked(house.quince, house.harvest) == {house.harvest}
        assert words.market in await words.asked_alone(house.quince)


async def test_a_deleted_channel_is_gone_with_everything_that_was_said_there(house, words):
    async with house.bot(every_source):
        assert words.market in await words.asked(house.quince, house.harvest)
        house.delete_channel(words.market)
        await house.settled()
        assert await words.asked(house.quince, house.harvest) == {house.harvest}
        assert await house.rows("SELECT 1 FROM message WHERE body LIKE '%%birch%%'") == []
        assert not any("birch" in text for text in house.sees(house.quince))


async def test_who_leaves_the_team_hears_nothing(house, words):
    async with house.bot(every_source):
        talk = house.im(house.sorrel)
        assert words.board in await words.asked_alone(house.sorrel)
        before = len(house.seen(where=talk))
        house.depart(house.sorrel)
        await house.settled()
        house.dm(QUESTION, who=house.sorrel)
        await house.settled()
        assert words.told(house.seen(where=talk)[before:]) == set()
        assert len(house.prompts) == 1
