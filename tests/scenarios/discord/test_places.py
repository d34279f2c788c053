"""Places that only Discord has: private threads, forums and their posts, announcements, archived threads."""

import pytest

from tests.scenarios.slack.scene import REMOVED, eventually, every_source, kept, message

RACK = "The zephyr rack holds forty bottles"
ASKED = "how many bottles does the zephyr rack hold?"
OF_CHANNEL = """
SELECT m.body FROM message m JOIN channel USING (channel_pk)
WHERE channel_id = %(id)s AND NOT m.deleted ORDER BY m.message_id"""
"""What is kept of a channel."""


async def bodies(house, channel):
    return [body for (body,) in await house.rows(OF_CHANNEL, id=channel)]


async def answers_to(house, who):
    return "\n".join(await house.ask(ASKED, who=who))


# ---- private threads ----------------------------------------------------------------------------------------------


async def test_a_private_thread_is_quoted_to_its_members_alone(house):
    thread = house.discord.start_thread(house.harvest, house.quince, "cellar talk", private=True, text=RACK)
    house.discord.add_thread_member(thread, house.us)
    async with house.bot(every_source):
        assert await bodies(house, thread) == [RACK]
        assert "forty" in await answers_to(house, house.quince)
        assert "forty" not in await answers_to(house, house.tamarind)
        house.mention(ASKED)
        await house.settled()
        assert house.shown_to("forty bottles") == {house.quince}


async def test_who_comes_into_a_private_thread_hears_of_it_and_who_leaves_no_longer(house):
    thread = house.discord.start_thread(house.harvest, house.quince, "cellar talk", private=True, text=RACK)
    house.discord.add_thread_member(thread, house.us)
    async with house.bot(every_source):
        house.discord.add_thread_member(thread, house.sorrel)
        await house.settled()
        assert "forty" in await answers_to(house, house.sorrel)
        house.discord.remove_thread_member(thread, house.sorrel)
        await house.settled()
        assert "forty" not in await answers_to(house, house.sorrel)


async def test_a_bot_that_is_asked_into_a_private_thread_learns_it_and_taken_out_closes_it(house):
    thread = house.discord.start_thread(house.harvest, house.quince, "cellar talk", private=True, text=RACK)
    async with house.bot(every_source):
        assert await bodies(house, thread) == []
        house.discord.add_thread_member(thread, house.us)
        await house.settled()
        await house.learned()
        assert "forty" in await answers_to(house, house.quince)
        house.discord.remove_thread_member(thread, house.us)
        await house.settled()
        assert "forty" not in await answers_to(house, house.quince)


async def test_a_private_thread_that_is_deleted_is_gone(house):
    thread = house.discord.start_thread(house.harvest, house.quince, "cellar talk", private=True, text=RACK)
    house.discord.add_thread_member(thread, house.us)
    async with house.bot(every_source) as app:
        house.discord.delete_thread(thread)
        await house.settled()
        assert await kept(app, "zephyr") == []


# ---- forums and threads -------------------------------------------------------------------------------------------


async def test_a_post_of_a_forum_is_found_by_its_title_and_by_what_is_said_in_it(house):
    forum = house.discord.add_channel(house.guild, "orchard", kind="forum")
    with house.discord.silently():
        old = house.discord.start_thread(forum, house.quince, "Zephyr rack", text="How many does it hold?")
        house.discord.post(old, house.tamarind, "It holds forty bottles")
    async with house.bot(every_source):
        assert await bodies(house, forum) == ["Zephyr rack\nHow many does it hold?", "It holds forty bottles"]
        new = house.discord.start_thread(forum, house.quince, "Simoom barrel", text="Where does it stand?")
        house.discord.post(new, house.tamarind, "The simoom barrel stands behind the mill")
        await house.settled()
        assert "forty" in await answers_to(house, house.sorrel)
        assert "behind the mill" in "\n".join(await house.ask("where does the simoom barrel stand?"))


async def test_a_post_that_is_deleted_is_gone_with_its_answers(house):
    forum = house.discord.add_channel(house.guild, "orchard", kind="forum")
    with house.discord.silently():
        post = house.discord.start_thread(forum, house.quince, "Zephyr rack", text=RACK)
        house.discord.post(post, house.tamarind, "The zephyr rack is full")
    async with house.bot(every_source) as app:
        asked = house.mention(ASKED)
        await house.settled()
        house.discord.delete_thread(post)
        await house.settled()
        assert await bodies(house, forum) == []
        [answer] = house.seen()
        assert (answer.asked, REMOVED in answer.text) == (asked, True)
        assert "message" not in await kept(app, "zephyr rack")


async def test_a_deleted_thread_leaves_the_message_that_began_it(house):
    async with house.bot() as app:
        reply = house.say_in_thread(house.decision, RACK, who=house.tamarind)
        await house.settled()
        assert (await message(app, reply))[0] == RACK
        house.discord.delete_thread(house.decision)
        await house.settled()
        assert await kept(app, "zephyr") == []
        assert not (await message(app, house.decision))[1]


async def test_an_archived_thread_is_learnt_and_goes_on_when_somebody_speaks(house):
    with house.discord.silently():
        thread = house.discord.start_thread(house.harvest, house.quince, "old talk", text=RACK)
        house.discord.archive_thread(thread)
    async with house.bot(every_source) as app:
        assert "forty" in await answers_to(house, house.sorrel)
        said = house.discord.post(thread, house.quince, "The rack was moved")
        await house.settled()
        assert (await message(app, said))[0] == "The rack was moved"


async def test_a_question_in_a_thread_is_answered_in_the_thread(house):
    house.seed(house.harvest, [(house.tamarind, RACK)])
    async with house.bot(every_source):
        asked = house.say_in_thread(house.decision, house.naming(ASKED))
        answer = await house.answer(asked, where=house.decision)
    assert "forty" in answer.text
    assert house.seen() == []


# ---- other kinds of channels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["news", "voice", "stage", "media"])
async def test_every_kind_of_channel_is_learnt(house, kind):
    place = house.discord.add_channel(house.guild, "cellar", kind=kind)
    with house.discord.silently():
        if kind == "media":
            house.discord.start_thread(place, house.quince, "Rack", text=RACK)
        else:
            house.discord.post(place, house.quince, RACK)
        if kind in {"voice", "stage"}:
            house.discord.set_overwrites(place, {house.us: (1 << 20, 0)})
    async with house.bot(every_source):
        await eventually(lambda: bodies(house, place))
        assert "forty" in await answers_to(house, house.tamarind)


async def test_an_age_restricted_channel_is_quoted_there_and_to_nobody_elsewhere_in_public(house):
    lounge = house.discord.add_channel(house.guild, "lounge", nsfw=True)
    house.seed(lounge, [(house.quince, RACK)])
    async with house.bot(every_source):
        house.mention(ASKED)
        await house.settled()
        assert house.shown_to("forty bottles") == set()
        answer = await house.answer(house.mention(ASKED, where=lounge), where=lounge)
        assert "forty" in answer.text


async def test_many_messages_deleted_at_once_are_gone(house):
    async with house.bot(every_source) as app:
        said = [house.say(f"{RACK}, number {n}", who=house.tamarind) for n in range(5)]
        await house.settled()
        asked = house.mention(ASKED)
        await house.settled()
        house.discord.bulk_delete(house.harvest, said)
        await house.settled()
        assert [(await message(app, one))[:2] for one in said] == [(None, True)] * 5
        [answer] = house.seen()
        assert (answer.asked, REMOVED in answer.text) == (asked, True)
