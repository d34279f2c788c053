"""A channel's LoRA adapter answers there, in every way of asking, and nowhere else."""

from dataclasses import replace

import pytest

from bot.documents import status_document
from tests.fakes.models import scripted
from tests.scenarios.shared.test_summary import points, talk_of
from tests.scenarios.slack import conftest as slack_conftest
from tests.scenarios.slack.talk import WHY_KAFKA


@pytest.fixture
def there(monkeypatch):
    """Names of the adapters that can be chosen."""
    names = ["cellar"]
    made = scripted

    def with_adapters(script, **options):
        return replace(made(script, **options), adapters=lambda: names)

    monkeypatch.setattr(slack_conftest, "scripted", with_adapters)
    return names


async def choose(house, adapter):
    return await house.order("config", channel=house.harvest, key="model", value=adapter)


async def test_the_channels_adapter_answers_questions_follow_ups_and_summaries(house, there):
    talk_of(house)
    async with house.bot(points) as app:
        await house.answer(house.mention(WHY_KAFKA))
        assert "model: cellar" in await choose(house, "cellar")
        first = await house.answer(house.mention(WHY_KAFKA))
        house.reply(first, "and when did it cause outages?")
        await house.settled()
        await house.sum_up()
        house.dm(WHY_KAFKA)
        await house.answer(where=house.im())
        loras = app.chat.model.loras
        assert loras == ["", "cellar", "cellar", "cellar", ""]
        assert "model: default" in await choose(house, "default")
        await house.answer(house.mention(WHY_KAFKA))
        assert loras[5:] == [""]


async def test_one_that_is_not_there_is_not_chosen_and_one_that_has_gone_is_named(house, there):
    async with house.bot() as app:
        assert "model can be default, cellar." in await choose(house, "barn")
        await choose(house, "cellar")
        there.clear()
        said = await house.order("status")
        assert "#harvest: the LoRA adapter cellar is not there, so the model alone answers." in said
        document = status_document(await app.admin.status())
    assert document["without_adapter"] == [{"channel": "harvest", "adapter": "cellar"}]
