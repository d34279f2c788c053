"""What is to be forgotten: a message, a person, a channel, a talk; by order of an admin, or of whom it concerns."""

from tests.scenarios.slack.scene import every_source, kept, message
from tests.scenarios.slack.talk import WHY_KAFKA

KEY = "The zephyr key is under the stone"
WHERE_KEY = "where is the zephyr key?"


def tables(places):
    return {place.partition(":")[0] for place in places}


async def test_a_forgotten_message_is_gone_for_good(house):
    async with house.bot(every_source) as app:
        said = house.say(KEY, who=house.tamarind)
        await house.settled()
        assert "stone" in (await house.answer(house.mention(WHERE_KEY))).text
        assert "Forgotten: 1 message." in await house.order("forget", message=said)
        assert await kept(app, "under the stone") == []
        assert all("stone" not in one.text for one in house.seen())
        house.edit(said, f"{KEY}, really")
        await house.order("reindex", channel=house.harvest)
        await house.learned()
        assert await kept(app, "under the stone") == []


async def test_a_question_that_its_asker_deletes_is_kept_nowhere(house):
    async with house.bot() as app:
        asked = house.mention(WHY_KAFKA)
        assert "Kafka" in (await house.answer(asked)).text
        assert {"answer", "threadlore"} <= tables(await kept(app, WHY_KAFKA))
        house.delete(asked)
        await house.settled()
        assert await kept(app, WHY_KAFKA) == []
        assert await house.rows("SELECT state FROM answer") == [("posted",)]


async def test_a_forgotten_person_is_gone_and_may_go_on_writing(house):
    async with house.bot() as app:
        house.say(KEY, who=house.tamarind)
        mine = house.say("I lost mine")
        await house.settled()
        assert "stone" in (await house.answer(house.mention("where is my zephyr key?", who=house.tamarind))).text
        assert tables(await kept(app, "zephyr")) == {"answer", "message", "threadlore"}
        # The decision in the house's past is of the same person.
        assert "Forgotten: 2 messages." in await house.order("forget", person=house.tamarind)
        assert await kept(app, "zephyr") == []
        assert (await message(app, mine))[0] == "I lost mine"
        later = house.say("I have a new one", who=house.tamarind)
        await house.settled()
        assert (await message(app, later))[0] == "I have a new one"


async def test_a_forgotten_channel_is_closed_until_an_admin_has_it_learnt_again(house):
    cellar = house.add_channel("cellar")
    house.seed(cellar, [(house.tamarind, "The zephyr rack holds forty")])
    async with house.bot(every_source) as app:
        assert "Forgotten: 1 message." in await house.order("forget", channel=cellar)
        assert await kept(app, "zephyr") == []
        house.say("The zephyr rack was moved", who=house.tamarind, where=cellar)
        house.rename(cellar, "vault")
        await house.settled()
        assert "message" not in await kept(app, "zephyr")
        assert "I know no such channel" in await house.order("forget", channel=cellar)
        assert "has begun" in await house.order("reindex", channel=cellar)
        await house.learned()
        assert "forty" in "\n".join(await house.ask("what does the zephyr rack hold?"))


async def test_who_wants_to_be_forgotten_is_and_stays_so(house):
    async with house.bot(every_source) as app:
        house.say(KEY, who=house.sorrel)
        house.say("The barn door has a bell")
        await house.settled()
        await house.answer(house.mention("has the barn door a bell, simoom?", who=house.sorrel))
        assert tables(await kept(app, "simoom")) == {"answer", "threadlore"}
        assert "Forgotten: 1 message of yours" in await house.order("forget-me", who=house.sorrel)
        assert await kept(app, "zephyr") == await kept(app, "simoom") == []
        house.say("The zephyr lock is new", who=house.sorrel)
        await house.settled()
        house.mention("what of the zephyr lock?", who=house.sorrel)
        await house.settled()
        assert "bell" in "\n".join(await house.ask("what has the barn door of the zephyr?", who=house.sorrel))
        await house.order("reindex", channel=house.harvest)
        await house.learned()
        assert await kept(app, "zephyr") == []
        assert "I may keep" in await house.order("remember-me", who=house.sorrel)
        said = house.say("The zephyr bell rings", who=house.sorrel)
        await house.settled()
        assert (await message(app, said))[0] == "The zephyr bell rings"


async def test_a_reset_forgets_the_talk_here(house):
    house.seed(house.harvest, [(house.tamarind, KEY)])
    async with house.bot(every_source):
        house.mention(WHERE_KEY)
        house.mention("who has the zephyr key?", who=house.tamarind)
        house.dm("where is my zephyr key?")
        await house.settled()
        assert len(await turns(house)) == 3
        assert "Forgotten: 1 question" in await house.order("reset", who=house.quince)
        assert len(await turns(house)) == 2


async def turns(house):
    return [place for place in await kept(house.app, "zephyr") if "turns" in place]
