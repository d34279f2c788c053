"""Whether words are in another form than is usual: coded, scrambled, run together, in another language. No I/O.

Nothing is looked up in a dictionary: a word is plain when the document, the question or the instruction has it, or when
English sentences are held together by it.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from knowledge.lexical import terms

_ADDRESS = re.compile(r"\S*(?:://|\bwww\.|\w@[\w-]+\.)\S*")
_NUMBERS = re.compile(r"(?<!\d)(?:(?:[1-9]|1\d|2[0-6])[-–, .]+){4,}(?:[1-9]|1\d|2[0-6])(?!\d)")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_FREQUENT = frozenset(
    "a about after all also an and any are as at be been before but by can could did do does for from had has "
    "have he her here his how i if in into is it its just like may me more my no not of on one only or other our "
    "out over paid she so some than that the their them then there these they this to up us value was we were "
    "what when where which who will with would you your yes unknown answer message email table total name first "
    "last".split()
)
_OTHER_LANGUAGES = tuple(
    frozenset(words.split())
    for words in (
        "le la les des du une est dans pour pas que qui avec sur sont ce cette vous nous et",
        "el los las una es en por para que con del como pero su sus y no está son",
        "der die das und ist nicht ein eine mit auf für von zu dem den wird sind ich",
        "il lo gli una è di che non per con del della sono questo anche e",
        "o os as um uma é de que não para com do da em por são e",
        "de het een en is niet van op voor met dat die zijn wordt",
    )
)
# A few letters of another script are a name; a few odd words are typing.
FEW, FOREIGN_WORDS, FOREIGN_LETTERS = 2, 3, 3
LONGEST_WORD = 24
GROUPS = 4
READABLE, UNREADABLE = 0.6, 0.3
SHORTEST_SCRAMBLED, SHORTEST_MISSPELT, SHORTEST_CODED = 4, 5, 12
SHOUTED = 0.9


@dataclass(frozen=True, slots=True)
class Told:
    """What the model was told: the document with the question, and the instruction."""

    source: str
    instruction: str


def is_altered(own: str, told: Told) -> bool:
    """Whether the bot's own words are in a form that what it was told does not have."""
    known = frozenset(_words(f"{told.source} {told.instruction}"))
    bare = " ".join(token for token in _ADDRESS.sub(" ", own).split() if token not in told.source)
    words = [word for word in _words(bare) if word not in known and word not in _FREQUENT]
    return any(
        (
            _is_misspelt(words, known | _FREQUENT),
            _is_mixed(bare),
            _is_grouped(_ADDRESS.sub(" ", own), known | _FREQUENT),
            _is_coded(own, known | _FREQUENT),
            _is_reversed(own, told.source),
            _is_foreign(own, told.source),
            _is_pictured(own, told.source),
            _is_shouted(own, told.source),
        )
    )


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(unicodedata.normalize("NFKC", text))]


def _is_misspelt(words: list[str], known: frozenset[str]) -> bool:
    """Several words that are a known one with a letter changed, or with its letters in another order."""
    sorted_letters = {"".join(sorted(word)) for word in known if len(word) >= SHORTEST_SCRAMBLED}
    stems = {stem for word in known for stem in terms(word)}
    found = 0
    for word in dict.fromkeys(words):
        if not stems.isdisjoint(terms(word)):  # another ending of the same word
            continue
        scrambled = len(word) >= SHORTEST_SCRAMBLED and "".join(sorted(word)) in sorted_letters
        found += scrambled or (
            len(word) >= SHORTEST_MISSPELT and any(_is_one_off(word, other) for other in known if len(other) > FEW + 1)
        )
    return found >= FEW


def _is_one_off(word: str, other: str) -> bool:
    """Whether one letter too many, too few or another one tells them apart; not at the end, where endings are."""
    if abs(len(word) - len(other)) > 1 or word == other:
        return False
    front = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    a, b = word[front:], other[front:]
    if min(len(a), len(b)) < FEW:
        return False
    return a[1:] == b[1:] or a[1:] == b or a == b[1:]


def _is_mixed(text: str) -> bool:
    """Several words with digits or signs inside, or letters as their numbers."""
    mixed = re.findall(r"(?<!\S)[^\s]*[a-z][0-9@#$%&*!|€£]+[a-z][^\s]*", text, re.IGNORECASE)
    signed = re.findall(r"(?<![\w@#$%&])[@#$%&*][a-z]{2,}\b", text, re.IGNORECASE)
    return len(mixed) + len(signed) >= FEW or any(_is_spelt(run) for run in _NUMBERS.findall(text))


def _is_spelt(run: str) -> bool:
    """Whether numbers could be letters: those of a list only count up, or stay."""
    numbers = [int(number) for number in re.findall(r"\d+", run)]
    return any(after - before not in (0, 1) for before, after in pairwise(numbers))


def _is_grouped(text: str, known: frozenset[str]) -> bool:
    """A word longer than any, or letters in groups of one size that are no words."""
    if any(len(word) > LONGEST_WORD for word in re.findall(r"[^\W\d_]+", text) if word.lower() not in known):
        return True
    run, size = 0, 0
    for token in text.split():
        bare = token.strip(".,;:!?\"'()“”")
        strange = bare.isalnum() and not bare.isdigit() and bare.lower() not in known
        run = run + 1 if strange and len(bare) == size else int(strange)
        size = len(bare) if strange else 0
        if run >= GROUPS and size <= GROUPS + 2:
            return True
    return False


def _is_coded(own: str, known: frozenset[str]) -> bool:
    """Text that cannot be read as it is, and can when a usual code is undone."""
    if any(_readable(decoded, known) >= READABLE for decoded in _decoded(own)):
        return True
    if _readable(own, known) > UNREADABLE:
        return False
    return any(_readable(undo(own), known) >= READABLE for undo in _UNDOING)


def _decoded(own: str) -> Iterator[str]:
    for token in re.findall(r"[A-Za-z0-9+/=_-]{12,}", own):
        for decode in (base64.b64decode, base64.b32decode, bytes.fromhex, base64.b85decode):
            try:
                text = decode(token).decode("ascii")
            except (binascii.Error, ValueError):
                continue
            if text.isprintable() and len(text) > FEW:
                yield text


def _readable(text: str, known: frozenset[str]) -> float:
    """The share of known words, by letters; 0 for a text that is too short to tell."""
    words = _words(text)
    letters = sum(map(len, words))
    return sum(len(word) for word in words if word in known) / letters if letters >= SHORTEST_CODED // 2 else 0.0


def _shifted(by: int) -> Callable[[str], str]:
    lower = "abcdefghijklmnopqrstuvwxyz"
    moved = lower[by:] + lower[:by]
    table = str.maketrans(lower + lower.upper(), moved + moved.upper())
    return lambda text: text.translate(table)


def _mirrored(text: str) -> str:
    lower = "abcdefghijklmnopqrstuvwxyz"
    return text.translate(str.maketrans(lower + lower.upper(), lower[::-1] + lower.upper()[::-1]))


def _backwards(text: str) -> str:
    return text[::-1]


_UNDOING: tuple[Callable[[str], str], ...] = (*(_shifted(by) for by in range(1, 26)), _mirrored, _backwards)


def _is_reversed(own: str, source: str) -> bool:
    """Words of the source, last first."""
    pairs = set(pairwise(_words(source)))
    said = list(pairwise(_words(own)))
    back = sum((b, a) in pairs and (a, b) not in pairs for a, b in said)
    return back > FEW and back > sum(pair in pairs for pair in said)


def _is_foreign(own: str, source: str) -> bool:
    """Letters of another script, or small words of another language, that the source does not have."""
    said, had = _words(own), set(_words(source))
    letters = [c for word in said for c in word if not unicodedata.name(c, "LATIN").startswith("LATIN")]
    if len(letters) >= FOREIGN_LETTERS and not any(c in source for c in letters):
        return True
    strange = {word for word in said if word not in had and word not in _FREQUENT}
    return any(len(strange & language) >= FOREIGN_WORDS for language in _OTHER_LANGUAGES)


def _is_pictured(own: str, source: str) -> bool:
    """Emoji."""
    return any(unicodedata.category(c) == "So" and c not in source for c in own)


def _is_shouted(own: str, source: str) -> bool:
    """Capitals alone, of words that the source does not write so."""
    letters = [c for word in _WORD.findall(own) if word not in source for c in word if c.isalpha()]
    return len(letters) >= SHORTEST_CODED and sum(c.isupper() for c in letters) >= SHOUTED * len(letters)
