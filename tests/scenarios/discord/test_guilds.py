"""Guilds come, go, and are away for a while; two of them know nothing of each other."""

from tests.scenarios.slack.scene import eventually, every_source

RACK = "The zephyr rack holds forty bottles"
ASKED = "how many bottles does the zephyr rack hold?"
OPEN = "SELECT 1 FROM channel WHERE hidden_at IS NULL AND removed_at IS NULL AND platform = 'discord'"


async def test_an_unavailable_guild_is_an_outage_and_nothing_is_closed(house):
    house.seed(house.harvest, [(house.tamarind, RACK)])
    async with house.bot(every_source):
        house.discord.set_unavailable(house.guild)
        await house.discord.settled()
        assert await house.rows(OPEN)
        house.discord.set_unavailable(house.guild, unavailable=False)
        await house.settled()
        assert "forty" in "\n".join(await house.ask(ASKED))


async def test_what_was_written_during_an_outage_is_read_after_it(house):
    async with house.bot(every_source):
        house.discord.set_unavailable(house.guild)
        await house.discord.settled()
        house.say(RACK, who=house.tamarind)
        house.discord.set_unavailable(house.guild, unavailable=False)

        async def is_read():
            return await house.rows("SELECT 1 FROM message WHERE body = %(text)s", text=RACK)

        await eventually(is_read)


async def test_a_guild_that_removed_the_bot_is_closed_at_once(house):
    house.seed(house.harvest, [(house.tamarind, RACK)])
    async with house.bot(every_source):
        assert await house.rows(OPEN)
        house.discord.remove_guild(house.guild)

        async def is_closed():
            return not await house.rows(OPEN)

        await eventually(is_closed)


async def test_a_guild_that_is_joined_while_the_bot_runs_is_learnt_and_greeted_once(house):
    async with house.bot(every_source):
        with house.discord.silently():
            other = house.discord.add_guild("lagoon")
            place = house.discord.add_channel(other, "cellar")
            house.discord.seed(place, [(house.discord.owner_of(other), RACK)])
        house.discord.tell("GUILD_CREATE", house.discord.guild_payload(other), other)

        async def is_read():
            return await house.rows("SELECT 1 FROM message WHERE body = %(text)s", text=RACK)

        await eventually(is_read)
        await house.settled()
        greetings = [one for one in house.discord.bot_messages(place) if "Hello, I am a bot" in one.content]
        assert len(greetings) == 1


async def test_two_guilds_know_nothing_of_each_other(house):
    other = house.discord.add_guild("lagoon")
    plum = house.discord.add_member(other, "plum")
    place = house.discord.add_channel(other, "cellar")
    house.discord.seed(place, [(plum, RACK)])
    async with house.bot(every_source):
        house.mention(ASKED)
        await house.settled()
        assert "did not find" in house.seen()[-1].text
        house.discord.post(place, plum, house.naming(ASKED))
        await house.settled()
        assert "forty" in house.seen(where=place)[-1].text
        assert "#cellar" not in await house.order("status")
        assert "No question was left open" not in await house.order("gaps")
