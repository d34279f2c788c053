"""Who is told what: every channel holds a word of its own, and every word the bot shows is traced to its readers."""

import json

import pytest

from tests.scenarios.slack.scene import every_source

QUESTION = "what is the code word of the cellar door?"


class Words:
    """Channels of a house that each hold a code word: #harvest and #market for all, two for quince and sorrel alone."""

    def __init__(self, house):
        self.house = house
        self.words = {}
        self.market = self.room("market", "birch")
        self.board = self.room("board", "cedar", members=[house.quince, house.sorrel])
        self.hiring = self.room("hiring", "dogwood", members=[house.quince, house.tamarind])
        self.tell(house.harvest, "harvest", "alder")
        self.public = {house.harvest, self.market}

    def room(self, name, word, **more):
        place = self.house.add_channel(name, **more)
        self.tell(place, name, word)
        return place

    def tell(self, place, name, word):
        self.words[place] = word
        self.house.seed(place, [(self.house.quince, f"In {name} the code word of the cellar door is {word}")])

    def told(self, said):
        """The channels whose word is in what was said."""
        text = said if isinstance(said, str) else json.dumps([one.text for one in said])
        return {place for place, word in self.words.items() if word in text}

    async def asked(self, who, where):
        """Somebody asks in a channel: the channels whose word the answer holds."""
        return self.told(await self.house.answers(self.house.mention(QUESTION, who=who, where=where), where=where))

    async def asked_alone(self, who):
        """Somebody asks where nobody else reads: the same."""
        before = len(self.house.seen(where=self.house.im(who)))
        self.house.dm(QUESTION, who=who)
        await self.house.settled()
        return self.told(self.house.seen(where=self.house.im(who))[before:])


@pytest.fixture
def words(house):
    return Words(house)


async def test_an_answer_in_public_draws_from_public_channels_a_private_one_also_from_itself(house, words):
    async with house.bot(every_source):
        assert await words.asked(house.quince, house.harvest) == words.public
        assert await words.asked(house.tamarind, words.market) == words.public
        assert await words.asked(house.quince, words.board) == words.public | {words.board}
        assert await words.asked(house.tamarind, words.hiring) == words.public | {words.hiring}
        assert all("cedar" not in prompt or "dogwood" not in prompt for prompt in house.prompts)
    assert house.shown_to("cedar") == {house.quince, house.sorrel}
    assert house.shown_to("dogwood") == {house.quince, house.tamarind}


async def test_in_private_everybody_hears_from_what_is_theirs(house, words):
    async with house.bot(every_source):
        assert await words.asked_alone(house.quince) == words.public | {words.board, words.hiring}
        assert await words.asked_alone(house.sorrel) == words.public | {words.board}
        assert words.told("\n".join(await house.ask(QUESTION, who=house.tamarind))) == words.public | {words.hiring}
        assert words.told("\n".join(await house.ask(QUESTION, who=house.medlar))) == words.public
    assert house.shown_to("cedar") == {house.quince, house.sorrel}
    assert house.shown_to("dogwood") == {house.quince, house.tamarind}


async def test_an_admin_hears_no_more_than_others(house, words):
    async with house.bot(every_source):
        assert await words.asked_alone(house.medlar) == words.public


async def test_what_only_the_asker_may_see_is_shown_to_the_asker_alone(house, words):
    house.seed(words.board, [(house.quince, "The zephyr merger closes in May")])
    async with house.bot(every_source):
        asked = house.mention("when does the zephyr merger close?")
        await house.settled()
        assert house.shown_to("closes in May") == set()
        [offer] = [one for one in house.seen(viewer=house.quince) if "private" in one.actions]
        assert house.seen(viewer=house.tamarind)[-1].asked == asked
        await house.press(house.quince, offer, "private")
        assert house.shown_to("closes in May") == {house.quince}


async def test_a_command_for_all_draws_from_what_all_may_read(house, words):
    async with house.bot(every_source):
        await house.ask(QUESTION, public=True)
        assert words.told(house.seen(viewer=house.medlar)) == words.public
        assert house.shown_to("cedar") == house.shown_to("dogwood") == set()
