"""Whatever the model, a colleague or an import wrote: what goes to Slack is within its limits and has no power."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.replies import split
from adapters.slack.mrkdwn import escaped, link, mrkdwn
from adapters.slack.render import (
    answer_parts,
    error_message,
    notice,
    partial,
    progress,
    sources_detail,
)
from bot.conversation import Answer, Citation, Outcome
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line

NOW = datetime(2026, 3, 23, 12, 0, tzinfo=UTC)
PIECES = st.sampled_from(
    [
        *"*_~`[]()<>&@!#|\\-=+:/^{}.,;\"'% \n\t1ab",
        *("**", "~~", "```", "```py\n", "\n\n", "\n> ", "\n- ", "\n1. ", "\n# ", "\n|-|-|\n", "| a | b |", "---"),
        *("<!channel>", "<@U1>", "@here", "@everyone", "<!here|x>", "&lt;", "&#64;", "&amp;", "@\u200dhere", "＠group"),
        *("https://evil.example", "[a](https://evil.example)", "//evil.example", "www.evil.example", "![i](x)"),
        *("[1]", "[2]", "[12]", "<https://x.example|y>", "窑", "，", "重点", "👩‍👩‍👧", "e\u0301", "\u202e", "\u200b"),
        *("\x00", "\x1b[0m", "\ud800", "\u00ad", "\ufe0f"),
    ]
)  # fmt: skip
MARKUP = st.lists(PIECES, max_size=60).map("".join)
ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
TEXTS = MARKUP | ANY_TEXT
LONG_TEXTS = TEXTS | st.builds(lambda text, times: text * times, TEXTS, st.integers(1, 300))
PERMALINKS = (
    st.sampled_from(
        [
            "https://tidepool.example/p1?a=1&b=2",
            "",
            "javascript:x",
            "https://a|b>",
            "<!here>",
            "http://@HERE",
            "HTTP://0",
        ]
    )
    | TEXTS
)
LINES = st.builds(
    Line,
    message_pk=st.integers(0, 9),
    rev=st.just(1),
    ref=st.just(MessageRef(ChannelRef("slack", "T1", "C1"), "1.0")),
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

OUR_LINK = re.compile(r"<https?://[^\s<>|]+\|(?:\[\d{1,3}\]|open|x)>", re.IGNORECASE)
QUOTE = re.compile(r"^>", re.MULTILINE)
ENTITY = re.compile(r"&(?:amp|lt|gt);")
PING = re.compile(
    r"@[\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f]*(?:here|channel|everyone|group)(?![a-z0-9])",
    re.IGNORECASE,
)
HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\ud800-\udfff]")


def assert_powerless(shown):
    """Nothing but our own links and quotation marks stands unescaped, and nothing reads like a ping."""
    rest = QUOTE.sub("", OUR_LINK.sub("", shown))
    assert not set(rest) & {"<", ">"}
    assert "&" not in ENTITY.sub("", rest)
    assert not PING.search(shown.replace("＠", "@"))
    assert not HIDDEN.search(shown)
    shown.encode()


def assert_sendable(part):
    assert part.text.strip()
    assert len(part.text) <= 4_000
    assert 1 <= len(part.blocks) <= 50
    assert_powerless(part.text)
    for block in part.blocks:
        elements = block.get("elements", [])
        assert len(elements) <= 5
        for text in [block.get("text"), *(elements if block["type"] == "context" else [])]:
            if text:
                assert 1 <= len(text["text"]) <= 3_000
                assert text["verbatim"]
                assert_powerless(text["text"])


@settings(deadline=None)
@given(LONG_TEXTS)
@example("<<!here>!here>")
@example("@\u200d@here")
@example("**://evil.example")
@example("`@here`py")
@example("\n".join("> " * n + "x" for n in range(60)))
def test_model_text_has_no_power(text):
    shown = mrkdwn(text)
    assert_powerless(shown)
    assert "<" not in shown
    assert "://" not in shown


@settings(deadline=None)
@given(TEXTS)
def test_other_peoples_text_has_no_power(text):
    assert_powerless(escaped(text))


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_a_link_is_ours_or_none(url, label):
    shown = link(url, label)
    assert_powerless(re.sub(r"\A<https?://[^\s<>|]+\|([^<>]*)>\Z", r"\1", shown, flags=re.IGNORECASE))


def formats(shown):
    """Whether Slack would see a format: a pair of signs at the edges of words, within one line."""
    return re.search(r"(?<![^\W_])([*_~`])(?=\S)[^\n]*?(?<=\S)\1(?![^\W_])", shown)


@settings(deadline=None)
@given(TEXTS)
def test_other_peoples_text_has_no_formats(text):
    assert not formats(escaped(text))


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["*", "**", "_", "~~a~~", "\n", "\n\n", "\n> ", "\n- ", "\n# ", " ", "a", "b", "窑", ",", "\\", "`a`"]
        )
    ).map("".join)
)
def test_no_letter_is_lost_or_moved(text):
    # Letters behind a fence would be the name of a language, which Slack has no place for.
    def letters(any_text):
        return [char for char in ENTITY.sub("", any_text) if char.isalpha() and char != "ˍ"]

    assert letters(mrkdwn(text)) == letters(text)


@settings(deadline=None, max_examples=40)
@given(ANSWERS, TEXTS, st.booleans(), st.booleans())
def test_any_answer_can_be_sent(answer, answer_id, buttons, sources):
    parts = answer_parts(answer, answer_id=answer_id, now=NOW, buttons=buttons, sources=sources)
    assert parts
    for part in parts:
        assert_sendable(part)


@settings(deadline=None, max_examples=40)
@example("", "", (), ["*****<!here|x>@heree\u0301" * 300], None)
@given(LONG_TEXTS, TEXTS, CITATIONS, st.lists(LONG_TEXTS), st.none() | st.integers())
def test_everything_else_can_be_sent(text, short, citations, lines, place):
    for part in (
        partial(text, waiting_mark=short),
        sources_detail(citations, NOW),
        error_message(text),
        notice(lines),
        progress(place, step=short),
    ):
        assert_sendable(part)


# ---- split --------------------------------------------------------------------------------------------------------

WHOLES = st.sampled_from(
    ["&amp;", "&lt;", "[1]", "[123]", "<https://a.example|[1]>", "<@123>", "[a](https://a.example)"]
)
WORDS = st.text(st.sampled_from("ab窑。 \n"), max_size=30)
MIXED = st.lists(WORDS | WHOLES, max_size=40).map("".join)
WHOLE = re.compile(r"<[^<>\n]+>|&\w+;|\[\w\]\([^()\s]+\)|\[\d{1,3}\]")


def seen(text):
    return "".join(text.split())


@settings(deadline=None)
@given(LONG_TEXTS, st.integers(1, 400), st.none() | st.integers(1, 400))
def test_parts_fit_and_are_not_blank(text, limit, first):
    for number, part in enumerate(split(text, limit, first=first)):
        assert len(part) <= (first if first and number == 0 else limit)
        assert part.strip()


@settings(deadline=None)
@given(MIXED, st.integers(1, 60))
def test_parts_join_back(text, limit):
    assert seen("".join(split(text, limit))) == seen(text)


@settings(deadline=None)
@given(MIXED, st.integers(30, 90))
def test_what_belongs_together_is_never_cut(text, limit):
    whole = [found for part in split(text, limit) for found in WHOLE.findall(part)]
    assert whole == WHOLE.findall(text)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.text("ab =", max_size=30), max_size=12)), max_size=6),
    st.integers(100, 200),
)
def test_each_part_has_its_code_whole(blocks, limit):
    text = "\n\n".join("\n".join(["```py", *lines, "```"] if is_code else lines) for is_code, lines in blocks)
    parts = split(text, limit)
    for part in parts:
        assert len(part) <= limit
        assert part.count("```") % 2 == 0
    shown = re.sub("```(?:py)?", "", "\n".join(parts))
    assert seen(shown) == seen(re.sub("```(?:py)?", "", text))


# ---- time ---------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=6).map("".join))
def test_time_grows_with_length_only(piece):
    def seconds(size):
        text = piece * (size // len(piece))

        def once():
            begin = time.process_time()
            split(mrkdwn(text), 3_000)
            return time.process_time() - begin

        return min(once() for _ in range(3))

    assert seconds(40_000) < 40 * max(seconds(5_000), 0.001)


@pytest.mark.parametrize("piece", ["[", "*_~", "```\n> ", "> ```\n", "- > ", "|a"])
def test_the_worst_that_models_were_made_to_write(piece):
    text = (piece * 40_000)[:40_000]
    begin = time.process_time()
    parts = answer_parts(Answer(text, Outcome.ANSWERED), answer_id="a1", now=NOW)
    assert time.process_time() - begin < 1
    for part in parts:
        assert_sendable(part)
