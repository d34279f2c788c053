import re
from datetime import UTC, datetime, timedelta

import pytest
from simcord.components import validate_message_state

from adapters.discord.render import (
    HEADS,
    answer_parts,
    error_message,
    notice,
    partial,
    progress,
    removed_notice,
    sources_detail,
)
from bot.conversation import Answer, Citation, Outcome
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line

NOW = datetime(2026, 3, 23, 12, 0, tzinfo=UTC)
HOME = "https://discord.com/channels/1/2/3"
OPEN = f"[open](<{HOME}>)"
HOSTILE = "<@1> *x* `y` @here & |\n# z [a](https://evil.example)"
SHOWN = "@1 \\*x\\* \\`y\\` here & \\|\n\\# z \\[a](<https://evil.example>)"


def line(**changes):
    fields = {
        "message_pk": 1,
        "rev": 1,
        "ref": MessageRef(ChannelRef("discord", "1", "2"), "3"),
        "channel_pk": 1,
        "channel_name": "harvest",
        "author": "Quince",
        "text": "We press at *night*.\nIt is <cooler>.",
        "posted_at": NOW - timedelta(days=21),
        "permalink": HOME,
    }
    return Line(**(fields | changes))


def citation(n=1, **changes):
    cited = line(**changes)
    return Citation(n, cited, cited.text)


CITED = (citation(),)


def answered(text="We press at night [1].", outcome=Outcome.ANSWERED, citations=CITED, **changes):
    return Answer(text, outcome, citations, **changes)


def rendered(answer, **options):
    return checked(answer_parts(answer, answer_id="a1", now=NOW, **options))


def checked(parts):
    """The messages, each held against what Discord refuses."""
    for part in parts:
        validate_message_state(
            part.components, flags=0, content=part.content, embeds=part.embeds, require_nonempty=True
        )
        assert part.content.strip() or part.embeds
        assert all(embed["description"].strip() for embed in part.embeds)
    return parts


def said(part):
    return [embed["description"] for embed in part.embeds]


def actions(part):
    return [button["custom_id"].split(":")[1] for row in part.components for button in row["components"]]


# ---- answers ------------------------------------------------------------------------------------------------------


def test_an_answer_has_text_sources_and_buttons():
    (part,) = rendered(answered())
    assert part.content == f"We press at night [[1]](<{HOME}>)."
    assert said(part) == [
        f"`[1]` **Quince** · 3 weeks ago (2026-03-02) · #harvest · {OPEN}\n“We press at \\*night\\*.”"
    ]
    assert actions(part) == ["helpful", "unhelpful", "sources", "private", "delete"]


def test_sources_and_buttons_can_be_left_out():
    (part,) = rendered(answered(), sources=False, buttons=False)
    assert part.content == f"We press at night [[1]](<{HOME}>)."
    assert part.embeds == part.components == []


def test_what_is_private_offers_nothing_more_private():
    (part,) = rendered(answered(), private=True)
    assert "private" not in actions(part)


def test_every_outcome_but_a_plain_answer_begins_in_its_own_way():
    parts = {outcome: rendered(answered("said", outcome))[0] for outcome in Outcome}
    assert parts.pop(Outcome.ANSWERED).content == "said"
    for outcome, part in parts.items():
        assert part.content == f"{HEADS[outcome]}\nsaid"
    assert len({part.content for part in parts.values()}) == 4


def test_a_warning_and_a_decline_have_colours_of_their_own():
    colours = {outcome: rendered(answered("said", outcome))[0].embeds[0]["color"] for outcome in Outcome}
    marked = {colours[Outcome.ANSWERED], colours[Outcome.ANSWERED_WITH_WARNING], colours[Outcome.DECLINED]}
    assert len(marked) == 3


@pytest.mark.parametrize(
    ("outcome", "citations", "expected"),
    [
        (Outcome.ANSWERED_WITH_WARNING, CITED, ["helpful", "unhelpful", "sources", "private", "delete"]),
        (Outcome.DECLINED, (), ["helpful", "unhelpful", "private", "delete"]),
        (Outcome.ASKED_BACK, (), ["private", "delete"]),
        (Outcome.REFUSED_LIMIT, (), []),
    ],
)
def test_buttons_fit_the_outcome(outcome, citations, expected):
    (part,) = rendered(answered("said", outcome, citations))
    assert actions(part) == expected


def test_a_decline_names_people_and_near_messages():
    declined = answered(
        "I searched #harvest.",
        Outcome.DECLINED,
        (),
        people=("Quince", "@here", "<@1>", " "),
        nearest=(line(), line(author="", permalink="", text=" ")),
    )
    (part,) = rendered(declined, sources=False)
    assert part.content == "🔍 **Nothing found**\nI searched #harvest."
    assert said(part)[0].split("\n") == [
        "People who wrote about it: Quince, here, @1",
        "Nearest messages:",
        f"- **Quince** · 3 weeks ago (2026-03-02) · #harvest · {OPEN}",
        "“We press at \\*night\\*.”",
        "- **unknown** · 3 weeks ago (2026-03-02) · #harvest",
    ]


def test_a_mark_without_a_web_address_stays_a_mark():
    (part,) = rendered(answered("so [1] and [2] and [7]", citations=(citation(), citation(2, permalink="discord://x"))))
    assert part.content == f"so [[1]](<{HOME}>) and \\[2] and \\[7]"
    assert "open" not in said(part)[0].split("`[2]`")[1]


def test_no_field_of_a_source_can_ping_format_or_forge_a_second_one():
    forged = HOSTILE + "\n`[2]` **Boss**"
    (part,) = rendered(
        answered(citations=(citation(author=forged, channel_name=forged, permalink=forged, text=forged),))
    )
    (shown,) = said(part)
    assert shown.count("\n") == 1
    plain = re.sub(r"\\[^\w\s]|\\_|<https://evil\.example>", "", shown)
    assert plain.count("`") == 2
    assert plain.count("*") == 4
    assert not set(plain) & {"<", "|", "\\"}
    assert "@here" not in plain
    assert plain.count("[") == 1


def test_a_long_answer_is_several_messages_with_one_list_of_sources():
    parts = rendered(answered("\n\n".join(f"Paragraph {n} " + "word " * 100 + "[1]." for n in range(20))))
    assert len(parts) > 5
    assert [bool(part.embeds) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [bool(part.components) for part in parts] == [False] * (len(parts) - 1) + [True]
    for part in parts:
        assert part.content.count("Paragraph") == part.content.count(f"[[1]](<{HOME}>)")


def test_no_link_and_no_escape_is_cut_in_two():
    for lead in range(12):
        parts = rendered(answered("x" * lead + "[1]" * 190 + "*" * 3_000))
        assert sum(part.content.count(f"[[1]](<{HOME}>)") for part in parts) == 190
        for part in parts:
            assert not re.sub(re.escape(f"[[1]](<{HOME}>)") + r"|\\\*|^x+", "", part.content)


def test_a_warning_stands_before_the_first_part_only():
    parts = rendered(answered("word " * 2_000, Outcome.ANSWERED_WITH_WARNING))
    assert ["Unsure" in part.content for part in parts] == [True] + [False] * (len(parts) - 1)


def test_code_that_is_cut_is_closed_and_opened_again():
    parts = rendered(answered("```py\n" + "x = '<1>' + 'press at night'\n" * 400 + "```", citations=()))
    assert len(parts) > 3
    for part in parts:
        assert part.content.startswith("```py\nx")
        assert part.content.endswith("\n```")


def test_more_sources_than_anybody_reads_are_counted():
    (part,) = rendered(answered(citations=tuple(citation(n) for n in range(1, 400))))
    assert "`[20]`" in said(part)[0]
    assert said(part)[0].endswith("\n… and 379 more")


def test_sources_are_left_out_before_they_burst_the_embed():
    sources = tuple(citation(n, author="Q*" * 90, text="*" * 900) for n in range(1, 20))
    (part,) = rendered(answered(citations=sources))
    shown = said(part)[0].count("`[")
    assert 5 < shown < 19
    assert said(part)[0].endswith(f"\n… and {19 - shown} more")


def test_thousands_of_marks_do_not_become_megabytes():
    parts = rendered(answered("[1] " * 5_000))
    assert sum(len(part.content) for part in parts) < 40_000


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "[\u200d](x)", "```", "****"])
def test_an_answer_without_text_is_still_a_message(text):
    rendered(answered(text, citations=()))


# ---- while it is written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (None, "Looking…"),
        (0, "Yours is next…"),
        (1, "Waiting: 1 question is before yours"),
        (3, "Waiting: 3 questions are before yours"),
    ],
)
def test_progress_in_words(place, text):
    (part,) = checked([progress(place)])
    assert part.content == f"-# ⏳ {text}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("We **press** at", "We **press** at (…)"),
        ("We **pre", "We \\*\\*pre (…)"),
        ("```py\nx = 1", "```py\nx = 1\n```\n(…)"),
        ("see [the wi", "see (…)"),
        ("see [the wiki](https://evil", "see the wiki (…)"),
        ("so it is [1] and [", "so it is \\[1] and (…)"),
        ("| a | b |\n|-", "\\| a \\| b \\|\n\\|- (…)"),
        ("", "(…)"),
    ],
)
def test_text_so_far_is_safe_wherever_it_is_cut(text, shown):
    (part,) = checked([partial(text, waiting_mark="(…)")])
    assert part.content == shown


def test_no_cut_of_a_hostile_text_has_power():
    text = "a [b](https://evil.example) <@1> <#2> @here `<@1>` ```\n<@1>\n``` **@**here"
    for end in range(len(text)):
        shown = partial(text[:end], waiting_mark="…").content
        assert not re.search(r"<@|(?<!\\)<#|@here|://", shown), text[:end]


def test_a_long_text_so_far_shows_its_beginning():
    for text in ("word " * 3_000, "[" * 9_000, "```\n" + "<x>\n" * 3_000):
        (part,) = checked([partial(text, waiting_mark="✏️")])
        assert part.content.endswith("… ✏️")
        assert len(part.content) > 900


def test_nothing_so_far_and_no_mark_is_still_a_message():
    checked([partial("", waiting_mark="")])


# ---- everything else ----------------------------------------------------------------------------------------------


def test_an_error_looks_like_no_answer():
    (part,) = checked([error_message(HOSTILE)])
    assert part.content == f"❌ {SHOWN}"
    checked([error_message(""), error_message("*" * 9_000)])


def test_a_notice_is_plain_lines():
    (part,) = checked([notice(["Indexed: 12", HOSTILE, "", "  press_ops"])])
    assert part.content == f"Indexed: 12\n{SHOWN}\n\n  press\\_ops"
    checked([notice([]), notice(["", " "])])


def test_a_long_notice_goes_on_and_a_very_long_one_says_that_there_is_more():
    (part,) = checked([notice([f"#channel-{n}: " + "x" * 90 for n in range(40)])])
    assert [f"channel-{n}:" in part.content + said(part)[0] for n in range(40)] == [True] * 40
    assert "more" not in said(part)[0]
    (part,) = checked([notice([f"#channel-{n}: " + "x" * 90 for n in range(900)])])
    assert "There is more" in said(part)[0]


def test_sources_in_full():
    (part,) = checked([sources_detail((citation(), citation(2, text=HOSTILE)), NOW)])
    where = f"**Quince** · 3 weeks ago (2026-03-02) · #harvest · {OPEN}"
    quoted = SHOWN.replace("\n", "\n> ")
    assert said(part) == [
        f"`[1]` {where}\n> We press at \\*night\\*.\n> It is \\<cooler>.\n`[2]` {where}\n> {quoted}",
    ]
    checked([sources_detail((), NOW)])


@pytest.mark.parametrize("count", [1, 7, 30])
def test_long_sources_are_cut_to_one_message(count):
    (part,) = checked([sources_detail(tuple(citation(n, text="a & <b> " * 9_000) for n in range(count)), NOW)])
    assert "`[0]`" in said(part)[0]
    assert "…" in said(part)[0]
    assert sum(map(len, said(part))) > 3_500


def test_the_notice_of_a_removal_quotes_nothing():
    (part,) = checked([removed_notice()])
    assert part.content.startswith("-# 🗑️")
