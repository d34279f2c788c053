import json

import pytest

from knowledge.errors import UnreadableSource
from knowledge.evaluation.datasets import exchanges, read_any_set
from knowledge.followup import Exchange


def written(folder, name, *rows):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def test_the_turn_before_a_question_is_the_other_sides():
    assert exchanges(["why?", "because", "and when?", "in May"]) == (
        Exchange("why?", "because"),
        Exchange("and when?", "in May"),
    )
    assert exchanges(["welcome", "why?", "because"]) == (Exchange("", "welcome"), Exchange("why?", "because"))


def test_turns_that_name_who_speaks_are_taken_at_their_word():
    told = [{"role": "user", "text": "why?"}, {"role": "user", "text": "why really?"}, {"role": "agent", "text": "so"}]
    assert exchanges(told) == (Exchange("why?"), Exchange("why really?", "so"))


def test_each_record_becomes_a_channel_of_its_own(tmp_path):
    written(
        tmp_path / "set",
        "records.jsonl",
        {"id": "a", "text": "who?", "answerable": False, "passages": [{"text": "one"}, {"text": "two"}]},
        {"id": "b", "text": "when?", "positive": [["x", "y"], "z"], "negative": ["n"]},
        {"id": "c", "text": "where?", "positive": [], "negative": ["m"]},
    )
    questions = read_any_set(tmp_path / "set", tmp_path)
    asked = [(query.text, query.channel, query.answerable) for query in questions.queries]
    assert asked == [
        ("who?", "a", False),
        ("when?", "b-positive", True),
        ("when?", "b-negative", False),
        ("where?", "c-negative", False),
    ]
    rows = [json.loads(line) for line in questions.corpus.read_text(encoding="utf-8").splitlines()]
    assert [(row["channel"], row["text"]) for row in rows] == [
        ("a", "one"), ("a", "two"), ("b-positive", "x"), ("b-positive", "y"), ("b-positive", "z"), ("b-negative", "n"),
        ("c-negative", "m"),
    ]  # fmt: skip


@pytest.mark.parametrize("row", [{"id": "a", "text": "who?"}, {"id": "a"}, ["a"], {"id": 1, "text": "x"}])
def test_a_record_that_is_none_is_named(tmp_path, row):
    written(tmp_path / "set", "records.jsonl", row)
    with pytest.raises(UnreadableSource, match=r"records\.jsonl:1: expected"):
        read_any_set(tmp_path / "set", tmp_path)


def test_a_question_that_nothing_answers_is_read_too(tmp_path):
    folder = tmp_path / "set"
    written(folder, "corpus.jsonl", {"id": "m", "text": "one"})
    written(folder, "queries.jsonl", {"id": "q", "text": "who?", "answerable": False, "answers": None, "history": None})
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n", encoding="utf-8")
    [query] = read_any_set(folder, tmp_path).queries
    assert (query.answerable, query.answers, query.earlier, query.relevant) == (False, (), (), {})
