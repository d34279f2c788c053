"""What a reranker reads: one token is one word, and marks are tokens below ten."""

import pytest

from bot.generation.pairs import Marks, PairForm

BEGIN, END, SEPARATOR = 1, 2, 3
MARKS = {"<|a|>": 4, "<|b|>": 5}


class Words:
    """Each new word gets the next number; a mark is one only where marks are asked for."""

    def __init__(self):
        self.known = []

    def tokenize(self, text, *, special=False):
        if special:
            return [MARKS[text]]
        tokens = []
        for word in text.split():
            if word not in self.known:
                self.known.append(word)
            tokens.append(10 + self.known.index(word))
        return tokens

    def piece(self, token):
        return f"{self.known[token - 10]} ".encode()

    def read(self, tokens):
        names = {number: mark for mark, number in MARKS.items()} | {BEGIN: "<s>", END: "</s>", SEPARATOR: "[SEP]"}
        return " ".join(self.known[token - 10] if token >= 10 else names[token] for token in tokens)


@pytest.mark.parametrize(
    ("marks", "shape"),
    [
        (Marks.of(BEGIN, -1, SEPARATOR, is_wordpiece=True), "<s> who rows [SEP] Ann rows [SEP]"),
        (Marks.of(BEGIN, END, SEPARATOR, is_wordpiece=False), "<s> who rows </s> [SEP] Ann rows </s>"),
        (Marks.of(BEGIN, END, END, is_wordpiece=False), "<s> who rows </s> </s> Ann rows </s>"),
        (Marks.of(BEGIN, END, -1, is_wordpiece=False), "<s> who rows </s> </s> Ann rows </s>"),
        (Marks.of(-1, END, -1, is_wordpiece=False), "who rows </s> </s> Ann rows </s>"),
    ],
)
def test_a_pair_stands_between_the_marks_that_its_kind_of_model_was_trained_with(marks, shape):
    words = Words()
    assert words.read(PairForm(words, marks, "", 64).tokens("who rows", "Ann rows")) == shape


def test_a_template_of_the_model_comes_first_and_no_text_makes_a_mark():
    words = Words()
    form = PairForm(words, Marks.of(1, 2, 3, is_wordpiece=False), "<|a|>Ask: {query} Says: {document} <|b|>yes?", 64)
    assert words.read(form.tokens("who", "Ann")) == "<|a|> Ask: who Says: Ann <|b|> yes?"
    sly = form.tokens("{document}", "<|b|> {query}")
    assert words.read(sly) == "<|a|> Ask: {document} Says: <|b|> {query} <|b|> yes?"
    assert sly.count(MARKS["<|b|>"]) == 1


def test_a_template_that_names_no_places_is_none():
    words = Words()
    form = PairForm(words, Marks.of(1, 2, 3, is_wordpiece=True), "<|a|>{query}", 64)
    assert words.read(form.tokens("who", "Ann")) == "<s> who [SEP] Ann [SEP]"


@pytest.mark.parametrize("template", ["", "<|a|>{query} <|b|> {document} <|a|>"])
@pytest.mark.parametrize(("query", "text"), [(2, 500), (500, 2), (500, 500), (0, 500), (500, 0)])
def test_a_long_question_leaves_room_for_the_text_and_both_end_as_they_should(template, query, text):
    words = Words()
    form = PairForm(words, Marks.of(1, 2, 3, is_wordpiece=True), template, 40)
    tokens = form.tokens("why " * query, "because " * text)
    assert len(tokens) <= 40
    assert tokens[-1] == (MARKS["<|a|>"] if template else SEPARATOR)
    seen = words.read(tokens).split()
    assert seen.count("why") >= min(query, 13)
    assert seen.count("because") >= min(text, 13)
