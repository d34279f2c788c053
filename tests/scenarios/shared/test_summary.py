"""Summaries by a command: for whoever asked alone, or for everybody in the channel."""

from tests.scenarios.slack.scene import MARKED
from tests.scenarios.slack.talk import KAFKA

AUDIT = "Decision: the brokers go on 12 May, after the audit"


def talk_of(house):
    """A thread and a remark in #harvest; the first message of the thread."""
    [root] = house.seed(house.harvest, [(house.sorrel, "When do the Kafka brokers go?")])
    told = [(house.tamarind, AUDIT), (house.quince, "I will tell the bakeries about the brokers")]
    house.seed(house.harvest, told, thread=root)
    return root


def points(prompt):
    """A model that sums up: every source is a point."""
    return "\n".join(f"- {text} [{n}]" for n, text in MARKED.findall(prompt)) or "Nothing."


async def test_a_summary_of_the_channel_is_for_who_asked_and_cites_what_was_said(house):
    talk_of(house)
    async with house.bot(points):
        told = "\n".join(await house.sum_up())
        assert await house.answers(viewer=house.sorrel) == []
    assert "4 messages by 3 people since" in told
    assert "[1]" in told
    assert "#harvest" in told


async def test_a_thread_is_summed_up_and_a_channel_since_a_day(house):
    root = talk_of(house)
    async with house.bot(points):
        of_thread = "\n".join(await house.sum_up(thread=root))
        since = "\n".join(await house.sum_up(channel=house.harvest, since="yesterday"))
        later = "\n".join(await house.sum_up(since="2019-02-30"))
    assert "3 messages by 3 people in this thread" in of_thread
    assert "audit" in of_thread
    assert KAFKA not in of_thread
    assert "4 messages" in since
    assert "[1]" not in later


async def test_a_public_summary_says_who_asked_for_it(house):
    talk_of(house)
    async with house.bot(points):
        await house.sum_up(public=True)
        answer = await house.answer(viewer=house.sorrel)
    assert answer.text.removeprefix("-# ").startswith("quince asked for a summary")


async def test_a_channel_that_is_closed_to_the_asker_is_summed_up_like_an_empty_one(house):
    cellar = house.add_channel("cellar", members=[house.sorrel])
    house.seed(cellar, [(house.sorrel, "The cellar door code is 4711, decided today")])
    attic = house.add_channel("attic")
    async with house.bot(points):
        closed, empty = ["\n".join(await house.sum_up(channel=place)) for place in (cellar, attic)]
        own = "\n".join(await house.sum_up(channel=cellar, who=house.sorrel))
        assert house.shown_to("4711") == {house.sorrel}
    assert closed == empty
    assert "4711" in own
