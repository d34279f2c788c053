import re
import time
import unicodedata
from dataclasses import dataclass
from itertools import product

import pytest

from adapters.discord import markdown as module
from adapters.discord.escaping import escaped, link
from adapters.discord.markdown import discord_markdown

HOME = "https://discord.com/channels/1/2/3"
MARKS = {"[1]": link(HOME, "[1]")}


@dataclass(frozen=True)
class Case:
    name: str
    markdown: str
    expected: str


CASES = [
    Case("bold", "a **bold** word", "a **bold** word"),
    Case("italic, both signs", "*one* and _two_", "*one* and *two*"),
    Case("struck", "~~gone~~", "~~gone~~"),
    Case("all three", "**a *b ~~c~~* d**", "**a *b ~~c~~* d**"),
    Case("bold in bold", "**a __b__ c**", "**a b c**"),
    Case("bold beside italic", "**a***b* c", "**a**b c"),
    Case("bold beside struck", "**a**~~b~~", "**a**~~b~~"),
    Case("bold over lines", "**a\nb** c", "**a\nb** c"),
    Case("Chinese", "这是**重点**内容", "这是**重点**内容"),
    Case("emphasis inside a word", "un**believ**able", "un**believ**able"),
    Case("emphasis around nothing", "a **[](x)** b", "a  b"),
    Case("headings", "# Harvest **plan**\ntext\n##### deep", "# Harvest **plan**\n\ntext\n\n### deep"),
    Case("an empty heading", "#\ntext", "text"),
    Case("a rule is no heading", "text\n---\nmore", "text\n\n────────────\n\nmore"),
    Case("lines stay lines", "one\ntwo  \nthree\\\nfour", "one\ntwo\nthree\nfour"),
    Case("bullets", "* one\n+ two", "- one\n\n- two"),
    Case(
        "nested lists",
        "3. one\n   - two\n     more\n     1. three\n4. four",
        "3. one\n  - two\n    more\n    1. three\n4. four",
    ),
    Case("loose list", "- one\n\n- two\n\ntext", "- one\n- two\n\ntext"),
    Case("empty item", "-\n- b", "-\n- b"),
    Case("tasks", "- [ ] one\n- [x] two", "- \\[ ] one\n- \\[x] two"),
    Case("item that is code", "- ```\n  x\n  ```\n- b", "-\n```\nx\n```\n- b"),
    Case("quotation", "> one\n> two\n\nthree", "> one\n> two\n\nthree"),
    Case("quotation of two paragraphs", "> one\n>\n> two", "> one\n> \n> two"),
    Case("nested quotation", "> a\n>\n> > b", "> a\n> \n> b"),
    Case("list in a quotation", "> - a\n>   - b", "> - a\n>   - b"),
    Case("code span", "see `a < b` and `` c`d ``", "see `a < b` and `c‵d`"),
    Case("no marks in code", "`[1]` [1]", f"`[1]` [[1]](<{HOME}>)"),
    Case("fence", "```py\nif a < b:\n    **x**\n```", "```py\nif a < b:\n    **x**\n```"),
    Case("a language that is none", "```<py>!\nx\n```", "```\nx\n```"),
    Case("code by indentation", "text\n\n    x = 1", "text\n\n```\nx = 1\n```"),
    Case("fence that holds a fence", "````\n```\n````", "```\n‵‵‵\n```"),
    Case("open fence", "a\n```py\nx = 1", "a\n\n```py\nx = 1\n```"),
    Case("empty fence", "a\n```py", "a"),
    Case(
        "table",
        "| Press | 数量 |\n|:--|--:|\n| **oak** [1] | 3 |",
        f"**Press** | **数量**\n**oak** [[1]](<{HOME}>) | 3",
    ),
    Case("table with gaps", "|a|b|\n|-|-|\n||x|\n|- y||", "**a** | **b**\n | x\n\\- y |"),
    Case("link", "see [the wiki](https://evil.example/x)", "see the wiki"),
    Case("image", "![a **tide** table](https://evil.example/a.png)", "a tide table"),
    Case("bare link", "see https://evil.example/?k=1, now", "see (link removed) now"),
    Case("a mark becomes a link", "so it is [1][2].", f"so it is [[1]](<{HOME}>)\\[2]."),
    Case("a mark that looks like a definition", "[1]: night", f"[[1]](<{HOME}>): night"),
    Case("HTML and entities are text", "<b>x</b> &amp;\n\n<div>\ny", "\\<b>x\\</b> &amp;\n\n\\<div>\ny"),
    Case("names with lines", "snake_case, snake_ and 2 * 3", "snake\\_case, snake\\_ and 2 \\* 3"),
    Case("escaped signs do not format", r"\*a\* \_b\_ \~c\~ \`d\` \|\|e\|\|", r"\*a\* \_b\_ \~c\~ \`d\` \|\|e\|\|"),
    Case("a backslash is shown", r"C:\temp\*", r"C:\\temp\*"),
    Case("lines that begin nothing", "\\# a\n1\\. b\n\\> c\n-# d", "\\# a\n1\\. b\n\\> c\n\\-# d"),
    Case("an empty quotation", "> \n", ""),
    Case("blank", " \n\u200b\n\u200d ", ""),
    Case("control characters", "a\x1b[31mb\x00c\r\nd", "abc\nd"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_markdown_as_discord_knows_it(case):
    assert discord_markdown(case.markdown, MARKS) == case.expected


@pytest.mark.parametrize("depth", [1, 5, 17, 18, 19, 20, 21, 60])
def test_deep_nesting_loses_no_text(depth):
    assert "cellar" in discord_markdown("cold\n\n" + ">" * depth + " cellar")
    assert "cellar" in discord_markdown("cold\n\n" + "- " * depth + "cellar")
    assert "cellar" in discord_markdown("cold\n\n" + "".join("  " * n + "- a\n" for n in range(depth)) + "\ncellar")


# ---- pings and links ----------------------------------------------------------------------------------------------

PROSE = [
    "{}", "**{}**", "*{}*", "~~{}~~", "> {}", "- {}", "# {}", "[{}](x)", "![{}](x)", "\\{}", "\\\\{}", "<{}>",
    "[a][{}]", "<!--{}-->", "(\n{}\n)",
]  # fmt: skip
CODE = ["`{}`", "```\n{}\n```", "    {}"]
TABLES = ["a|b\n-|-\n{}|c", "|{}|\n|-|\n|x|"]
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\ufe0f\u00ad\u034f\u180e"
PINGS = [
    "<@1>", "<@!12>", "<@&123>", "<<@1>@1>", "<@<@1>1>", "@everyone", "@here", "@Here", "@hereford", "@@everyone",
    "@<@>everyone", "＠here", "@**here**", "@`here`", "@[here](x)", "\\@here", "<\\@1>", "<**@1**>", "<@`1`>", "<@\\1>",
    "@\\here", "@~~every~~one", "@_h_ere", "&lt;@1&gt;", "<@\n1>", "@<@1>here", "<https://x @1>",
    *(f"@{char}here" for char in ZERO_WIDTH), *(f"@h{char}ere" for char in ZERO_WIDTH),
    *(f"@{char}@here" for char in ZERO_WIDTH), *(f"<{char}@1>" for char in ZERO_WIDTH),
]  # fmt: skip
MENTIONS = [
    "<#1>", "</ask:1>", "</lore status:12>", "<id:customize>", "<id:guide>", "<t:1>", "<t:-1:R>", "<:oak:1>",
    "<a:oak:1>", "<sound:1:2>", "<<#1>#1>", "</x<t:1>", "<**#1**>", "<\\#1>", "<#`1`>", "<\u200b#1>",
    "<mailto:quince@orchard.example>", "<+4912345>",
]  # fmt: skip


def unescaped(shown):
    """Without what a backslash takes the power of."""
    return re.sub(r"\\[^\w\s]|\\_", "\ufffc", shown)


def pings(shown):
    """What Discord's server could take for a ping: it knows neither escapes nor code."""
    plain = "".join(char for char in unicodedata.normalize("NFKC", shown) if char not in ZERO_WIDTH)
    return re.findall(r"<@[!&]?\d|@(?:here|everyone)", plain, re.IGNORECASE)


def mentions(shown):
    """What a client could take for a mention, or for a link."""
    return re.findall(r"<(?:[@#/:+]|\w+:)[^>]*>|\[[^\]\n]*\]\(|://|www\.\w", unescaped(shown))


@pytest.mark.parametrize("ping", PINGS)
def test_nobody_is_pinged(ping):
    for wrapper in PROSE + CODE + TABLES:
        assert not pings(discord_markdown(wrapper.format(ping))), wrapper
        assert not pings(escaped(wrapper.format(ping))), wrapper


@pytest.mark.parametrize("mention", MENTIONS + PINGS)
def test_nothing_is_mentioned(mention):
    for wrapper in PROSE + TABLES:
        assert not mentions(discord_markdown(wrapper.format(mention))), wrapper
        assert not mentions(re.sub("<https://x>", "", escaped(wrapper.format(mention)))), wrapper


@pytest.mark.parametrize("mention", [mention for mention in MENTIONS if mention[-2] in "0123456789e"])
def test_code_that_is_cut_in_two_mentions_nothing(mention):
    for wrapper in CODE:
        assert not re.search(r"<(?:[@#:]\w|/\w+:\d|a?:\w+:\d|id:|t:|sound:)", discord_markdown(wrapper.format(mention)))


def test_what_only_looks_like_a_mention_stays_in_code():
    code = "```cpp\nstd::vector<::tide::Press> a; </div> <div id:x> a <b> 1 <#define>\n```"
    assert discord_markdown(code) == code


def test_long_text_that_is_not_parsed_has_no_power_either():
    shown = discord_markdown("".join(f"{wrapper.format(ping)} " for wrapper in PROSE for ping in PINGS + MENTIONS))
    assert len(shown) > module.MOST_SIGNS
    assert not pings(shown)
    assert not mentions(shown)


HOSTS = ["evil.example/?k=KEY", "xn--evl-6ma.example", "2130706433/", "[::ffff:127.0.0.1]/", "a:b@evil.example"]
SCHEMES = ["https://", "HTTP://", "hxxps://", "ftp://", "discord://", "x-y.z://"]
LINKS = [
    "{}", "[a]({})", "[a](<{}>)", '[a]({} "title")', "[{0}]({0})", "![a]({})", "[![a]({0})]({0})", "<{}>", "[1]({})",
    "[a][b]\n\n[b]: {}", "`{}`", "```\n{}\n```", "a|b\n-|-\n{}|c", "# {}", "**{}**", "<a href='{}'>a</a>", "({})",
    "{}{}", "[1]**({})**",
]  # fmt: skip


@pytest.mark.parametrize("form", LINKS)
def test_model_text_makes_no_link(form):
    for address in map("".join, product(SCHEMES, HOSTS)):
        shown = discord_markdown(form.format(address, address), MARKS)
        assert not mentions(shown.replace(MARKS["[1]"], "")), address


@pytest.mark.parametrize(
    "spelt",
    [
        "https:/\\/evil.example",
        "http**s://evil.example**",
        "https:**//evil.example**",
        "ht`tps:/`/evil.example",
        "https:[//evil.example](x)",
        "//evil.example/x",
        "www.evil.example",
        "https:\u200d//evil.example",
        "ht\u200btps://evil.example",
    ],
)
def test_no_link_is_put_together_by_markup(spelt):
    assert "evil" not in discord_markdown(spelt)


def test_a_paragraph_that_would_spell_a_link_keeps_its_words():
    assert discord_markdown("**so** https:**//evil.example**\n\n**fine**") == "so (link removed)\n\n**fine**"


# ---- our own pieces -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Quince & Söhne <b>", "Quince & Söhne \\<b>"),
        ("*bold* _it_ ~no~ `code` ||x||", "\\*bold\\* \\_it\\_ \\~no\\~ \\`code\\` \\|\\|x\\|\\|"),
        ("a\\b", "a\\\\b"),
        ("<@1> @here <@&2>", "@1 here @&2"),
        ("[log in](https://evil.example) [1](x)", "\\[log in](<https://evil.example>) \\[1](x)"),
        ("see https://wiki.example/a_b*c, ok", "see <https://wiki.example/a_b>\\*c, ok"),
        ("https://wiki.example.", "<https://wiki.example>."),
        ("# a\n - b\n> c\n12. d\n-# e\n+\n1)", "\\# a\n \\- b\n\\> c\n12\\. d\n\\-# e\n\\+\n1\\)"),
        ("1.5 litres - or # 6\n-1\n#harvest\n#### x", "1.5 litres - or # 6\n-1\n#harvest\n#### x"),
        ("a\x00\u202eb", "ab"),
    ],
)
def test_names_and_quotations_show_as_written(text, shown):
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (HOME, HOME),
        ("HTTP://tidepool.example", "HTTP://tidepool.example"),
        ("https://tidepool.example/a?b=1&c=%20", "https://tidepool.example/a?b=1&c=%20"),
        ("https://tidepool.example/(a)_[b]*c*|", "https://tidepool.example/%28a%29_%5Bb%5D%2Ac%2A%7C"),
        ("https://tidepool.example/窖", "https://tidepool.example/%E7%AA%96"),
    ],
)
def test_our_own_links(url, address):
    assert link(url, "open") == f"[open](<{address}>)"


@pytest.mark.parametrize(
    "url",
    [
        *("", "javascript:alert(1)", "discord://x", "//evil.example", "@here", "<@1>", "https://", "https:///x"),
        *("https://a b", "https://a>b", "https://a<b", "https://a\nb", "https://a\x00b", " https://a", "https://\\a"),
        *("https://a\u202eb", "https://a\u200bb", "https://a\n<@1>", "https://" + "a" * 600, "https://" + "窖" * 99),
    ],
)
def test_what_is_no_plain_web_address_is_no_link(url):
    assert link(url, "open") == "open"
    assert link(url, "[1]") == "\\[1]"


# ---- time ---------------------------------------------------------------------------------------------------------

HOSTILE = [
    "[", "![", "*_~", "**", "*a_", "_", "~~", "`", "``a`", "> ", ">", "- ", "1. ", "  - ", "```\n", "~~~\n> ", "|",
    "|a", "<", "<@", "</a", "<a:", "\\", "\\[", "[a](", "[a]()", "](", "a*b", "a\n\n", "\n", "# a\n", "[[]", "[](",
    "a|b\n-|-\n", "> - ", "@", "//", "a://", "https://a", "https://a.", "@\u200d", "[1]", "a  \n", " ", "@ ", "1",
    "***a** b* ", "`" * 99,
]  # fmt: skip


def seconds(work, text):
    def once():
        begin = time.process_time()
        work(text)
        return time.process_time() - begin

    return min(once() for _ in range(2))


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("work", [discord_markdown, escaped])
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
    prose = "The **team** moved [1], because `press` was *slow*.\n\n- one\n- two\n\n" * 40
    assert seconds(discord_markdown, text) < 8 * seconds(discord_markdown, prose)


def test_a_parser_that_fails_leaves_the_words(monkeypatch):
    def fails(text):
        raise IndexError

    monkeypatch.setattr(module._PARSER, "parse", fails)
    assert discord_markdown("**a** <@1> - b\n- c") == "\\*\\*a\\*\\* @1 - b\n\\- c"
