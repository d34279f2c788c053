import re
from datetime import UTC, datetime, timedelta

import pytest
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from adapters.slack.render import (
    answer_parts,
    error_message,
    notice,
    partial,
    private_offer,
    progress,
    reason_view,
    removed_notice,
    sources_detail,
)
from bot.conversation import Answer, Citation, Outcome
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line

NOW = datetime(2026, 3, 23, 12, 0, tzinfo=UTC)
LINK = "https://tidepool.example/archives/C1/p1?a=1&b=2"
SHOWN_LINK = "https://tidepool.example/archives/C1/p1?a=1&amp;b=2"
HOSTILE = "<!channel> *x* `y` @here & |\n_z_"


def line(**changes):
    fields = {
        "message_pk": 1,
        "rev": 1,
        "ref": MessageRef(ChannelRef("slack", "T1", "C1"), "1.0"),
        "channel_pk": 1,
        "channel_name": "kiln",
        "author": "Quince",
        "text": "We fire at *night*.\nIt is <cheaper>.",
        "posted_at": NOW - timedelta(days=21),
        "permalink": LINK,
    }
    return Line(**(fields | changes))


def citation(n=1, **changes):
    cited = line(**changes)
    return Citation(n, cited, cited.text)


CITED = (citation(),)


def answered(text="We fire at night [1].", outcome=Outcome.ANSWERED, citations=CITED, **changes):
    return Answer(text, outcome, citations, **changes)


def rendered(answer, **options):
    return checked(answer_parts(answer, answer_id="a1", now=NOW, **options))


def checked(parts):
    """The messages, each held against the SDK's own rules and our stricter ones."""
    for part in parts:
        assert part.text.strip()
        assert len(part.text) <= 4_000
        assert 1 <= len(part.blocks) <= 50
        for block in part.blocks:
            Block.parse(block).to_dict()
            assert block["type"] in {"section", "context", "actions"}
            assert len(block.get("elements", ())) <= 5
            for text in texts_of(block):
                assert 1 <= len(text["text"]) <= 3_000
                assert text["verbatim"] is True
    return parts


def texts_of(block):
    found = [block.get("text"), *(block.get("elements", ()) if block["type"] == "context" else ())]
    return [text for text in found if text]


def said(part):
    return [text["text"] for block in part.blocks for text in texts_of(block)]


def buttons(part):
    return [element for block in part.blocks if block["type"] == "actions" for element in block["elements"]]


# ---- answers ------------------------------------------------------------------------------------------------------


def test_an_answer_has_text_sources_and_buttons():
    (part,) = rendered(answered())
    assert said(part) == [
        f"We fire at night <{SHOWN_LINK}|[1]>.",
        f"`[1]` *Quince* · 3 weeks ago (2026-03-02) · #kiln · <{SHOWN_LINK}|open>\n“We fire at ∗night∗.”",
    ]
    assert part.text == "\n".join(said(part))
    assert [button["action_id"] for button in buttons(part)] == [
        "lore_helpful",
        "lore_unhelpful",
        "lore_sources",
        "lore_delete",
    ]
    assert {button["value"] for button in buttons(part)} == {"a1"}
    assert ["confirm" in button for button in buttons(part)] == [False, False, False, True]


def test_sources_and_buttons_can_be_left_out():
    (part,) = rendered(answered(), sources=False, buttons=False)
    assert said(part) == [f"We fire at night <{SHOWN_LINK}|[1]>."]
    assert len(part.blocks) == 1


def test_every_outcome_but_a_plain_answer_begins_in_its_own_way():
    heads = {outcome: rendered(answered("said", outcome))[0] for outcome in Outcome}
    assert heads.pop(Outcome.ANSWERED).text.startswith("said")
    openings = [part.text.partition(" ")[0] for part in heads.values()]
    assert openings == [":warning:", ":speech_balloon:", ":mag:", ":information_source:"]
    for part in heads.values():
        assert part.blocks[0]["type"] == "context"
        assert part.text.startswith(said(part)[0] + "\nsaid")


@pytest.mark.parametrize(
    ("outcome", "citations", "expected"),
    [
        (Outcome.ANSWERED_WITH_WARNING, (citation(),), ["helpful", "unhelpful", "sources", "delete"]),
        (Outcome.DECLINED, (), ["helpful", "unhelpful", "delete"]),
        (Outcome.ASKED_BACK, (), ["delete"]),
        (Outcome.REFUSED_LIMIT, (), []),
    ],
)
def test_buttons_fit_the_outcome(outcome, citations, expected):
    (part,) = rendered(answered("said", outcome, citations))
    assert [button["action_id"].removeprefix("lore_") for button in buttons(part)] == expected


def test_a_decline_names_people_and_near_messages():
    declined = answered(
        "I searched #kiln.",
        Outcome.DECLINED,
        (),
        people=("Quince", "@here", "<@U1>", " "),
        nearest=(line(), line(author="", permalink="", text=" ")),
    )
    head, text, notes = said(rendered(declined, sources=False)[0])
    assert (head, text) == (":mag: *Nothing found*", "I searched #kiln.")
    assert notes.split("\n") == [
        "People who wrote about it: Quince, here, &lt;@U1&gt;",
        "Nearest messages:",
        f"• *Quince* · 3 weeks ago (2026-03-02) · #kiln · <{SHOWN_LINK}|open>",
        "“We fire at ∗night∗.”",
        "• *unknown* · 3 weeks ago (2026-03-02) · #kiln",
    ]


def test_a_mark_without_a_web_address_stays_a_mark():
    (part,) = rendered(answered("so [1] and [2] and [7]", citations=(citation(), citation(2, permalink="slack://x"))))
    assert said(part)[0] == f"so <{SHOWN_LINK}|[1]> and [2] and [7]"
    assert "open" not in said(part)[1].split("`[2]`")[1]


def test_no_field_of_a_source_can_ping_format_or_forge_a_second_one():
    forged = HOSTILE + "\n`[2]` *Boss*"
    (part,) = rendered(
        answered(citations=(citation(author=forged, channel_name=forged, permalink=forged, text=forged),))
    )
    rows = said(part)[1].split("\n")
    assert len(rows) == 2
    shown = "\n".join(rows)
    assert shown.count("`") == shown.count("*") == 2
    assert "@here" not in shown
    assert "<" not in shown


def test_a_long_answer_is_several_messages_with_one_list_of_sources():
    parts = rendered(answered("\n\n".join(f"Paragraph {n} " + "word " * 100 + "[1]." for n in range(20))))
    assert len(parts) > 3
    assert sum("`[1]`" in part.text for part in parts) == 1
    assert "`[1]`" in parts[-1].text
    assert [bool(buttons(part)) for part in parts] == [False] * (len(parts) - 1) + [True]
    for part in parts:
        assert part.text.count("<https") == part.text.count("|[1]>") + part.text.count("|open>")
        assert part.text.count("Paragraph") == part.text.count("|[1]>")


def test_a_warning_stands_before_the_first_part_only():
    parts = rendered(answered("word " * 2_000, Outcome.ANSWERED_WITH_WARNING))
    assert [":warning:" in part.text for part in parts] == [True] + [False] * (len(parts) - 1)


def test_code_that_is_cut_is_closed_and_opened_again():
    parts = rendered(answered("```py\n" + "x = '<1>' + 'kiln at night'\n" * 400 + "```", citations=()))
    assert len(parts) > 3
    for part in parts:
        assert said(part)[0].startswith("```\nx")
        assert said(part)[0].endswith("\n```")


def test_more_sources_than_anybody_reads_are_counted():
    (part,) = rendered(answered(citations=tuple(citation(n, author="Q&" * 90, text="&" * 900) for n in range(1, 400))))
    assert "`[20]`" in str(part.blocks)
    assert "`[21]`" not in str(part.blocks)
    assert said(part)[-1].endswith("… and 379 more")


def test_thousands_of_marks_do_not_become_megabytes():
    parts = rendered(answered("[1] " * 5_000))
    assert sum(len(part.text) for part in parts) < 30_000


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "```", "****"])
def test_an_answer_without_text_is_still_a_message(text):
    rendered(answered(text, citations=()))


# ---- while it is written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "step", "text"),
    [
        (None, None, "Looking…"),
        (0, None, "Yours is next…"),
        (1, None, "Waiting: 1 question is before yours"),
        (3, "Reading", "Waiting: 3 questions are before yours"),
        (None, "Reading 8 messages...", "Reading 8 messages…"),
        (0, "<!here>", "&lt;!here&gt;…"),
    ],
)
def test_progress_in_words(place, step, text):
    (part,) = checked([progress(place, step=step)])
    assert part.text == f":hourglass_flowing_sand: {text}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("We **fire** at", "We *fire* at (…)"),
        ("We **fi", "We ∗∗fi (…)"),
        ("```py\nx = 1", "```\nx = 1\n```\n(…)"),
        ("see [the wi", "see (…)"),
        ("see [the wiki](https://evil", "see the wiki (…)"),
        ("so it is [1] and [", "so it is [1] and (…)"),
        ("| a | b |\n|-", "| a | b |\n|- (…)"),
        ("", "(…)"),
    ],
)
def test_text_so_far_is_safe_wherever_it_is_cut(text, shown):
    (part,) = checked([partial(text, waiting_mark="(…)")])
    assert part.text == shown


def test_no_cut_of_a_hostile_text_has_power():
    text = "a [b](https://evil.example) <!channel> @here `<@U1>` ```\n<!here>\n``` **@**here"
    for end in range(len(text)):
        shown = partial(text[:end], waiting_mark="…").text
        assert not re.search(r"<|@here|://", shown), text[:end]


def test_a_long_text_so_far_shows_its_beginning():
    for text in ("word " * 3_000, "[" * 9_000, "```\n" + "<x>\n" * 3_000):
        (part,) = checked([partial(text, waiting_mark=":pencil2:")])
        assert part.text.endswith("… :pencil2:")
        assert len(part.text) > 1_400


def test_nothing_so_far_and_no_mark_is_still_a_message():
    checked([partial("", waiting_mark="")])


# ---- everything else ----------------------------------------------------------------------------------------------


def test_an_error_looks_like_no_answer():
    (part,) = checked([error_message(HOSTILE)])
    assert part.text == ":x: &lt;!channel&gt; ∗x∗ ‵y‵ here &amp; |\nˍzˍ"
    checked([error_message(""), error_message("&" * 9_000)])


def test_a_notice_is_plain_lines():
    (part,) = checked([notice(["Indexed: 12", HOSTILE, "", "  kiln_ops"])])
    assert part.text == "Indexed: 12\n&lt;!channel&gt; ∗x∗ ‵y‵ here &amp; |\nˍzˍ\n\n  kiln_ops"
    checked([notice([]), notice(["", " "])])


def test_a_very_long_notice_says_that_there_is_more():
    (part,) = checked([notice([f"#channel-{n}: " + "x" * 90 for n in range(900)])])
    assert len(part.blocks) == 5
    assert "more" in said(part)[-1]
    assert part.text.endswith("…")


def test_sources_in_full():
    (part,) = checked([sources_detail((citation(), citation(2, text=HOSTILE)), NOW)])
    where = f"*Quince* · 3 weeks ago (2026-03-02) · #kiln · <{SHOWN_LINK}|open>"
    assert said(part) == [
        f"`[1]` {where}\n> We fire at ∗night∗.\n> It is &lt;cheaper&gt;.",
        f"`[2]` {where}\n> &lt;!channel&gt; ∗x∗ ‵y‵ here &amp; |\n> ˍzˍ",
    ]
    checked([sources_detail((), NOW)])


@pytest.mark.parametrize("count", [1, 7, 30])
def test_long_sources_are_cut_to_one_message(count):
    (part,) = checked([sources_detail(tuple(citation(n, text="a & <b> " * 9_000) for n in range(count)), NOW)])
    assert sum(map(len, said(part))) <= 13_000
    assert said(part)[0].endswith("…")


def test_the_offer_of_more_has_one_button():
    (part,) = checked([private_offer("a1")])
    assert [(button["action_id"], button["value"]) for button in buttons(part)] == [("lore_private", "a1")]


def test_the_notice_of_a_removal_quotes_nothing():
    (part,) = checked([removed_notice()])
    assert part.text.startswith(":wastebasket:")


def test_the_dialog_that_asks_for_a_reason():
    view = reason_view("a1")
    assert View(**view).to_dict() == view
    assert (view["callback_id"], view["private_metadata"]) == ("lore_reason", "a1")
    reason, comment = view["blocks"]
    values = [option["value"] for option in reason["element"]["options"]]
    assert values == ["wrong", "outdated", "missing_source", "unclear", "other"]
    assert comment["optional"] is True
    assert comment["element"]["max_length"] == 500
    assert [block["element"]["action_id"] for block in view["blocks"]] == ["reason", "comment"]
