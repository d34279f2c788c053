"""SECURITY.md names every threat, docs/reliability.md every promise, and for each a test that exists, or none."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
ROW = re.compile(r"^\| (T\d+) \| [^|]+ \| [^|]+ \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py): (test_\w+)`")
THREATS = dict(ROW.findall((REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")))


def is_shown(cell: str) -> bool:
    """Whether a test that exists is named, or the lack of one."""
    if cell.startswith("not protected"):
        return True
    named = TEST.fullmatch(cell)
    if named is None or not (REPOSITORY / named[1]).is_file():
        return False
    source = (REPOSITORY / named[1]).read_text(encoding="utf-8")
    return re.search(rf"^(?:async )?def {named[2]}\(", source, re.MULTILINE) is not None


def test_every_threat_is_named():
    assert list(THREATS) == [f"T{number}" for number in range(1, 33)]


@pytest.mark.parametrize("threat", THREATS)
def test_every_test_that_is_named_exists(threat):
    assert is_shown(THREATS[threat]), THREATS[threat]


def test_a_test_that_is_not_there_would_be_found():
    assert not is_shown("`tests/test_threats.py: test_of_nothing`")
    assert not is_shown("somehow")


PROMISES = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_every_promise_is_named():
    numbers = [
        *(f"R{one}" for one in range(1, 22)),
        *(f"S{one}" for one in range(1, 15)),
        *(f"O{one}" for one in range(1, 8)),
    ]
    assert re.findall(r"^\| ([RSO]\d+) \|", PROMISES, re.MULTILINE) == numbers


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]*test_\w+\.py)`", PROMISES))))
def test_every_proof_of_a_promise_exists(name):
    assert (REPOSITORY / "tests" / name).is_file()
