import re

import pytest

from adapters.naming import without_name

NAME, CODE = re.compile("@lore"), re.compile(r"(`[^`]+`)")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("@lore why?", "why?"),
        ("@lore, why?", "why?"),
        ("why, @lore?", "why,?"),
        ("thanks @lore! more?", "thanks! more?"),
        ("ask @lore about plums", "ask about plums"),
        ("@lore\nfirst\nsecond", "first\nsecond"),
        ("@lore what is `@lore` for", "what is `@lore` for"),
        ("@lore @lore", ""),
        ("plums", "plums"),
    ],
)
def test_a_name_goes_with_the_gap_that_it_would_leave_and_code_stays(text, left):
    assert without_name(text, NAME, CODE) == left


def test_many_blanks_take_no_time():
    assert without_name("@lore" + " " * 200_000 + "why?", NAME, CODE) == "why?"
