"""SECURITY.md names every threat, and for each a test that exists or that it is not protected."""

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
