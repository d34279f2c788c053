"""Which talk is a question, what accepts an answer, and what is made of a thread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.labels import (
    ACCEPTING,
    BESIDE,
    RIGHT,
    Labelled,
    Post,
    is_accepted,
    is_question,
    is_searchable,
    is_thanks,
    label_of,
    together,
)

ASKER, HELPER, THIRD = 1, 2, 3
QUESTION = "How do I refresh staging from the backup?"


@pytest.mark.parametrize(
    "text",
    [
        "Where does the pager go?",
        "The pager is silent, is that on purpose? ",
        'somebody said "restart it"?',
        "which port does Kelp use\nI see two in the config",
        "Hi all, how do I get into the VPN",
        "@Quince: why did the deploy stop",
        "does anybody have the door code",
        "can we drop the old tablets",
        "anyone know the door code",
        "What is the door code? Thanks in advance!",
        "谁有门禁密码？",
        "门禁密码改了吗",
        "大家好，请问怎么连总部的系统",
        "如何申请报销",
        "服务器在哪里？谢谢！",
    ],
)
def test_questions_are_known(text):
    assert is_question(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?!",
        "The pager goes to Kumquat.",
        "Whatever, it works again",
        "What a day!",
        "However you do it, be quick",
        "can confirm, it is down",
        "Is down again",
        "谢谢大家",
        "服务器已经重启了。",
    ],
)
def test_what_only_looks_like_one_is_not(text):
    assert not (is_question(text) and is_searchable(text))


@pytest.mark.parametrize("text", ["why?", "?", "and then?", "为什么？", "how " + "a very long log line " * 100 + "?"])
def test_a_question_that_nobody_could_look_for_is_left_out(text):
    assert not is_searchable(text)


@pytest.mark.parametrize(
    ("reactions", "accepted"),
    [
        *(({name: 1}, True) for name in sorted(ACCEPTING)),
        ({"👍🏽": 2}, True),
        ({"✔️": 1}, True),
        ({"+1::skin-tone-3": 1}, True),
        ({":white_check_mark:": 1}, True),
        ({"+1": 0}, False),
        ({"-1": 3, "eyes": 2}, False),
        ({"x": 1}, False),
        ({}, False),
    ],
)
def test_reactions_that_accept(reactions, accepted):
    assert is_accepted(reactions) is accepted


@pytest.mark.parametrize(
    ("text", "thanks"),
    [
        ("Thanks!", True),
        ("ah, that worked", True),
        ("works now, thank you", True),
        ("that did it", True),
        ("understood", True),
        ("谢谢！", True),
        ("搞定了", True),
        ("解决了，多谢", True),
        ("thanks, but it still fails", False),
        ("No thanks", False),
        ("that didn't work", False),
        ("thanks in advance", False),
        ("thanks! and where is the log?", False),
        ("谢谢，但是还是不行", False),
        ("没解决", False),
        ("I restart it now", False),
        ("thanks " + "and a long story " * 20, False),
        ("", False),
    ],
)
def test_thanks(text, thanks):
    assert is_thanks(text) is thanks


def post(key, author, text="Run refresh-staging on the bastion.", **reactions):
    return Post(key, author, text, reactions)


def test_a_reply_with_an_accepting_reaction_answers_and_what_came_before_stands_beside_it():
    thread = [
        post("q", ASKER, QUESTION),
        post("a", THIRD, "I had that last week."),
        post("b", ASKER, "any idea"),
        post("c", HELPER, tada=2),
        post("d", THIRD, "I use that too."),
    ]
    label = label_of(thread)
    assert label == Labelled(
        "thread:q",
        QUESTION,
        {"a": BESIDE, "c": RIGHT},
        "thread",
        "q",
        answers=("Run refresh-staging on the bastion.",),
    )


def test_thanks_of_the_asker_accept_the_last_reply_before_them():
    thread = [post("q", ASKER, QUESTION), post("a", THIRD), post("b", HELPER), post("c", ASKER, "that worked")]
    label = label_of([*thread, post("d", THIRD, "me too")])
    assert label is not None
    assert label.relevant == {"a": BESIDE, "b": RIGHT}


def test_a_reaction_says_more_than_thanks():
    thread = [post("q", ASKER, QUESTION), post("a", HELPER, pray=1), post("b", THIRD), post("c", ASKER, "thanks")]
    label = label_of(thread)
    assert label is not None
    assert label.relevant == {"a": RIGHT}


@pytest.mark.parametrize(
    "thread",
    [
        [],
        [post("q", ASKER, QUESTION)],
        [post("q", ASKER, QUESTION), post("a", HELPER)],
        [post("q", ASKER, "Staging was refreshed."), post("a", HELPER, tada=1)],
        [post("q", None, QUESTION), post("a", HELPER, tada=1)],
        [post("q", ASKER, ""), post("a", HELPER, tada=1)],
        [post("q", ASKER, QUESTION), post("a", ASKER, tada=1)],
        [post("q", ASKER, QUESTION), post("a", None, tada=1)],
        [post("q", ASKER, QUESTION), post("a", HELPER, "", tada=1)],
        [post("q", ASKER, QUESTION), post("a", HELPER, "Which staging?", tada=1)],
        [post("q", ASKER, QUESTION), post("a", HELPER), post("b", THIRD, "thanks")],
        [post("q", ASKER, QUESTION), post("b", ASKER, "thanks"), post("a", HELPER)],
    ],
    ids=[
        "nothing", "no reply", "not accepted", "no question", "asked by nobody", "the question is gone", "own reply",
        "by nobody", "the reply is gone", "asked back", "somebody else thanks", "thanks before",
    ],
)  # fmt: skip
def test_what_nobody_accepted_makes_no_label(thread):
    assert label_of(thread) is None


texts = st.sampled_from([QUESTION, "Run it.", "thanks", "", "Which one?", "谢谢", "怎么连总部的系统？"]) | st.text()
posts = st.builds(
    lambda author, text, reactions: (author, text, reactions),
    st.sampled_from([None, ASKER, HELPER, THIRD]),
    texts,
    st.dictionaries(st.sampled_from(["+1", "eyes", "✔️", ""]), st.integers(-1, 2)),
)


@given(st.lists(posts, max_size=8))
def test_whatever_was_said_a_label_names_replies_of_others_to_a_question(said):
    thread = [Post(str(n), author, text, reactions) for n, (author, text, reactions) in enumerate(said)]
    label = label_of(thread)
    if label is None:
        return
    by_key = {one.key: one for one in thread}
    assert is_question(label.text)
    assert label.asked_in == "0"
    assert RIGHT in label.relevant.values()
    assert set(label.relevant.values()) <= {RIGHT, BESIDE}
    for key in label.relevant:
        assert by_key[key].text
        assert by_key[key].author != thread[0].author
    assert max(label.relevant, key=int) == max((k for k, g in label.relevant.items() if g == RIGHT), key=int)


def labelled(name, asked_in, *relevant):
    return Labelled(name, QUESTION, dict.fromkeys(relevant, RIGHT), "thread", asked_in)


def test_a_message_that_answers_is_never_left_out_as_one_that_asks():
    chosen = together([labelled("one", "a", "b"), labelled("two", "b", "c"), labelled("command", None, "d")])
    assert [one.query_id for one in chosen] == ["one", "command"]


def test_what_was_asked_once_counts_once():
    assert len(together([labelled("feedback", "a", "b"), labelled("thread", "a", "c")])) == 1
