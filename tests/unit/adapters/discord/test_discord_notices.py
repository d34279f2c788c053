import pytest

from adapters.discord.notices import (
    FOR_ADMINS,
    FOR_EVERYBODY,
    closed_line,
    help_lines,
    help_message,
    joined_notice,
    with_question,
)
from adapters.discord.render import Rendered


def test_the_notice_on_joining_says_what_who_and_how_to_opt_out():
    (content, embeds, components) = (joined_notice().content, joined_notice().embeds, joined_notice().components)
    assert [word in content for word in ("What I read", "Who sees it", "How to opt out", "`/forget-me`")] == [True] * 4
    assert len(content) <= 2_000
    assert embeds == components == []


def test_the_notice_counts_channels_with_a_closed_past_and_names_none():
    assert "of 1 channel that" in joined_notice(1).content
    assert "of 2 channels that" in joined_notice(2).content
    assert len(joined_notice(500).content) <= 2_000


def test_channels_with_a_closed_past_are_one_sentence_however_many_there_are():
    assert closed_line(["cellar"]).startswith("Not learnt, because I see them but may not read their past: #cellar. ")
    assert "#one, #two. Give me Read Message History" in closed_line(["one", "two"])
    assert "#c14 and 485 more." in closed_line([f"c{n}" for n in range(500)])


def test_the_help_names_what_each_person_may_use():
    shown, of_admins = "\n".join(help_lines(is_admin=False)), "\n".join(help_lines(is_admin=True))
    assert all(f"`/{name}`" in shown for name in FOR_EVERYBODY)
    assert "`/lore " not in shown
    assert all(f"`/{name}`" in of_admins for name in FOR_EVERYBODY + FOR_ADMINS)
    assert "Show me privately" in shown


@pytest.mark.parametrize("locale", ["", "en-GB", "zh-CN", "zh-TW", "de"])
def test_the_help_fits_one_message_in_every_language(locale):
    shown = help_message(locale, is_admin=True).content
    assert len(shown) <= 2_000
    assert ("提" in shown) == locale.startswith("zh")


def test_a_public_answer_repeats_its_question():
    answer = Rendered("At night.", [{"description": "source"}], [{"type": 1}])
    (part,) = with_question([answer], "Qui*nce", "when do\n@here we <@1> press? https://a.example")
    assert part.content == "-# Qui\\*nce asked: when do here we @1 press? (link removed)\nAt night."
    assert (part.embeds, part.components) == (answer.embeds, answer.components)


def test_a_summary_is_asked_for_without_a_question():
    (part,) = with_question([Rendered("Much was said.")], "Quince", " ")
    assert part.content == "-# Quince asked for a summary\nMuch was said."


def test_a_question_that_finds_no_room_is_a_message_of_its_own():
    parts = with_question([Rendered("x" * 1_990), Rendered("y")], "Quince", "*" * 9_000)
    assert [part.content[:15] for part in parts] == ["-# Quince asked", "x" * 15, "y"]
    assert len(parts[0].content) <= 700
