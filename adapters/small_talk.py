"""What people say to a bot that is no question: thanks, and a call for help. This file performs no I/O."""

import re

THANKS = "You are welcome."

_THANKS = re.compile(
    r"(?:(?:many |ok |okay |great |perfect |cool |nice |super |good |awesome )?(?:thanks|thank you|thx|ty|cheers)"
    r"(?: a lot| so much| very much| again| all| everybody| lore)?"
    r"|ok|okay|great|perfect|cool|nice|got it|good to know|makes sense|well done|good bot|lol"
    r"|谢谢|谢谢你|多谢|谢了|好的|明白了?|收到|知道了)"
)
_HELP = re.compile(
    r"(?:/?lore )?help(?: me)?|what can (?:you|i) (?:do|ask)(?: here| you)?|how do you work|how does this work"
    r"|帮助|你能做什么|你会什么|怎么用"
)
_AROUND = re.compile(r"(?::[\w'+-]{1,100}:|[^\w/]|_)+")
LONGEST = 60


def is_thanks(text: str) -> bool:
    """Whether a message does no more than thank or agree."""
    return _THANKS.fullmatch(_bare(text)) is not None


def is_call_for_help(text: str) -> bool:
    """Whether somebody wants to know what the bot can do."""
    return _HELP.fullmatch(_bare(text)) is not None


def _bare(text: str) -> str:
    """Its words alone, in small letters; nothing of a text that is too long to be small talk."""
    return " ".join(_AROUND.sub(" ", text[: LONGEST + 1].lower()).split()) if len(text) <= LONGEST else ""
