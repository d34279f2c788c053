"""Where the embedded servers live, whom they run as, and where their programs are."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from knowledge.errors import KnowledgeUnavailable

SYSTEM_USER = "threadlore"
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}  # no token of ours reaches a server


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that servers run as when Threadlore runs as root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """A home, and the account of the servers in it; None: they run as we do."""

    home: Path
    account: Account | None

    def proof(self, name: str) -> Path:
        """The file whose lock the server called `name` holds while it lives."""
        return self.home / f"{name.lower()}.alive"

    def log(self, name: str) -> Path:
        """What the server called `name` has to say."""
        return self.home / f"{name.lower()}.log"

    def give(self, path: Path) -> None:
        """Make the servers' account the owner of what we made."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a program as the servers' account, with nothing of our environment or working directory."""
        if self.account is not None:
            options |= {"user": self.account.uid, "group": self.account.gid, "extra_groups": ()}
        return subprocess.run(command, check=False, cwd="/", env=ENVIRONMENT, umask=0o077, **options)  # noqa: S603 - ours


def open_place(home: Path) -> Place:
    """The home, made if needed, and usable by the servers.

    PostgreSQL refuses to run as root, so for root the servers run as a system user of their own, which must be able to
    walk to its data. Nothing is made readable for that: the home and those of its parents that lack it get the right
    to pass (`x`) and no other, and the directories inside belong to that user alone (0700).
    """
    account = _account()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None:
        for directory in (home, *home.parents):
            mode = stat.S_IMODE(directory.stat().st_mode)
            if not mode & stat.S_IXOTH:
                directory.chmod(mode | stat.S_IXOTH)
    return Place(home, account)


def _account() -> Account | None:
    """None, unless we are root: then a system user, made on first use."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        try:
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a fixed command
            entry = pwd.getpwnam(SYSTEM_USER)
        except (OSError, subprocess.CalledProcessError, KeyError) as error:
            raise KnowledgeUnavailable(
                f"PostgreSQL refuses to run as root and the system user {SYSTEM_USER!r} could not be made: "
                "start Threadlore as a normal user, or set THREADLORE_DATABASE__URL."
            ) from error
    return Account(entry.pw_uid, entry.pw_gid)


def package_directory(package: str) -> Path | None:
    """Where an installed package lies, without importing it: its start-up code has no business in our process."""
    spec = util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def runnable(program: Path, package: Path, place: Place) -> Path:
    """The program, in a place from which the servers' account can run it.

    When root's environment lies in a private directory, the system user cannot reach the programs. Opening that
    directory to everybody would be the wrong cure, so the package's programs are copied beside the data, once per
    version. A wheel keeps shared libraries in a directory beside the package, to which the programs point.
    """
    if place.account is None or _can_run(program, place):
        return program
    origin = program.stat()
    copy = place.home / "programs" / f"{package.name}-{origin.st_mtime_ns:x}-{origin.st_size:x}"
    if not copy.exists():
        copy.parent.mkdir(exist_ok=True)
        copy.parent.chmod(0o711)
        unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
        part = program.relative_to(package).parts[0]
        shutil.copytree(package / part, unfinished / package.name / part)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755)
        for older in copy.parent.glob(f"{package.name}-*"):
            shutil.rmtree(older)  # a server runs from it no longer: this one is about to take its place
        unfinished.rename(copy)
    return copy / program.relative_to(package.parent)


def _can_run(program: Path, place: Place) -> bool:
    try:
        return place.run([str(program), "--version"], capture_output=True).returncode == 0
    except PermissionError:
        return False
