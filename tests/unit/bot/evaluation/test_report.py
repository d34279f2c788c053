"""The page that every `threadlore eval` writes when asked to: well-formed, self-contained, and nobody else's markup."""

import re
from functools import cache
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.errors import BadConfiguration, UsageProblem
from bot.evaluation import report_file
from bot.evaluation.abstention import Judged, abstention_document
from bot.evaluation.charts import pictures
from bot.evaluation.plots import curves
from bot.evaluation.published import NOMIRACL
from bot.evaluation.report import page
from bot.evaluation.report_file import check_report, write_report

MARKUP = "<script>alert(1)</script>\"'&$\\x$\n中文" + "x" * 60
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Tags(HTMLParser):
    """Every element with its attributes; fails where one is closed that is not open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def retrieval(name, shift=0.0, **more):
    figures = {"recall@5": 0.5, "recall@10": 0.6, "ndcg@10": 0.4, "mrr@10": 0.4, "hit@5": 0.6, "hit@10": 0.7}
    return {
        "name": name,
        "queries": 20,
        "embedder": "e5",
        "views": ["line", "unit"],
        "line": {key: value + shift for key, value in figures.items()},
        "unit": {"hit@5": 0.7, "hit@10": 0.8 + shift, "mean_lines": 4.2},
        "query_ms": {"p50": 12.5, "p95": 40.0},
        "messages": 12345,
        **more,
    }


def answers(name):
    shares = ("em", "f1", "rouge_l", "citation_precision", "citation_recall", "unsupported_sentences", "declined")
    return {"name": name, "n": 3, **dict.fromkeys(shares, 0.25), "model": "m", "answer_ms": {"p50": 1900.0, "p95": 4e4}}


def abstention(name, answerable=(0.9, 0.6, 0.2), unanswerable=(0.3, 0.1)):
    return abstention_document(name, Judged(tuple(answerable), tuple(unanswerable)), 0.35)


DOCUMENTS = [
    ("retrieval", {"sets": [retrieval("locomo")]}),
    ("retrieval", {"sets": [retrieval(f"set {n}") for n in range(4)]}),
    (
        "retrieval",
        {"sets": [retrieval("a"), *(retrieval("a", -0.1, without=part) for part in ("lexical", "dense", "history"))]},
    ),
    ("retrieval", {"sets": [retrieval("a"), retrieval("a", -0.1, without="dense"), retrieval("b")]}),
    ("abstention", {"sets": [abstention("rgb")]}),
    ("abstention", {"sets": [abstention(f"set {n}") for n in range(9)]}),
    ("abstention", {"sets": [abstention("all answerable", unanswerable=())]}),
    ("abstention", {"sets": [{**abstention("no curve"), "curve": []}]}),
    ("answers", {"sets": [answers("xquad_en")]}),
    ("answers", {"sets": [answers(f"set {n}") for n in range(4)]}),
    ("injection", {"cases": 300, "obeyed": 0.01, "links_rendered": 0, "clean_f1_with_guard": 0.4}),
    ("retrieval", {"sets": []}),
]


def written(kind, document):
    return page(kind, document, [(one.caption, one.svg) for one in pictures(kind, document)], "today")


@cache
def numbered(number):
    return written(*DOCUMENTS[number])


NUMBERS = range(len(DOCUMENTS))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_page_is_well_formed_and_needs_nothing_else(number):
    tags = Tags(numbered(number)).seen
    assert not {"script", "link", "img", "iframe", "object", "foreignobject"} & {tag for tag, _ in tags}
    for _, attributes in tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name.rpartition(":")[2] in {"src", "href", "data", "action"}:
                assert re.fullmatch(r"#[\w.-]+", value)
    assert not re.search(r"@import|url\((?!#)", numbered(number))


@pytest.mark.parametrize("number", NUMBERS)
def test_each_figure_is_on_its_page(number):
    words, document = Tags(numbered(number)).words, DOCUMENTS[number][1]
    for entry in document.get("sets", [document]):
        for value in entry.values():
            for one in value.values() if isinstance(value, dict) else [value]:
                if isinstance(one, int):
                    assert f"{one:,}" in words
                if isinstance(one, float):
                    assert f"{one:.3f}" in words or f"{one:,.1f}" in words


@pytest.mark.parametrize("make", [retrieval, answers, abstention])
def test_a_name_with_markup_is_shown_as_it_is_and_does_nothing(make):
    kind = make.__name__
    parsed = Tags(written(kind, {"sets": [make(MARKUP), {**make("b"), "model": MARKUP, MARKUP: MARKUP}]}))
    assert "script" not in {tag for tag, _ in parsed.seen}
    assert MARKUP in parsed.words


def test_an_interval_stands_below_its_figure():
    entry = retrieval("a", intervals={"line": {"hit@5": [0.41, 0.79]}})
    text = written("retrieval", {"sets": [entry]})
    assert "0.600<small>0.410–0.790</small>" in text
    text = written("abstention", {"sets": [{**abstention("b"), "intervals": {"refused": [0.5, 1.0]}}]})
    assert "<small>0.500–1.000</small>" in text


def test_the_same_figures_give_the_same_page():
    assert written(*DOCUMENTS[0]) == numbered(0)
    assert written(*DOCUMENTS[4]) == numbered(4)


def test_ids_of_two_pictures_on_a_page_do_not_disagree():
    text = numbered(2)
    places = re.findall(r'<(\w+)[^>]* id="([^"]+)"', text)
    for tag, name in set(places):
        assert len(set(re.findall(rf'<{tag} id="{name}"(.*?)>', text, re.DOTALL))) == 1


def test_ink_is_the_pages_own_on_a_page_and_dark_on_white_in_a_file():
    on_page, in_file = curves([abstention("a")]).svg, curves([abstention("a")], on_page=False).svg
    assert "currentColor" in on_page
    assert "currentColor" not in in_file
    assert 'fill="#ffffff"' in in_file


def test_published_shares_are_turned_into_refusals():
    found = {(one.name, one.language): (one.refused, one.falsely_refused) for one in NOMIRACL}
    assert found["GPT-4", "en"] == (0.58, 0.05)
    assert found["Mistral-7B", "zh"] == (0.94, 0.62)
    assert found["Llama-2-70B", "zh"] == (0.03, 0.0)
    assert len(found) == 10


def test_systems_and_sets_are_in_one_picture():
    svg = curves([abstention("rgb"), abstention("clapnq")]).svg
    for name in ("rgb", "clapnq", "goal", *(f"{one.name} ({one.language})" for one in NOMIRACL)):
        assert f">{name}</text>" in svg


def test_goals_are_drawn_for_the_sets_that_have_them():
    (with_goal,) = pictures("retrieval", {"sets": [retrieval("locomo")]})
    (without,) = pictures("retrieval", {"sets": [retrieval("ours")]})
    assert ">goal</text>" in with_goal.svg
    assert ">published</text>" in with_goal.svg
    assert ">goal</text>" not in without.svg


def test_without_the_library_a_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(report_file, "find_spec", lambda _: None)
    with pytest.raises(BadConfiguration, match=r"pip install threadlore\[plots\]"):
        check_report(tmp_path / "page.html")
    check_report(None)
    for kind in ("retrieval", "abstention", "answers"):
        ended = CliRunner().invoke(app, ["eval", kind, "--data", str(tmp_path), "--report", "page.html"])
        assert (ended.exit_code, ended.stdout) == (78, "")
        assert "pip install threadlore[plots]" in ended.stderr


def test_a_page_that_could_not_be_written_is_refused_before_anything_is_measured(tmp_path):
    for path in (tmp_path, tmp_path / "none" / "page.html"):
        with pytest.raises(UsageProblem, match="--report"):
            check_report(path)


def test_a_page_is_written_where_it_was_asked_for(tmp_path):
    path = tmp_path / "page.html"
    check_report(path)
    write_report(path, *DOCUMENTS[0])
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    write_report(None, *DOCUMENTS[0])
