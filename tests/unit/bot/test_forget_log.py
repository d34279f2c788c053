from bot.forget_log import CHANNEL, PERSON, ForgetLog
from tests.talk import channel, person, said


def test_orders_come_back_as_they_were_written_and_nobody_else_may_read_them(tmp_path):
    path = tmp_path / "home" / "forgotten.log"
    log = ForgetLog(path)
    first = log.append(CHANNEL, channel=channel("general"))
    second = log.append(PERSON, person=person("quince"), messages=[said("1", "x").message.ref])
    assert path.stat().st_mode & 0o777 == 0o600
    one, other = log.orders()
    assert (one.order_id, one.kind, one.channel, one.person, one.messages) == (
        first,
        CHANNEL,
        channel("general"),
        None,
        (),
    )
    assert (other.order_id, other.person, other.messages) == (second, person("quince"), (said("1", "x").message.ref,))


def test_a_line_cut_short_is_passed_over_and_spoils_no_other(tmp_path):
    path = tmp_path / "forgotten.log"
    log = ForgetLog(path)
    log.append(CHANNEL, channel=channel("general"))
    path.write_text(path.read_text() + '{"order": "half')
    last = log.append(CHANNEL, channel=channel("board"))
    assert [order.channel for order in log.orders()] == [channel("general"), channel("board")]
    assert log.orders()[1].order_id == last


def test_forgetting_goes_on_where_the_log_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    log = ForgetLog(tmp_path / "file" / "forgotten.log")
    assert log.append(CHANNEL, channel=channel("general"))
    assert log.orders() == []
