"""Whatever the model, a colleague or an import wrote: what goes to Discord is within its limits and has no power."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.discord.components import action_of
from adapters.discord.escaping import escaped, link
from adapters.discord.markdown import discord_markdown
from adapters.discord.notices import with_question
from adapters.discord.render import (
    answer_parts,
    error_message,
    notice,
    partial,
    progress,
    sources_detail,
)
from adapters.replies import split
from bot.conversation import Answer, Citation, Outcome
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line

NOW = datetime(2026, 3, 23, 12, 0, tzinfo=UTC)
HOME = "https://discord.com/channels/1/2/3"
MARKS = {"[1]": link(HOME, "[1]")}
PIECES = st.sampled_from(
    [
        *"*_~`[]()<>&@!#|\\-=+:/^{}.,;\"'% \n\t1abt",
        *("**", "~~", "||", "__", "```", "```py\n", "\n\n", "\n> ", "\n- ", "\n1. ", "\n# ", "\n-# ", "\n>>> "),
        *("\n|-|-|\n", "| a | b |", "---", "<@1>", "<@!1>", "<@&1>", "<#1>", "</a:1>", "<id:guide>", "<t:1:R>"),
        *("<:a:1>", "<a:b:1>", "@here", "@everyone", "@\u200dhere", "＠here", "<@", "</a", "everyone", "&lt;", "&#64;"),
        *("https://evil.example", "[a](https://evil.example)", "(<https://evil.example>)", "<https://evil.example>"),
        *("https://", "steam://"),
        *("//evil.example", "www.evil.example", "![i](x)", "[1]", "[2]", "[12]", "[1](", "窖", "，", "重点"),
        *("👩‍👩‍👧", "e\u0301", "\u202e", "\u200b", "\x00", "\x1b[0m", "\ud800", "\u00ad", "\ufe0f"),
    ]
)  # fmt: skip
MARKUP = st.lists(PIECES, max_size=60).map("".join)
ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
TEXTS = MARKUP | ANY_TEXT
LONG_TEXTS = TEXTS | st.builds(lambda text, times: text * times, TEXTS, st.integers(1, 300))
PERMALINKS = st.sampled_from([HOME, "", "javascript:x", "https://a|b>", "https://a_(b)*c*", "<@1>"]) | TEXTS
LINES = st.builds(
    Line,
    message_pk=st.integers(0, 9),
    rev=st.just(1),
    ref=st.just(MessageRef(ChannelRef("discord", "1", "2"), "3")),
    channel_pk=st.just(1),
    channel_name=TEXTS,
    author=TEXTS,
    text=LONG_TEXTS,
    posted_at=st.none() | st.integers(-9, 9_999_999).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    permalink=PERMALINKS,
)
CITATIONS = st.lists(st.builds(Citation, n=st.integers(0, 30), line=LINES, quote=TEXTS), max_size=30).map(tuple)
ANSWERS = st.builds(
    Answer,
    text=LONG_TEXTS,
    outcome=st.sampled_from(Outcome),
    citations=CITATIONS,
    nearest=st.lists(LINES, max_size=3).map(tuple),
    people=st.lists(TEXTS, max_size=4).map(tuple),
)

OUR_LINK = re.compile(r"\[(?:\[\d{1,3}\]|open)\]\(<https?://[\w.~:/?#@!$&',;=+%-]+>\)", re.IGNORECASE | re.ASCII)
ADDRESS = re.compile(r"<https?://[\w.~:/?#@!$&',;=+%-]+>", re.IGNORECASE | re.ASCII)
ESCAPE = re.compile(r"\\[^0-9A-Za-z\s]")
UNSEEN = "[\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f]*"
PING = re.compile(f"<{UNSEEN}@{UNSEEN}[!&]?\\d|[@＠﹫]{UNSEEN}(?:here|everyone)", re.IGNORECASE)
MENTION = re.compile(r"<(?:#\d+|/[^<>:]+:\d+|t:-?\d+(?::\w)?|a?:\w+:\d+|id:\w+)>")
# In code, so that its bracket opens no link.
OUR_MARK = re.compile(r"`\[\d{1,3}\]`")
MASKED_LINK = re.compile(r"\[[^\n]*?\]\(<?\w+:")
HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\ud800-\udfff]")


def assert_powerless(shown):
    """Nobody is pinged by the raw text; what is left without our links and what is escaped mentions nothing."""
    assert not PING.search(shown)
    assert not HIDDEN.search(shown)
    rest = ESCAPE.sub("", ADDRESS.sub("", OUR_LINK.sub("", OUR_MARK.sub("", shown))))
    assert not MENTION.search(rest)
    assert not MASKED_LINK.search(rest)
    assert "://" not in rest
    shown.encode()


def assert_sendable(part):
    assert part.content.strip() or part.embeds
    assert len(part.content) <= 2_000
    assert len(part.embeds) <= 10
    assert sum(len(embed["description"]) for embed in part.embeds) <= 6_000
    for text in (part.content, *(embed["description"] for embed in part.embeds)):
        assert_powerless(text)
    for embed in part.embeds:
        assert len(embed["description"].strip()) >= 1
        assert len(embed["description"]) <= 4_096
    for row in part.components:
        assert 1 <= len(row["components"]) <= 5
        for button in row["components"]:
            assert len(button["custom_id"]) <= 100
            assert action_of(button["custom_id"])


@settings(deadline=None)
@given(LONG_TEXTS)
@example("<<@1>@1>")
@example("@<@>everyone")
@example("</x<t:1>")
@example("@\u200d@here")
@example("**://evil.example")
@example("[1]**(https://evil.example)**")
@example("\n".join("> " * n + "x" for n in range(60)))
def test_model_text_has_no_power(text):
    shown = discord_markdown(text, MARKS)
    assert_powerless(shown)
    assert "://" not in shown.replace(MARKS["[1]"], "")


@settings(deadline=None)
@given(TEXTS)
@example("https://ä.example")
@example("://evil.example")
def test_other_peoples_text_has_neither_power_nor_formats(text):
    shown = escaped(text)
    assert_powerless(shown)
    rest = ESCAPE.sub("", ADDRESS.sub("", shown))
    assert not set(rest) & set("*_~`|[<\\")
    for line in ADDRESS.sub("x", shown).split("\n"):
        assert not re.match(r"\s*(?:>|(?:-?#{1,3}|[+-]|\d{1,9}[.)])(?:\s|$))", line)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["open", "[1]"]))
def test_a_link_is_ours_or_none(url, label):
    shown = link(url, label)
    assert OUR_LINK.fullmatch(shown) or shown == escaped(label)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["*", "**", "_", "~~a~~", "\n", "\n\n", "\n> ", "\n- ", "\n# ", " ", "a", "b", "窖", ",", "\\", "`a`"]
        )
    ).map("".join)
)
def test_no_letter_is_lost_or_moved(text):
    # Letters behind a fence would be the name of a language.
    def letters(any_text):
        return [char for char in any_text if char.isalpha()]

    assert letters(discord_markdown(text)) == letters(text)


@settings(deadline=None, max_examples=40)
@given(ANSWERS, st.text("abc-:1", min_size=1, max_size=300), st.booleans(), st.booleans(), st.booleans(), TEXTS)
def test_any_answer_can_be_sent(answer, answer_id, buttons, sources, private, asked):
    parts = answer_parts(answer, answer_id=answer_id, now=NOW, buttons=buttons, sources=sources, private=private)
    assert parts
    for part in (*parts, *with_question(parts, asked, asked)):
        assert_sendable(part)


@settings(deadline=None, max_examples=40)
@given(LONG_TEXTS, TEXTS, CITATIONS, st.lists(LONG_TEXTS), st.none() | st.integers())
def test_everything_else_can_be_sent(text, short, citations, lines, place):
    for part in (
        partial(text, waiting_mark=short),
        sources_detail(citations, NOW),
        error_message(text),
        notice(lines),
        progress(place),
    ):
        assert_sendable(part)


# ---- split --------------------------------------------------------------------------------------------------------

WHOLES = st.sampled_from(
    ["\\*", "\\[", "\\<", "\\\\", "\\[7]", MARKS["[1]"], "[open](<https://a.example>)", "<https://a>"]
)
WORDS = st.text(st.sampled_from("ab窖。 \n"), max_size=30)
MIXED = st.lists(WORDS | WHOLES, max_size=40).map("".join)
WHOLE = re.compile(r"\\\[\d\]|\\[^\w\s]|\[\[\d\]\]\(<[^<>\n]+>\)|\[\w+\]\(<[^<>\n]+>\)|<[^<>\n]+>")


@settings(deadline=None)
@given(MIXED, st.integers(60, 120))
def test_what_belongs_together_is_never_cut(text, limit):
    whole = [found for part in split(text, limit) for found in WHOLE.findall(part)]
    assert whole == WHOLE.findall(text)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.text("ab =*", max_size=90), max_size=30)), max_size=9),
)
def test_each_part_has_its_code_whole(blocks):
    text = "\n\n".join("\n".join(["```py", *lines, "```"] if is_code else lines) for is_code, lines in blocks)
    for part in answer_parts(Answer(text, Outcome.ANSWERED), answer_id="a1", now=NOW):
        assert part.content.count("```") % 2 == 0
        assert re.fullmatch(r"(?:```(?:py)?\n(?:(?!```)[\s\S])*?\n```|(?!```)[\s\S])*", part.content)


# ---- time ---------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=6).map("".join))
def test_time_grows_with_length_only(piece):
    def seconds(size):
        text = piece * (size // len(piece))

        def once():
            begin = time.process_time()
            split(discord_markdown(text), 2_000)
            escaped(text)
            return time.process_time() - begin

        return min(once() for _ in range(2))

    assert seconds(40_000) < 40 * max(seconds(5_000), 0.001)


@pytest.mark.parametrize("piece", ["[", "*_~", "```\n> ", "> ```\n", "- > ", "|a", "<", "[1]", "\\["])
def test_the_worst_that_models_were_made_to_write(piece):
    text = (piece * 40_000)[:40_000]
    begin = time.process_time()
    parts = answer_parts(Answer(text, Outcome.ANSWERED), answer_id="a1", now=NOW)
    assert time.process_time() - begin < 1
    for part in parts:
        assert_sendable(part)
