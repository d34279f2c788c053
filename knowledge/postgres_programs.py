"""PostgreSQL's own programs, pg_dump and its kin, of a version that understands the server."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from knowledge.database import connect, environment_of
from knowledge.embedded_postgres import packaged_programs
from knowledge.errors import BackupFailed

NAMES = ("pg_dump", "pg_restore", "psql")
SERVER = "SHOW server_version_num"


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder they lie in, and the variables by which they find the server."""

    folder: Path
    environment: dict[str, str]

    def start(self, name: str, *arguments: str, **streams: int) -> subprocess.Popen[bytes]:
        """Starts one of them on the server."""
        program = str(self.folder / name)
        return subprocess.Popen([program, *arguments], env=self.environment, stderr=subprocess.PIPE, **streams)  # type: ignore[call-overload,no-any-return]  # noqa: S603 - fixed programs


async def programs_for(url: str) -> Programs:
    """The programs nearest to the server's version, and none that is older. Errors: `BackupFailed`."""
    async with connect(url) as connection:
        row = await (await connection.execute(SERVER)).fetchone()
    server = int(row[0]) // 10000 if row else 0
    found = {folder: version for folder in _folders() if (version := _version(folder)) is not None}
    fit = [folder for folder, version in found.items() if version >= server]
    if not fit:
        have = f"only version {max(found.values())} is here" if found else "none is here"
        raise BackupFailed(
            f"pg_dump, pg_restore and psql of PostgreSQL {server} or newer are needed on the PATH, and {have}: "
            f"install them (Debian: postgresql-client-{server})."
        )
    environment = {"LC_ALL": "C", "PATH": str(min(fit, key=found.__getitem__)), **environment_of(url)}
    return Programs(min(fit, key=found.__getitem__), environment)


def reason(stderr: bytes) -> str:
    """The first complaint of a program, without the values that a second line would quote."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    told = next((line for line in lines if "error" in line.lower() or "fatal" in line.lower()), "it gave no reason")
    return re.sub(r"^(\S*: )*(error|ERROR|FATAL): +", "", told)[:200]


def _folders() -> list[Path]:
    on_path = shutil.which("pg_dump")
    return [folder for folder in (Path(on_path).parent if on_path else None, packaged_programs()) if folder]


def _version(folder: Path) -> int | None:
    """The major version; None unless all of them are there."""
    if not all((folder / name).exists() for name in NAMES):
        return None
    try:
        told = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, check=True).stdout.decode()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    number = re.search(r"\d+", told)
    return int(number.group()) if number else None
