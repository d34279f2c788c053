import asyncio
import gc
import io
import json
import logging
from contextlib import suppress

import pytest
import structlog

from bot import telemetry
from bot.telemetry import LibraryHandler, Stopwatch, question_logged, setup_logging

CANARY = "the merger with Initech"


@pytest.fixture(autouse=True)
def restored():
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in list(root.handlers):
        if isinstance(handler, LibraryHandler):
            root.removeHandler(handler)


@pytest.fixture
def lines():
    """Set up as JSON from DEBUG on; calling it gives the lines so far, each already parsed."""
    stream = io.StringIO()
    setup_logging("DEBUG", json_lines=True, stream=stream)
    return lambda: [json.loads(row) for row in stream.getvalue().splitlines()]


def log():
    return structlog.get_logger()


def fail(error):
    raise error


def test_known_keys_reach_the_log(lines):
    log().info(
        "answer_posted", channel_id="slack:T1:C1", total_ms=12.34567, citations=3, prompt_tokens=99, outcome="ok"
    )
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "answer_posted",
        "level": "info",
        "channel_id": "slack:T1:C1",
        "total_ms": 12.346,
        "citations": 3,
        "prompt_tokens": 99,
        "outcome": "ok",
    }


@pytest.mark.parametrize(
    "keys",
    [
        {"text": CANARY},
        {"question": CANARY},
        {"message": {"text": CANARY}},
        {"question_id": CANARY},
        {"error": ValueError(CANARY)},
        {"channel_id": [CANARY]},
        {"turns": CANARY},
        {"total_ms": CANARY},
        {"citations": [CANARY]},
        {"timestamp": CANARY},
        {"level": CANARY},
        {"stack": CANARY},
    ],
)
def test_text_under_any_key_stays_out(lines, keys):
    log().warning("answer_posted", **keys)
    assert len(lines()) == 1
    assert "Initech" not in json.dumps(lines())


@pytest.mark.parametrize("event", [CANARY, f"answered: {CANARY}", "Initech", "initech" * 10, 7, {"x": CANARY}])
def test_text_as_an_event_stays_out(lines, event):
    log().info(event)
    assert lines()[0]["event"] == "removed"


def test_text_as_an_argument_stays_out(lines):
    log().info("answered %s", CANARY)
    assert "Initech" not in json.dumps(lines())


# Put together here, so that no scanner takes them for real ones.
TOKENS = [
    "xo" + "xb-123456789012-abcdefghijkl",
    "xa" + "pp-1-A1-2-abc",
    "MTk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "postgresql://bot:" + "secret@db/threadlore",
    "h" + "f_abcdefghijklmnop",
    "sk" + "-abcdefghijklmnop",
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0.abc",
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_under_a_known_key_stays_out(lines, token):
    log().info("answer_posted", workspace=token, model=token)
    assert (lines()[0]["workspace"], lines()[0]["model"]) == ("removed", "removed")


@pytest.mark.parametrize(
    "name", ["task-12", "Qwen3-4B-Instruct-Q4_K_M.gguf", "slack:T1:C1:1700000000.000100", "0b1f-77"]
)
def test_ordinary_names_are_no_tokens(lines, name):
    log().info("answer_posted", model=name)
    assert lines()[0]["model"] == name


def test_an_exception_becomes_its_class_and_its_place(lines):
    try:
        fail(ValueError(CANARY))
    except ValueError:
        log().exception("answer_failed")
    (line,) = lines()
    assert line["error"] == "ValueError"
    assert line["where"].startswith("test_telemetry:")
    assert "Initech" not in json.dumps(line)


def test_an_exception_handed_over_becomes_its_class(lines):
    log().warning("answer_failed", exc_info=KeyError(CANARY))
    assert (lines()[0]["error"], lines()[0]["where"]) == ("KeyError", "unknown")


def test_of_a_librarys_message_only_the_place_is_logged(lines):
    try:
        fail(OSError(CANARY))
    except OSError:
        logging.getLogger("slack_sdk.web").exception("body: %s", CANARY)
    (line,) = lines()
    assert (line["event"], line["logger"], line["level"], line["error"]) == (
        "library_message",
        "slack_sdk.web",
        "error",
        "OSError",
    )
    assert line["where"].startswith("test_telemetry:")
    assert "Initech" not in json.dumps(line)


def test_a_librarys_own_level_is_no_stumbling_block(lines):
    logging.getLogger("library").log(35, "odd")
    assert lines()[0]["level"] == "warning"


def test_libraries_are_quiet_below_a_warning(lines):
    logging.getLogger("library").info("chatter")
    assert lines() == []


def test_setting_up_twice_logs_once(lines):
    stream = io.StringIO()
    setup_logging("INFO", stream=stream)
    logging.getLogger("library").warning("once")
    assert len(stream.getvalue().splitlines()) == 1


def test_quiet_by_default_and_on_standard_error(capsys):
    setup_logging()
    log().info("answer_posted")
    log().warning("memory_away", error="ConnectionError")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.rstrip().endswith("level=warning event=memory_away error=ConnectionError")
    assert len(shown.err.splitlines()) == 1


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="no log level"):
        setup_logging("LOUD")


async def test_every_line_of_a_question_carries_its_id(lines):
    async def answer(question_id):
        with question_logged(question_id):
            await asyncio.sleep(0.001)
            log().info("answer_posted")

    await asyncio.gather(answer("q-1"), answer("q-2"))
    log().info("between_questions")
    assert sorted(line.get("question_id", "") for line in lines()) == ["", "q-1", "q-2"]


async def test_a_question_within_a_question_gives_the_id_back(lines):
    with question_logged("outer"):
        with question_logged("inner"):
            log().info("answer_posted")
        log().info("answer_posted")
    assert [line["question_id"] for line in lines()] == ["inner", "outer"]


async def test_an_abandoned_answer_may_be_closed_elsewhere(lines):
    async def answer():
        with question_logged("q-1"):
            yield 1
            yield 2

    async def begin():
        await anext(events)

    events = answer()
    await asyncio.create_task(begin())
    await events.aclose()
    gc.collect()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_stopwatch_adds_up_milliseconds_per_step():
    clock = Clock()
    watch = Stopwatch(clock)
    with watch.step("retrieval"):
        clock.now += 0.25
    clock.now += 1
    with suppress(ValueError), watch.step("retrieval"):
        clock.now += 0.5
        fail(ValueError())
    assert watch.ms("retrieval") == 750
    assert watch.ms("never") == 0
    assert watch.steps_ms == {"retrieval": 750}
    assert watch.total_ms == 1750


def test_a_line_that_does_not_fit_on_the_disk_is_lost_alone():
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a path of ours
        setup_logging("DEBUG", stream=full)
        log().warning("model_restarted", restarts=1)
        logging.getLogger("elsewhere").error("no room")
        with suppress(OSError):
            full.close()


def test_a_log_that_insists_would_be_caught(monkeypatch):
    monkeypatch.setattr(telemetry, "_Lossy", lambda stream: stream)
    with open("/dev/full", "w") as full:  # noqa: PTH123 - as above
        setup_logging("DEBUG", stream=full)
        with pytest.raises(OSError, match="No space left"):
            log().warning("model_restarted", restarts=1)
        with suppress(OSError):
            full.close()


def test_a_line_for_a_closed_stream_is_lost_alone():
    stream = io.StringIO()
    setup_logging("DEBUG", stream=stream)
    stream.close()
    log().warning("model_restarted", restarts=1)
