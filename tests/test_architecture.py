"""What is written about the program is true of it: the settings table, the walks, the names of settings, the links."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from bot.config import Section, Settings, settings_table

REPOSITORY = Path(__file__).parents[1]
PAGES = ("README.md", "CHANGELOG.md", "SECURITY.md", *(f"docs/{page.name}" for page in REPOSITORY.glob("docs/*.md")))
NAMING_SETTINGS = (*PAGES, ".env.example", "docker-compose.yml", "Dockerfile")

# Put together here, so that this file does not contain what it forbids.
MACHINE_PATHS = tuple(f"/{top}/" for top in ("work", "root", "home", "Users"))
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("huggingface", "co"), ("hf", "co"), ("docker", "io"), ("ghcr", "io"),
        ("quay", "io"), ("nvcr", "io"), ("npmjs", "org"), ("npmjs", "com"), ("crates", "io"), ("anaconda", "org"),
    )
)  # fmt: skip

MENTION = re.compile(r"`((?:[\w-]+/)+\w+\.py): (\w+(?:\.\w+)*)`")
CONSTANT = re.compile(r"`((?:[\w-]+/)+\w+\.py): ([A-Z_]+)` \| ([\d.,_]+) \|")
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
SETTING = re.compile(r"THREADLORE_[A-Z0-9_]+")


def text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


@cache
def names_in(file: str) -> dict[str, ast.AST]:
    """Functions, classes, methods and constants of a module, by dotted name."""
    found: dict[str, ast.AST] = {}

    def collect(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found[prefix + name] = node
                case ast.ClassDef(name=name):
                    found[prefix + name] = node
                    collect(node.body, f"{prefix}{name}.")
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    found[prefix + name] = value
                case _:
                    pass

    collect(ast.parse(text(file)).body, "")
    return found


def mentions(page: str) -> list[tuple[str, str]]:
    return MENTION.findall(text(page))


def known_settings() -> set[str]:
    """Every setting as a variable of the environment."""
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        inner = type(field.default).model_fields if isinstance(field.default, Section) else {"": None}
        names |= {f"THREADLORE_{name}__{key}".removesuffix("__").upper() for key in inner}
    return names


@pytest.fixture(scope="module")
def repository_files() -> list[str]:
    """What is, or is about to be, in the repository: nothing that git ignores."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this copy of the source is no git repository")
    return [name for name in listed.stdout.decode().split("\0") if name and (REPOSITORY / name).is_file()]


def test_the_settings_table_of_the_readme_is_fresh() -> None:
    between = re.search(r"<!-- settings begins -->\n(.*)<!-- settings ends -->", text("README.md"), re.DOTALL)
    assert between is not None
    assert between[1] == settings_table(), "put the output of bot.config.settings_table() between the two marks"


def test_the_walks_name_functions() -> None:
    walks = re.split(r"^#+ ", text("README.md"), flags=re.MULTILINE)
    named = {walk.partition("\n")[0]: MENTION.findall(walk) for walk in walks if "→" in walk.partition("\n")[0]}
    assert len(named) == 4
    assert all(len(found) >= 8 for found in named.values()), named


@pytest.mark.parametrize("page", PAGES)
def test_every_function_that_a_page_names_exists(page: str) -> None:
    for file, name in mentions(page):
        assert (REPOSITORY / file).is_file(), f"{page} names {file}, which is not there"
        assert name in names_in(file), f"{page} names {file}: {name}, which is not there"


def test_a_name_that_is_not_there_would_be_found() -> None:
    assert "Settings" in names_in("bot/config.py")
    assert "Assistant.answer" in names_in("bot/assistant.py")
    assert "Assistant.guess" not in names_in("bot/assistant.py")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_into_the_repository_leads_somewhere(page: str) -> None:
    for target in LINK.findall(text(page)):
        assert ((REPOSITORY / page).parent / target).exists(), f"{page} links {target}, which is not there"


def test_the_numbers_on_the_retrieval_page_are_those_of_the_code() -> None:
    rows = CONSTANT.findall(text("docs/retrieval.md"))
    assert len(rows) >= 10
    for file, name, shown in rows:
        value = names_in(file).get(name)
        assert isinstance(value, ast.expr), f"{file}: {name} is not there"
        assert float(shown.replace(",", "")) == ast.literal_eval(value), f"{file}: {name} is not {shown}"


@pytest.mark.parametrize("file", NAMING_SETTINGS)
def test_every_setting_that_a_file_names_exists(file: str) -> None:
    unknown = set(SETTING.findall(text(file))) - known_settings()
    assert not unknown, f"{file} names {sorted(unknown)}"


def test_no_file_names_a_machine_or_a_registry(repository_files: list[str]) -> None:
    forbidden = [part.encode() for part in (*MACHINE_PATHS, *REGISTRY_HOSTS)]
    found = [
        f"{name}: {part.decode()}"
        for name in repository_files
        for content in [(REPOSITORY / name).read_bytes()]
        for part in forbidden
        if part in content
    ]
    assert repository_files
    assert not found
