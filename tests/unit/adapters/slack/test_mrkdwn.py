import re
import time
import unicodedata
from dataclasses import dataclass
from itertools import product

import pytest

from adapters.slack import mrkdwn as module
from adapters.slack.mrkdwn import escaped, link, mrkdwn

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\ufe0f\u00ad\u034f\u180e"


@dataclass(frozen=True)
class Case:
    name: str
    markdown: str
    expected: str


CASES = [
    Case("bold", "a **bold** word", "a *bold* word"),
    Case("italic, both signs", "*one* and _two_", "_one_ and _two_"),
    Case("struck", "~~gone~~", "~gone~"),
    Case("all three", "**a *b ~~c~~* d**", "*a _b ~c~_ d*"),
    Case("bold in bold", "**a __b__ c**", "*a b c*"),
    Case("emphasis ends with its line", "**a\nb** c", "*a*\n*b* c"),
    Case("Chinese knows no spaces, Slack does", "这是**重点**内容", "这是 *重点* 内容"),
    Case("emphasis inside a word", "un**believ**able", "unbelievable"),
    Case("emphasis beside punctuation", "(**yes**), **no**.", "(*yes*), *no*."),
    Case("emphasis around nothing", "a **[](x)** b", "a  b"),
    Case("heading", "# Kiln **plan**\ntext", "*Kiln plan*\n\ntext"),
    Case("a rule is no heading", "text\n---\nmore", "text\n\n────────────\n\nmore"),
    Case("lines stay lines", "one\ntwo  \nthree\\\nfour", "one\ntwo\nthree\nfour"),
    Case("bullets", "* one\n* two", "• one\n• two"),
    Case(
        "nested lists",
        "3. one\n   - two\n     more\n     1. three\n4. four",
        "3. one\n    • two\n      more\n        1. three\n4. four",
    ),
    Case("loose list", "- one\n\n- two\n\ntext", "• one\n• two\n\ntext"),
    Case("empty item", "-\n- b", "•\n• b"),
    Case("item that is code", "- ```\n  x\n  ```\n- b", "•\n```\nx\n```\n• b"),
    Case("list from zero", "0. a", "0. a"),
    Case("quotation", "> one\n> two\n\nthree", "> one\n> two\n\nthree"),
    Case("nested quotation", "> a\n>\n> > b", "> a\n>\n> b"),
    Case("list in a quotation", "> - a\n>   - b", "> • a\n>     • b"),
    Case("code span", "see `a < b` and `` c`d ``", "see `a &lt; b` and `c‵d`"),
    Case("no marks in code", "`[1]` [1]", "`[1]` <https://a.example|[1]>"),
    Case("fence", "```py\nif a < b:\n    **x**\n```", "```\nif a &lt; b:\n    **x**\n```"),
    Case("fence that holds a fence", "````\n```\n````", "```\n‵‵‵\n```"),
    Case("open fence", "a\n```py\nx = 1", "a\n\n```\nx = 1\n```"),
    Case("empty fence", "a\n```py", "a"),
    Case(
        "table",
        "| Kiln | 数量 |\n|:--|--:|\n| **bisque** & <glaze> | 3 |\n| 高温 | `4` |",
        "```\nKiln             | 数量\n-----------------+-----\n"
        "bisque &amp; &lt;glaze&gt; | 3\n高温             | 4\n```",
    ),
    Case(
        "table with a link",
        "a|b\n-|-\n//evil.example/long|c",
        "```\na              | b\n---------------+--\n(link removed) | c\n```",
    ),
    Case("link", "see [the wiki](https://evil.example/x)", "see the wiki"),
    Case("image", "![a **tide** table](https://evil.example/a.png)", "a tide table"),
    Case("bare link", "see https://evil.example/?k=1, now", "see (link removed) now"),
    Case("a mark becomes a link", "so it is [1][2].", "so it is <https://a.example|[1]>[2]."),
    Case("a mark that looks like a definition", "[1]: night", "<https://a.example|[1]>: night"),
    Case("escapes", "1 < 2 & 3 > 2 &amp;", "1 &lt; 2 &amp; 3 &gt; 2 &amp;amp;"),
    Case("HTML is text", "<b>x</b>\n\n<div>\ny", "&lt;b&gt;x&lt;/b&gt;\n\n&lt;div&gt;\ny"),
    Case("names with lines", "snake_case and __dunder__ and 2 * 3", "snake_case and *dunder* and 2 * 3"),
    Case("escaped signs do not format", r"\*a\* \_b\_ \~c\~ \`d\`", "∗a∗ ˍbˍ ∼c∼ ‵d‵"),
    Case("signs without a partner do not format", "*.py and `x and **y", "∗.py and ‵x and ∗∗y"),
    Case("an empty quotation", "> \n", ""),
    Case("blank", " \n\u200b\n ", ""),
    Case("control characters", "a\x1b[31mb\x00c\r\nd", "abc\nd"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_markdown_in_slacks_markup(case):
    assert mrkdwn(case.markdown, {"[1]": link("https://a.example", "[1]")}) == case.expected


@pytest.mark.parametrize("depth", [1, 5, 17, 18, 19, 20, 21, 60])
def test_deep_nesting_loses_no_text(depth):
    assert "kiln" in mrkdwn("fire\n\n" + ">" * depth + " kiln")
    assert "kiln" in mrkdwn("fire\n\n" + "- " * depth + "kiln")
    assert "kiln" in mrkdwn("fire\n\n" + "".join("  " * level + "- a\n" for level in range(depth)) + "\nkiln")


# ---- pings and links ----------------------------------------------------------------------------------------------

PROSE = [
    "{}", "**{}**", "*{}*", "~~{}~~", "> {}", "- {}", "# {}", "[{}](x)", "![{}](x)", "\\{}", "<{}>", "&lt;{}&gt;",
    "[a][{}]", "<!--{}-->", "(\n{}\n)",
]  # fmt: skip
CODE = ["`{}`", "```\n{}\n```", "    {}", "a|b\n-|-\n{}|c", "|{}|\n|-|\n|x|"]
PINGS = [
    "<!channel>", "<!here|x>", "<!everyone>", "<!subteam^S1>", "<@U1>", "<@W1|quince>", "<#C1>", "<<!here>!here>",
    "@here", "@channel", "@Everyone", "@group", "@@here", "＠here", "@**here**", "@`here`", "@[here](x)", "\\@here",
    "<!\nhere>",
    "@\\here", "@~~every~~one", "@_h_ere", "&#64;here", "&commat;here", "&lt;!here&gt;", "&#60;!here&#62;",
    *(f"@{char}here" for char in ZERO_WIDTH), *(f"@h{char}ere" for char in ZERO_WIDTH),
    *(f"@{char}@here" for char in ZERO_WIDTH), *(f"<{char}!here>" for char in ZERO_WIDTH),
]  # fmt: skip


def powers(shown):
    """What Slack could make a ping or a link of, in whatever way it may look at the text."""
    plain = "".join(char for char in unicodedata.normalize("NFKC", shown) if char not in ZERO_WIDTH)
    tokens = re.findall(r"<[^>]*>?", re.sub(r"^>", "", shown, flags=re.MULTILINE))
    return tokens + re.findall(r"@(?:here|channel|everyone|group)(?![a-z0-9])|://|www\.\w", plain, re.IGNORECASE)


def unformatted(shown):
    return re.sub("[*_~`]", "", shown)


@pytest.mark.parametrize("ping", PINGS)
def test_nobody_is_pinged(ping):
    for wrapper in PROSE + CODE:
        assert not powers(mrkdwn(wrapper.format(ping))), wrapper
        assert not powers(escaped(wrapper.format(ping))), wrapper


@pytest.mark.parametrize("ping", PINGS)
def test_no_ping_shows_when_formats_are_taken_away(ping):
    for wrapper in PROSE:
        assert not powers(unformatted(mrkdwn(wrapper.format(ping)))), wrapper


def test_long_text_that_is_not_parsed_pings_nobody_either():
    shown = mrkdwn("".join(f"{wrapper.format(ping)} " for wrapper in PROSE for ping in PINGS))
    assert len(shown) > module.MOST_SIGNS
    assert not powers(shown)


def test_a_word_after_an_at_sign_is_left_alone():
    assert escaped("mail quince@hereford.example, ask @heremon") == "mail quince@hereford.example, ask @heremon"


HOSTS = ["evil.example/?k=KEY", "xn--evl-6ma.example", "2130706433/", "[::ffff:127.0.0.1]/", "a:b@evil.example"]
SCHEMES = ["https://", "HTTP://", "hxxps://", "ftp://", "slack://", "x-y.z://"]
LINKS = [
    "{}", "[a]({})", "[a](<{}>)", '[a]({} "title")', "[{0}]({0})", "![a]({})", "[![a]({0})]({0})", "<{}>", "<{}|a>",
    "[a][b]\n\n[b]: {}", "`{}`", "```\n{}\n```", "a|b\n-|-\n{}|c", "# {}", "**{}**", "<a href='{}'>a</a>", "({})",
    "{}{}",
]  # fmt: skip


@pytest.mark.parametrize("form", LINKS)
def test_model_text_makes_no_link(form):
    for address in map("".join, product(SCHEMES, HOSTS)):
        assert not powers(mrkdwn(form.format(address, address))), address


@pytest.mark.parametrize(
    "spelt",
    [
        "https:/\\/evil.example",
        "http**s://evil.example**",
        "https:**//evil.example**",
        "ht`tps:/`/evil.example",
        "https:[//evil.example](x)",
        "https:/![/evil.example](x)",
        "//evil.example/x",
        "www.evil.example",
        "h~~ttps:~~//evil.example",
        "https:\u200d//evil.example",
        "ht\u200btps://evil.example",
    ],
)
def test_no_link_is_put_together_by_markup(spelt):
    assert "evil" not in mrkdwn(spelt)


def test_a_paragraph_that_would_spell_a_link_keeps_its_words():
    assert mrkdwn("**so** https:**//evil.example**\n\n**fine**") == "so (link removed)\n\n*fine*"


# ---- our own pieces -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Quince & Söhne <b>", "Quince &amp; Söhne &lt;b&gt;"),
        ("*bold* _it_ ~no~ `code`", "∗bold∗ ˍitˍ ∼no∼ ‵code‵"),
        ("snake_case, a__b, 2 * 3, a ~ b", "snake_case, a__b, 2 * 3, a ~ b"),
        ("_start and end_", "ˍstart and endˍ"),
        ("a*b*c", "a∗b∗c"),
        ("<@U1> @here", "&lt;@U1&gt; here"),
        ("see https://wiki.example", "see https://wiki.example"),
        ("a\x00\u202eb", "ab"),
    ],
)
def test_names_and_quotations_show_as_written(text, shown):
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://tidepool.example/a?b=1&c=2", "<https://tidepool.example/a?b=1&amp;c=2|open &lt;it&gt;>"),
        ("HTTP://tidepool.example", "<HTTP://tidepool.example|open &lt;it&gt;>"),
    ],
)
def test_our_own_links(url, shown):
    assert link(url, "open\n<it>") == shown


@pytest.mark.parametrize(
    "url",
    [
        *("", "javascript:alert(1)", "slack://x", "//evil.example", "!here", "@U1", "https://", "https:///x"),
        *("https://a b", "https://a|b", "https://a>b", "https://a<b", "https://a\nb", "https://a\x00b", " https://a"),
        *("https://a\u202eb", "https://a\u200bb", "https://a\n|<!here>", "https://" + "a" * 600),
    ],
)
def test_what_is_no_plain_web_address_is_no_link(url):
    assert link(url, "open") == "open"


# ---- time ---------------------------------------------------------------------------------------------------------

HOSTILE = [
    "[", "![", "*_~", "**", "*a_", "_", "~~", "`", "``a`", "> ", ">", "- ", "1. ", "  - ", "```\n", "~~~\n> ", "|",
    "|a", "<", "&", "\\", "\\[", "[a](", "[a]()", "](", "a*b", "a\n\n", "\n", "# a\n", "[[]", "[](", "a|b\n-|-\n",
    "> - ", "- > ", "@", "//", "a://", "@\u200d", "&#64;", "[1]", "a  \n", " ", "@ ", "_*", "***a** b* ", "`" * 99,
]  # fmt: skip


def seconds(work, text):
    def once():
        begin = time.process_time()
        work(text)
        return time.process_time() - begin

    return min(once() for _ in range(3))


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("work", [mrkdwn, escaped])
def test_time_grows_with_length_only(work, piece):
    small, large = (piece * (size // len(piece)) for size in (5_000, 40_000))
    assert seconds(work, large) < 30 * max(seconds(work, small), 0.001)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 40_000,
        "*_~" * 13_000,
        "a|b\n-|-\n" * 5_000,
        "x" * 39_000 + "[" * 790,
        "|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n" + "x\n" * 380,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_hostile_text_costs_no_more_than_much_text(text):
    prose = "The **team** moved [1], because `kiln` was *slow*.\n\n- one\n- two\n\n" * 40
    assert seconds(mrkdwn, text) < 8 * seconds(mrkdwn, prose)


def test_one_huge_cell_does_not_widen_the_table():
    table = "a|b\n-|-\n" + "x" * 5_000 + "|y\n" + "z|y\n" * 200
    assert len(mrkdwn(table)) < 5 * len(table)


def test_a_parser_that_fails_leaves_the_words(monkeypatch):
    def fails(text):
        raise IndexError

    monkeypatch.setattr(module._PARSER, "parse", fails)
    assert mrkdwn("**a** <!here>") == "∗∗a∗∗ &lt;!here&gt;"
