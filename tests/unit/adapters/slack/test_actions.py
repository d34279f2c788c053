import json
from pathlib import Path

import pytest

from adapters.slack.actions import Pressed, Shortcut, Submitted, read

PAYLOADS = Path(__file__).parents[3] / "payloads" / "slack"


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def test_a_button():
    assert read(payload("block_actions")) == Pressed(
        action_id="helpful",
        value="answer-1",
        user_id="U0TAMARIND",
        channel_id="C0ENGINEERING",
        message_ts="1777600010.000800",
        thread_ts="1777600000.000100",
        response_url="https://hooks.slack.example/actions/T0TIDEPOOL/1/x",
        trigger_id="1.2.aaaa",
    )


def test_a_button_of_an_ephemeral_message_has_no_message():
    body = payload("block_actions")
    del body["message"], body["channel"]
    body["container"] |= {"is_ephemeral": True, "thread_ts": None}
    pressed = read(body)
    assert (pressed.is_ephemeral, pressed.channel_id, pressed.thread_ts) == (True, "C0ENGINEERING", None)


def test_a_thread_that_only_the_message_names():
    body = payload("block_actions")
    body["container"] = {"type": "message"}
    assert (read(body).message_ts, read(body).thread_ts) == ("1777600010.000800", "1777600000.000100")


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ({"type": "overflow", "selected_option": {"value": "more"}}, "more"),
        ({"type": "users_select", "selected_user": "U0QUINCE"}, "U0QUINCE"),
        ({"type": "datetimepicker", "selected_date_time": 1777600000}, "1777600000"),
        ({"type": "checkboxes", "selected_options": [{"value": "a"}, {"value": "b"}, 7]}, "a,b"),
        ({"type": "multi_users_select", "selected_users": ["U0QUINCE", None, "U0LORE"]}, "U0QUINCE,U0LORE"),
        ({"type": "button"}, ""),
    ],
)
def test_whatever_was_chosen_is_the_value(action, value):
    assert read(payload("block_actions") | {"actions": [{"action_id": "x"} | action]}).value == value


def test_a_shortcut_of_a_message():
    shortcut = read(payload("message_action"))
    assert shortcut == Shortcut(
        callback_id="sum_up",
        user_id="U0TAMARIND",
        channel_id="C0ENGINEERING",
        message=payload("message_action")["message"],
        trigger_id="3.4.bbbb",
        response_url="https://hooks.slack.example/app/T0TIDEPOOL/2/x",
    )


def test_a_shortcut_of_no_message():
    shortcut = read({"type": "shortcut", "callback_id": "ask", "user": {"id": "U0QUINCE"}, "trigger_id": "1"})
    assert shortcut == Shortcut("ask", "U0QUINCE", "", {}, "1", "")


def test_a_dialog():
    assert read(payload("view_submission")) == Submitted(
        "feedback", "answer-1", "U0TAMARIND", {"comment": "the wrong mill", "reason": "outdated"}, "5.6.cccc"
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "view_closed", "user": {"id": "U0QUINCE"}, "view": {"callback_id": "feedback"}},
        payload("block_actions") | {"actions": []},
        payload("block_actions") | {"user": None},
        payload("message_action") | {"callback_id": ""},
        payload("view_submission") | {"view": {}},
    ],
)
def test_what_tells_nothing(body):
    assert read(body) is None
