"""Questions that name nothing, and those that only look like it."""

import pytest

from bot.unclear import NAMELESS, asked_back


@pytest.mark.parametrize("question", ["why?", "what is that", "what about them?", "那个呢", "?!"])
def test_a_question_without_a_subject_is_asked_for_one(question):
    assert asked_back(question) == NAMELESS


@pytest.mark.parametrize(
    ("question", "pronoun"),
    [
        ("Who owns it?", "it"),
        ("Is it fixed?", "it"),
        ("when do they ship?", "they"),
        ("谁负责它", "它"),
        ("它多少钱", "它"),
    ],
)
def test_a_pronoun_that_stands_for_nothing_is_asked_about(question, pronoun):
    assert f"“{pronoun}”" in asked_back(question)


@pytest.mark.parametrize(
    "question",
    [
        "why did we drop Kafka?",
        "kafka?",
        "What is this channel about?",
        "is it possible to use TLS",
        "Did Marigold fix it?",
        "what does this mean for the release?",
        "为什么放弃Kafka",
        "那个项目谁负责",
    ],
)
def test_what_names_something_is_looked_for(question):
    assert asked_back(question) is None
