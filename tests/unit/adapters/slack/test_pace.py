from adapters.slack.calls import Calls


def test_the_past_is_never_read_slower_than_slack_asks_for():
    calls = Calls(None)
    for _ in range(20):
        calls._limited("conversations_history", 2.0)
    assert calls._interval["conversations_history"] == 2.0
    calls._limited("conversations_history", 60.0)
    assert calls._interval["conversations_history"] == 4.0
