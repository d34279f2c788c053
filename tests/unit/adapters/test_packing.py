from adapters.packing import beginning, packed


def test_texts_share_a_text_as_long_as_it_holds_them():
    assert list(packed(["plum", "pear", "quince", "fig"], 9)) == ["plum\npear", "quince", "fig"]
    assert list(packed(["plum", "a plum too long"], 9)) == ["plum", "a plum too long"]
    assert list(packed([], 9)) == []


def test_a_beginning_says_that_there_is_more():
    assert beginning("the press is dry", 20) == "the press is dry"
    shown = beginning("the press is dry and nobody oiled it", 20)
    assert len(shown) <= 20
    assert shown.endswith("…")
    assert beginning("", 20) == ""
