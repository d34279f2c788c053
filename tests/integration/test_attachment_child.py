"""Document children that misbehave in every way, and what one may know and do."""

import asyncio
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.attachments.reader import CHILD, DocumentReader, clean_environment
from bot.telemetry import keep_known_keys
from tests.fakes.documents import pdf, pdf_of

A_PDF = ("report.pdf", "application/pdf", b"%PDF-1.4")
SLEEPER = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"


@pytest.fixture
def logged():
    with capture_logs() as lines:
        yield lines


def stub(program, *arguments):
    """A child that runs this program, whatever it is asked."""
    return (sys.executable, "-c", program, *arguments)


def bomb(mebibytes):
    """A page that is a thousandth of this size until it is unpacked."""
    packer = zlib.compressobj()
    packed = [packer.compress(b"BT /F1 10 Tf ET "), *(packer.compress(b" " * (1 << 20)) for _ in range(mebibytes))]
    return pdf_of([("/Filter /FlateDecode", b"".join([*packed, packer.flush()]))])


async def wait_until_gone(pid, seconds=5.0):
    async with asyncio.timeout(seconds):
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            await asyncio.sleep(0.02)


async def test_a_child_that_hangs_is_ended(logged, tmp_path):
    place = tmp_path / "pid"
    reader = DocumentReader(command=stub(SLEEPER, str(place)), wall_seconds=1)
    assert await reader.text_of(*A_PDF) is None
    assert [(line["outcome"], line["step"]) for line in logged] == [("timeout", "pdf")]
    await wait_until_gone(int(place.read_text()))


async def test_what_a_child_told_before_it_hung_is_kept(logged):
    program = "import time; print('page one', flush=True); time.sleep(60)"
    assert await DocumentReader(command=stub(program), wall_seconds=1).text_of(*A_PDF) == "page one"
    assert [line["outcome"] for line in logged] == ["timeout"]


async def test_a_pipe_that_stays_open_holds_nobody_up(logged):
    program = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3)'])"
    async with asyncio.timeout(2.8):
        assert await DocumentReader(command=stub(program), wall_seconds=1).text_of(*A_PDF) is None
    assert [line["outcome"] for line in logged] == ["timeout"]
    await asyncio.sleep(1.5)  # the pipe closes, and asyncio has nothing left to complain of


async def test_a_child_that_crashes_harms_nobody(logged):
    reader = DocumentReader(command=stub("import os; os.abort()"))
    assert await reader.text_of("report.pdf", "", b"%PDF-" + b"x" * (1 << 20)) is None
    assert [(line["outcome"], line["exit_code"]) for line in logged] == [("failed", -6)]


async def test_a_child_that_cannot_be_started_harms_nobody(logged):
    assert await DocumentReader(command=("/nonexistent/program",)).text_of(*A_PDF) is None
    assert [line["outcome"] for line in logged] == ["no_child"]


async def test_a_child_that_never_stops_talking_is_cut_short(logged):
    program = "import sys\nwhile True: sys.stdout.write('talk' * 1000)"
    assert await DocumentReader(command=stub(program), output_chars=1000).text_of(*A_PDF) == "talk" * 250
    assert logged == []


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS sets no limit on memory")
async def test_a_document_that_unpacks_to_more_than_its_memory_fails(logged):
    reader = DocumentReader(memory_bytes=192 << 20)
    assert await reader.text_of("bomb.pdf", "application/pdf", bomb(250)) is None
    assert [(line["outcome"], line["exit_code"]) for line in logged] == [("failed", 1)]


async def test_giving_up_ends_the_child(tmp_path):
    place = tmp_path / "pid"
    reading = asyncio.create_task(DocumentReader(command=stub(SLEEPER, str(place))).text_of(*A_PDF))
    async with asyncio.timeout(10):
        while not (place.exists() and place.read_text()):
            await asyncio.sleep(0.02)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await wait_until_gone(int(place.read_text()))


async def test_few_children_live_at_once():
    program = "import time; print(time.monotonic()); time.sleep(0.3); print(time.monotonic())"
    reader = DocumentReader(command=stub(program), at_once=2)
    texts = await asyncio.gather(*(reader.text_of(*A_PDF) for _ in range(5)))
    spans = [tuple(map(float, text.split())) for text in texts]
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) == 2


async def test_the_log_says_neither_names_nor_words(logged):
    await DocumentReader(command=stub("raise ValueError('harvest')")).text_of(*A_PDF)
    (line,) = logged
    line["level"] = line.pop("log_level")
    assert keep_known_keys(None, "", dict(line)) == line
    assert "report" not in str(line)


# ---- what a child may know and do


async def test_a_child_sees_no_settings_and_no_tokens(monkeypatch):
    monkeypatch.setenv("THREADLORE_SLACK__BOT_TOKEN", "swordfish")
    monkeypatch.setenv("DATABASE_URL", "swordfish")
    text = await DocumentReader(command=stub("import os; print(sorted(os.environ))")).text_of(*A_PDF)
    assert "PYTHONPATH" in text
    assert "THREADLORE" not in text
    assert "DATABASE_URL" not in text


def run(program, *arguments, **options):
    """Runs this in the child's module and surroundings."""
    return subprocess.run(
        [sys.executable, "-P", "-c", f"from bot.attachments.child import *\n{program}", *arguments],
        env=clean_environment(), capture_output=True, text=True, timeout=20, check=False, **options,
    )  # fmt: skip


def test_reading_loads_nothing_that_reads_settings_or_runs_models(tmp_path):
    # On import, magika puts the .env file nearest above it into the environment.
    program = """
list(pdf_text(Path(sys.argv[1]).read_bytes())), list(html_text(b"<p>late"))
print(sorted({"dotenv", "onnxruntime", "numpy", "markitdown"} & set(sys.modules)))
"""
    place = tmp_path / "report.pdf"
    place.write_bytes(pdf(["late"]))
    assert run(f"from pathlib import Path\n{program}", str(place)).stdout.split("\n")[0] == "['markitdown']"


def test_a_child_opens_no_connection_and_starts_no_program():
    program = """
import socket, subprocess
confine(1 << 30, 5)
for leave in (
    lambda: socket.socket().connect(("127.0.0.1", 9)),
    lambda: socket.create_connection(("localhost", 9)),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
    lambda: subprocess.run(["true"]),
    lambda: os.system("true"),
    lambda: os.fork(),
):
    try:
        leave()
    except PermissionError as error:
        print(error)
"""
    assert run(program).stdout.split() == [
        "socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.system", "os.fork",
    ]  # fmt: skip


def test_a_child_whom_nobody_ends_ends_by_itself():
    assert run("confine(1 << 30, 1)\nwhile True: pass").returncode in {-9, -24}


def test_a_signal_to_the_whole_group_leaves_the_child_at_work():
    program = (
        "import signal\nconfine(1 << 30, 5)\n"
        "for name in ('SIGTERM', 'SIGINT'): os.kill(os.getpid(), signal.Signals[name])\nprint(1)"
    )
    assert run(program).stdout == "1\n"


@pytest.mark.parametrize("arguments", [[], ["pdf"], ["docx", "1", "1"]])
def test_a_child_asked_wrongly_says_so(arguments):
    assert subprocess.run([*CHILD, *arguments], env=clean_environment(), check=False).returncode == 2
