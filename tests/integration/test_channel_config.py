"""The settings of channels, kept and changed; on a real PostgreSQL."""

import asyncio

import pytest

from bot.channel_config import BadSetting, ChannelConfig, ChannelConfigs, changed, lines_of
from bot.errors import AdapterUnusable
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.forget import Eraser
from tests.talk import channel, described

GENERAL = channel("general")


@pytest.fixture
def configs(database):
    return ChannelConfigs(database, lambda: ("cellar",))


async def test_what_was_never_set_is_the_default(configs):
    assert await configs.get(GENERAL) == ChannelConfig()
    assert (await configs.get(GENERAL)).is_on


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("bot", "off", {"bot": "off"}),
        (" BOT ", " Off ", {"bot": "off"}),
        ("threads", "strict", {"threads": "strict"}),
        ("strict", "", {"threads": "strict"}),
        ("ephemeral", "on", {"replies": "private"}),
        ("sources", "off", {"sources": "off"}),
        ("language", "pt-BR", {"language": "pt-br"}),
        ("language", "auto", {}),
        ("model", "cellar", {"model": "cellar"}),
        ("keep", "90", {"keep": "90"}),
        ("keep", "Default", {}),
    ],
)
async def test_one_setting_is_changed_and_the_others_stay(configs, key, value, expected):
    assert await configs.set(GENERAL, key, value) == ChannelConfig(**expected)
    assert await configs.get(GENERAL) == ChannelConfig(**expected)
    assert await configs.get(channel("board")) == ChannelConfig()


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("colour", "red", "There is no setting colour"),
        ("", "", "There is no setting of that name"),
        ("bot", "", "bot can be on or off"),
        ("bot", "perhaps", "bot can be on or off"),
        ("replies", "loud", "replies can be public or private"),
        ("language", "english, please", "language can be auto"),
        ("language", "", "language can be auto"),
        ("model", "barn", "model can be default, cellar"),
        ("strict", "off", "There is no setting strict"),
        ("keep", "0", "keep can be default, or a number of days"),
        ("keep", "3 months", "keep can be default"),
        ("keep", "١٢", "keep can be default"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_a_sentence_and_changes_nothing(configs, key, value, sentence):
    await configs.set(GENERAL, "sources", "off")
    with pytest.raises(BadSetting) as refused:
        await configs.set(GENERAL, key, value)
    assert refused.value.sentence.startswith(sentence)
    assert await configs.get(GENERAL) == ChannelConfig(sources="off")


def test_without_a_lora_adapter_there_is_one_model_only():
    with pytest.raises(BadSetting, match="default only"):
        changed(ChannelConfig(), "model", "cellar")


async def test_an_adapter_that_cannot_be_used_is_not_chosen(database):
    async def broken(name):
        raise AdapterUnusable(f"The LoRA adapter {name} is no GGUF file that can be read.")

    configs = ChannelConfigs(database, lambda: ("cellar",), broken)
    with pytest.raises(AdapterUnusable, match="cellar is no GGUF"):
        await configs.set(GENERAL, "model", "cellar")
    assert await configs.set(GENERAL, "model", "default") == ChannelConfig()


async def test_channels_whose_adapter_has_gone_are_named(database):
    there = ["barn", "cellar"]
    configs = ChannelConfigs(database, lambda: there)
    await Access(database).record_channels([described("general")])
    await configs.set(GENERAL, "model", "cellar")
    await configs.set(channel("board"), "model", "barn")
    assert await configs.without_adapter(None, None) == []
    there.remove("cellar")
    assert await configs.without_adapter(None, None) == [("general", "cellar")]
    assert await configs.without_adapter("test", "tidepool") == [("general", "cellar")]
    assert await configs.without_adapter("test", "lagoon") == []
    there.clear()
    assert await configs.without_adapter(None, None) == [("board", "barn"), ("general", "cellar")]


async def test_what_another_version_stored_is_left_out_and_not_lost(database, configs):
    await database.execute(
        "INSERT INTO channel_config VALUES ('test', 'tidepool', 'general', '{\"bot\": \"off\", \"mood\": \"merry\"}')"
    )
    assert await configs.get(GENERAL) == ChannelConfig(bot="off")
    await configs.set(GENERAL, "sources", "off")
    assert await database.fetch("SELECT config ->> 'mood' FROM channel_config") == [("merry",)]


async def test_settings_outlive_a_channel_that_was_forgotten(database, configs):
    await Access(database).record_channels([described("general")])
    await configs.set(GENERAL, "replies", "private")
    await Eraser(database, Archive(database)).channel(GENERAL)
    assert (await configs.get(GENERAL)).replies == "private"


async def test_two_that_are_set_at_once_are_both_set(configs):
    await asyncio.gather(configs.set(GENERAL, "sources", "off"), configs.set(GENERAL, "replies", "private"))
    assert await configs.get(GENERAL) == ChannelConfig(sources="off", replies="private")


def test_the_lines_say_everything():
    assert lines_of(ChannelConfig(language="de")) == [
        "bot: on", "threads: follow", "replies: public", "sources: on", "language: de", "model: default",
        "keep: default",
    ]  # fmt: skip
