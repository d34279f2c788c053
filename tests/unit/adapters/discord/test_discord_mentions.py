import pytest

from adapters.discord.mentions import addresses_others, addresses_us, question_text, replies_to_us

LORE, OUR_ROLES = "500", frozenset({"902"})


def said(content, mentions=(), reply_to=""):
    return {"content": content, "mentions": dict.fromkeys(mentions, "somebody"), "reply_to": reply_to}


@pytest.mark.parametrize(
    ("content", "question"),
    [
        ("<@500> why?", "why?"),
        ("<@!500>: why?", "why?"),
        ("<@&902> why?", "why?"),
        ("  <@500>, why?\n", "why?"),
        ("<@500> — why?", "why?"),
        ("why, <@500>?", "why,?"),
        ("ask <@500> about <@501> and <@&903>", "ask about <@501> and <@&903>"),
        ("thanks <@500>! more?", "thanks! more?"),
        ("<@500>\nfirst\nsecond", "first\nsecond"),
        ("<@500> <@500>", ""),
        ("<@500> what is `<@500>` for", "what is `<@500>` for"),
        ("<@500> see ``a ` <@500>`` and ```\n<@500>\n```", "see ``a ` <@500>`` and ```\n<@500>\n```"),
        ("see <@500> `x`", "see `x`"),
        ("<@5001> <@50>", "<@5001> <@50>"),
        ("<@500> -5 + 3", "-5 + 3"),
    ],
)
def test_a_question_is_the_words_without_our_name(content, question):
    assert question_text(content, LORE, OUR_ROLES) == question


def test_without_a_name_the_words_stay():
    assert question_text(" <@501> why ", "") == "<@501> why"
    assert question_text("<@&902> why", LORE) == "<@&902> why"


@pytest.mark.parametrize(
    ("content", "is_us"),
    [
        ("<@500> why?", True),
        ("hey <@!500>", True),
        ("<@&902> why?", True),
        ("<@&903> why?", False),
        ("<@501> why?", False),
        ("@Lore why?", False),
        ("`<@500>` is how", False),
        ("``<@500>`` is how", False),
        ("```\n<@500>\n```", False),
        ("a stray ` and <@500>", True),
        ("`a` <@500> `b`", True),
        ("> <@500> said so", True),
    ],
)
def test_who_is_named(content, is_us):
    assert addresses_us(said(content), LORE, OUR_ROLES) is is_us


def test_a_mention_that_only_discord_found_is_believed():
    assert addresses_us(said("see above", [LORE]), LORE)
    assert not addresses_us(said("see above", [LORE], reply_to="7"), LORE)


def test_a_reply_that_notifies_us_mentions_us_without_naming_us():
    assert replies_to_us(said("and in winter?", [LORE], reply_to="7"), LORE)
    assert not replies_to_us(said("and in winter?", reply_to="7"), LORE)
    assert not replies_to_us(said("and in winter?", [LORE]), LORE)


@pytest.mark.parametrize(
    ("record", "others"),
    [
        (said("and in winter?"), False),
        (said("and in winter?", [LORE], reply_to="7"), False),
        (said("<@501> do you know?", ["501"]), True),
        (said("<@501> do you know?", ["501", LORE], reply_to="7"), True),
        (said("do you know?", ["501"], reply_to="7"), True),
        (said("<@501> and <@500>, do you know?", ["501", LORE]), False),
        (said("<@&903> do you know?"), True),
        (said("<@&902> do you know?"), False),
        (said("@here do you know?"), True),
        (said("@everyone do you know?"), True),
        (said("mail@hereford.example"), False),
        (said("`<@501>` and `@here`"), False),
    ],
)
def test_who_speaks_to_others_does_not_ask_us(record, others):
    assert addresses_others(record, LORE, OUR_ROLES) is others


@pytest.mark.parametrize("content", ["`" * 30_000, "`a" * 15_000, "<@500" * 10_000, "``` `" * 6_000, " <@500>" * 5_000])
def test_hostile_words_are_read_in_no_time(content):
    question_text(content, LORE, OUR_ROLES)
    assert isinstance(addresses_others(said(content), LORE, OUR_ROLES), bool)
