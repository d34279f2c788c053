"""Which talk of a team is a question with an answer that was accepted. English and Chinese. This file performs no I/O.

A label that is wrong costs more than one that is missing: in doubt there is none.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knowledge.lexical import query_terms

MOST_QUESTION_CHARS = 1_000
FEWEST_TERMS = 2
# Of a question of which no word tells anything, every word is a term; beside this one, none.
_TELLING = "q0"
RIGHT, BESIDE = 2, 1
"""Grades: what answers, and what else was said on the way there."""

_ASKS_FIRST = re.compile(
    r"how|why|when|where|who|whom|whose|which|what(?! an? )|does|did|is (?:there|it|this|that|anyone|anybody)|"
    r"are (?:there|we)|(?:any|some)(?:one|body) (?:know|here|else|seen|have|has|got|tried)|has any|"
    r"(?:can|could|should|shall|may|do|would) (?:we|i|you|any|some)",
)
_ASKS_FIRST_CJK = re.compile(
    "怎么|怎样|如何|为什么|为啥|为何|什么|啥|谁|哪|几|多少|多久|请问|求问|问一下|有没有|是不是|能不能|可不可以|能否|是否|咋"
)
_GREETING = re.compile(
    r"^(?:(?:@[\w.\-]+|hi|hey|hello|all|folks|team|everyone|there|quick question|question|sorry|so|ok|and|"
    r"大家好|你好|各位|您好)[\s,.!:;，。！：、-]+)+"
)
_END = " \t\r\n\"'”’)）]】*_~`。.!！"
_THANKED_AHEAD = re.compile(
    r"(?:many )?(?:thanks|thank you|thx|cheers|谢谢|多谢|感谢)(?: (?:in advance|all))?[\s.!。！]*$"
)

ACCEPTING = frozenset((
    "white_check_mark", "heavy_check_mark", "ballot_box_with_check", "+1", "thumbsup", "100", "tada", "pray",
    "✅", "✔", "☑", "👍", "💯", "🎉", "🙏",
))  # fmt: skip
_VARIANTS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")

LONGEST_THANKS = 200
_THANKS = re.compile(
    r"\b(?:thanks|thank you|thx|tysm|ty|cheers|(?:that|this|it) (?:\w+ )?(?:worked|works|helped|helps|fixed it|did it)|"
    r"did the trick|works (?:now|again|perfectly|great|like a charm)|"
    r"(?:solved|fixed|sorted|resolved)|perfect|got it|understood|makes sense)\b"
    "|谢谢|多谢|感谢|谢啦|谢了|搞定|解决了|可以了|好使|明白了|懂了"
)
_BUT = re.compile(
    r"\b(?:not|no|never|nope|still|but|however|unfortunately|didn|doesn|isn|won|can|cannot|in advance|anyway)\b|n't|n’t"
    "|没|未|不行|不对|不能|还是|但|不过|可是|提前|先谢|如果|麻烦"
)


@dataclass(frozen=True, slots=True)
class Post:
    """One message of a thread. `author` None: nobody is named. An empty text stands for one that is gone."""

    key: str
    author: int | None
    text: str
    reactions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question, and the messages that answer it with their grades. `asked_in`: the message that asks, if any.

    `earlier`: what was asked before it in the same talk. `answers`: what would be right to say, where that is known.
    """

    query_id: str
    text: str
    relevant: Mapping[str, int]
    source: str
    asked_in: str | None = None
    earlier: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


def is_question(text: str) -> bool:
    """Ends with a question mark, apart from thanks in advance, or begins with a question word."""
    said = text.strip().lower()
    bare = _THANKED_AHEAD.sub("", said.rstrip(_END)).rstrip(_END)
    if bare.endswith(("?", "？", "吗")):
        return True
    begin = _GREETING.sub("", said)
    return bool(re.match(rf"(?:{_ASKS_FIRST.pattern})\b", begin) or _ASKS_FIRST_CJK.match(begin))


def is_searchable(text: str) -> bool:
    """Says enough of what it is about to be looked for, and is no log or letter."""
    telling = set(query_terms(f"{text} {_TELLING}")) - {_TELLING}
    return len(telling) >= FEWEST_TERMS and len(text) <= MOST_QUESTION_CHARS


def is_accepted(reactions: Mapping[str, int]) -> bool:
    """Whether any of these reactions says that it helped. Skin tones, and how an emoji is drawn, do not matter."""
    names = {_VARIANTS.sub("", name.strip(":").partition("::")[0]) for name, count in reactions.items() if count > 0}
    return bool(names & ACCEPTING)


def is_thanks(text: str) -> bool:
    """Says that it helped, shortly, without a but, and asks nothing more."""
    said = text.strip().lower()
    if len(said) > LONGEST_THANKS or "?" in said or "？" in said:
        return False
    return bool(_THANKS.search(said)) and not _BUT.search(said)


def label_of(thread: Sequence[Post]) -> Labelled | None:
    """The question that a thread begins with and the replies that were accepted. None where there is no such thing.

    What got an accepting reaction counts; where nothing did, what the asker thanked for: the last reply before it.
    """
    if not thread or thread[0].author is None or not (is_question(thread[0].text) and is_searchable(thread[0].text)):
        return None
    asked, replies = thread[0], thread[1:]
    right = [n for n, post in enumerate(replies) if _may_answer(post, asked) and is_accepted(post.reactions)]
    right = right or _thanked(replies, asked)
    if not right:
        return None
    relevant = {
        post.key: RIGHT if n in right else BESIDE
        for n, post in enumerate(replies[: right[-1] + 1])
        if post.text and post.author != asked.author
    }
    texts = tuple(replies[n].text for n in right)
    return Labelled(f"thread:{asked.key}", asked.text, relevant, "thread", asked.key, answers=texts)


def _may_answer(post: Post, asked: Post) -> bool:
    return bool(post.text.strip()) and post.author not in {None, asked.author} and not is_question(post.text)


def _thanked(replies: Sequence[Post], asked: Post) -> list[int]:
    """The last reply before the asker's first thanks: a list of one, or of none."""
    for n, post in enumerate(replies):
        if post.author == asked.author and is_thanks(post.text):
            return [before for before in range(n) if _may_answer(replies[before], asked)][-1:]
    return []


def together(questions: Sequence[Labelled]) -> list[Labelled]:
    """Those that can be measured together: none is asked by a message that answers another, and none is asked twice."""
    seen: set[str] = set()
    answering = {key for one in questions for key in one.relevant}
    kept: list[Labelled] = []
    for one in questions:
        if one.asked_in is not None and (one.asked_in in answering or one.asked_in in seen):
            continue
        seen.update(filter(None, [one.asked_in]))
        kept.append(one)
    return kept
