import pytest
from hypothesis import given
from hypothesis import strategies as st
from simcord.components import validate_modal

from adapters.discord.components import REASONS, action_of, answer_buttons, reason_in, reason_modal
from bot.conversation import Answer, Outcome

ANSWER = Answer("said", Outcome.ANSWERED)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["components", "component", "custom_id", "value", "values", "type"]), inner, max_size=4
        )
    ),
)


def test_what_a_button_carries_is_read_back():
    (row,) = answer_buttons(ANSWER, "a1", private=False)
    assert [action_of(button["custom_id"]) for button in row["components"]] == [
        ("helpful", "a1"),
        ("unhelpful", "a1"),
        ("private", "a1"),
        ("delete", "a1"),
    ]
    assert action_of(reason_modal("a1")["custom_id"]) == ("reason", "a1")


def test_only_delete_looks_dangerous():
    (row,) = answer_buttons(ANSWER, "a1", private=True)
    assert [(button["label"], button["style"]) for button in row["components"]] == [
        ("Helpful", 2),
        ("Not helpful", 2),
        ("Delete", 4),
    ]


def test_no_id_is_longer_than_discord_takes():
    (row,) = answer_buttons(ANSWER, "a" * 300, private=False)
    assert {len(button["custom_id"]) for button in row["components"]} == {100}


@pytest.mark.parametrize(
    "custom_id", ["", "lore", "lore:", "lore:helpful", "lore:helpful:", "lore:shout:a1", "core:helpful:a1", ":::", "a1"]
)
def test_what_is_not_ours_is_no_action(custom_id):
    assert action_of(custom_id) is None


def test_the_dialog_that_asks_for_a_reason_is_one_that_discord_takes():
    modal = reason_modal("a1")
    validate_modal(modal)
    reason, comment = (label["component"] for label in modal["components"])
    assert [option["value"] for option in reason["options"]] == list(REASONS)
    assert comment["max_length"] == 500
    assert comment["required"] is False


def test_the_reason_and_the_comment_are_read():
    sent = [
        {"type": 18, "id": 1, "component": {"type": 3, "custom_id": "reason", "values": ["outdated"]}},
        {"type": 18, "id": 2, "component": {"type": 4, "custom_id": "comment", "value": "Since May\x00."}},
    ]
    assert reason_in(sent) == ("outdated", "Since May.")
    in_rows = [{"type": 1, "components": [label["component"]]} for label in sent]
    assert reason_in(in_rows) == ("outdated", "Since May.")


def test_a_reason_that_we_did_not_offer_is_none():
    sent = [{"type": 18, "component": {"type": 3, "custom_id": "reason", "values": ["quince's own words"]}}]
    assert reason_in(sent) == ("", "")


@given(JSON)
def test_any_json_is_read(sent):
    reason, comment = reason_in(sent)
    assert reason in {"", *REASONS}
    assert isinstance(comment, str)
