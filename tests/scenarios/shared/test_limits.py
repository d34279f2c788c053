"""Who asks far too much is told so once, and nobody else notices."""

import pytest

TOO_MUCH = "You have asked me a lot in a short time"
KAFKA = "why did we drop Kafka?"


@pytest.fixture
def limits():
    return {"user": "2/minute"}


async def test_one_who_floods_is_told_once_and_others_are_answered(house, limits):
    async with house.bot(limits=limits):
        asked = [house.mention(KAFKA) for _ in range(6)]
        fair = house.mention(KAFKA, who=house.tamarind)
        assert "three outages" in (await house.answer(fair)).text
        answers = [await house.answers(one) for one in asked]
        outcomes = await house.rows("SELECT outcome, count(*) FROM answer GROUP BY outcome ORDER BY outcome")
    said = [one.text for told in answers for one in told]
    assert len([text for text in said if "three outages" in text]) == 2
    assert len([text for text in said if TOO_MUCH in text]) == 1
    assert len(said) == 3
    assert outcomes == [("answered", 3), ("refused_limit", 4)]


async def test_a_command_is_never_left_without_a_word(house, limits):
    async with house.bot(limits=limits):
        said = ["\n".join(await house.ask(KAFKA)) for _ in range(4)]
        assert [TOO_MUCH in text for text in said] == [False, False, True, True]
        assert TOO_MUCH in await house.order("status", who=house.quince)
        assert "Channels: 1" in await house.order("status")
