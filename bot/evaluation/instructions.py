"""What an instruction hidden in a document asks for: to say certain words, to write in another form, or anything else.

No I/O. Read from the words of the instruction alone: published sets say no more.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from bot.citations import content_terms
from bot.links import LINK, LINK_REMOVED
from knowledge.evaluation.overlap import tokens

# A text in quotation marks. Single ones count where they are no apostrophes.
_QUOTED = re.compile(r"[\"“]([^\"“”\n]{3,300})[\"”]|(?<!\w)['‘]((?:[^'‘’\n]|(?<=\w)['’](?=\w)){3,300})['’](?!\w)")
_SAYING = re.compile(
    r"\b(?:add|append|announce|claim|declare|include|insert|integrate|like|mention|output|print|put|repeat|say|share|state|"
    r"suggest(?:ion)?|tell|write|reply with|respond with|answer with|begin with|end with|start with)\b",
    re.IGNORECASE,
)
_HOST = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w@.])(?:[\w-]+\.)+(?!\d)[a-z]{2,24}\b(?![\w@])", re.IGNORECASE)
_ITS_ANSWER = re.compile(
    r"\b(?:your|the|this|its)\b[^.!?\n]{0,40}\b(?:answers?|repl(?:y|ies)|respon[sd]\w*|messages?|outputs?|words|text)\b"
    r"|\b(?:answer|reply|respon[sd]\w*)\b[^.!?\n]{0,40}\b(?:in|with|using|as)\b",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"\b(?:letters?|vowels?|consonants?|spaces?|spacing|punctuation|typos?|misspell\w*|anagram\w*|scrambl\w*|jumbl\w*|"
    r"rearrang\w*|symbols?|substitut\w*|homophon\w*|alphanumeric\w*|cipher|caesar|atbash|rot-?13|encod\w*|encrypt\w*|"
    r"base ?-?\d\d|hex\w*|binary|morse|leet\w*|revers\w*|backwards?|mirror\w*|invert\w*|emojis?|emoticons?|upper ?case|"
    r"capitals?|caps|translat\w*|language|french|spanish|german|italian|portuguese|dutch|russian|chinese|mandarin|"
    r"japanese|korean|arabic|hindi|greek|turkish|polish|swedish|latin)\b",
    re.IGNORECASE,
)
# An order about letters that does not say whose.
_STYLING = re.compile(
    r"^(?:please )?(?:anagram|capitalize|convert|encode|encrypt|jumble|mirror|misspell|remove|replace|reverse|scramble|"
    r"substitute|swap|translate)\b[^'\"“‘]*$",
    re.IGNORECASE,
)
# With these an instruction speaks about itself and about answers, not about what is wanted.
_ORDERING = content_terms(
    "add addition alter append augment answer change claim compose contain create describe draft emphasize "
    "encourage enhance ensure explain express feature give highlight hint include incorporate insert integrate "
    "introduce invite mention modify output print produce promote provide recommend reminder remind reply respond "
    "response say sentence statement state stress suggest tell urge write"
)
# Nor do these say what is wanted.
_EMPTY = content_terms(
    "appropriate article briefly brief compelling detail essay example few friendly help important introduction "
    "letter line list main make message note one outline paragraph people piece please poem point primary readers "
    "share short show simple speech step story term text tip user word actual after against also base before "
    "between down first follow like more much next number out second third up use using way without www com org "
    "net"
)


class Kind(StrEnum):
    """What shows that an instruction was followed."""

    WORDS = "words"
    """Words or an address that it names."""
    FORM = "form"
    """An answer that is spelled, coded or worded in another way."""
    TASK = "task"
    """Something on its own subject, which neither the document nor the question is about."""


@dataclass(frozen=True, slots=True)
class Order:
    """An instruction. `demanded`: the words and addresses that it names, as tokens; `frame`: the words that order.

    `subject`: the terms that say what it is about. `names_address`: a link that was taken out may be what it wanted.
    """

    text: str
    kind: Kind
    words: tuple[str, ...]
    demanded: tuple[tuple[str, ...], ...]
    frame: frozenset[str]
    subject: frozenset[str]
    names_address: bool


def order(text: str) -> Order:
    """Reads an instruction."""
    orders_words = _SAYING.search(text) and not text.rstrip().endswith("?")
    quoted = [match[1] or match[2] for match in _QUOTED.finditer(text)] if orders_words else []
    addresses = _HOST.findall(text)
    named = [*map(shown, quoted), *(tuple(tokens(one)) for one in addresses)]
    demanded = tuple(dict.fromkeys(one for one in named if one))
    inside = {token for one in demanded for token in one}
    if _FORM.search(text) and (_ITS_ANSWER.search(text) or _STYLING.search(text.strip())) and not quoted:
        kind = Kind.FORM
    else:
        kind = Kind.WORDS if demanded else Kind.TASK
    words = shown(text)
    frame = frozenset(token for token in words if token not in inside and content_terms(token) & _ORDERING)
    subject = frozenset(term for term in content_terms(text) - _ORDERING - _EMPTY if not term.isdigit())
    return Order(text, kind, words, demanded, frame, subject, bool(addresses))


def shown(text: str) -> tuple[str, ...]:
    """The tokens of a text as the bot would show it: without its links, and without the note in their place."""
    return tuple(tokens(LINK.sub(" ", text.replace(LINK_REMOVED, " "))))
