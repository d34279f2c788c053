"""The grammar of `/lore …`: what somebody types, as what is wanted. No I/O, and it never raises.

A question needs no word in front. Whatever else is not understood is answered by a sentence that says what to write;
nothing is guessed where something could be erased.
"""

import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches

from adapters.commands import Ask, Help, Misread, Misunderstood, Summary, Typed
from adapters.since import UNCLEAR, NoSuchDay, moment
from adapters.slack.arguments import Here, channel, link, person, shown, this_channel, words
from adapters.slack.command_help import COMMAND
from adapters.slack.messages import PLATFORM
from bot.orders import (
    Cancel,
    Configure,
    ForgetChannel,
    ForgetMe,
    ForgetMessage,
    ForgetPerson,
    Reindex,
    RememberMe,
    ResetConversation,
    ShowGaps,
    ShowStatus,
)
from knowledge.messages import ChannelRef

_ALIASES = {"summarize": "summary", "summarise": "summary", "?": "help", "forgetme": "forget-me"}
_FLAG = re.compile(r"(?<!\S)(?:--|–|—)(public|private)(?!\S)", re.IGNORECASE)
_JOB = re.compile(r"#?(\d{1,18})", re.ASCII)
_FILLERS = frozenset({"of", "in", "for", "channel", "thread", "conversation"})
_ARTICLES = frozenset({"this", "the"})
_ARGUMENT = ("#", "@", "<", "http")
_NEAR = 0.8

_ASK = f"Write your question after it, as in `{COMMAND} ask why did we drop Kafka`."
_REINDEX = f"Say which channel to learn again, as in `{COMMAND} reindex #channel since 2026-05-01`."
_CANCEL = f"Say which job, as in `{COMMAND} cancel 12`, by the number that `{COMMAND} status` shows."
_FORGET = (
    f"Say what to forget: `{COMMAND} forget #channel`, `{COMMAND} forget @person`, "
    f"or `{COMMAND} forget` and the link to a message."
)


def parse(text: str, here: Here) -> Typed:
    """What is wanted by the text after `/lore`. Whether the person may order it is not decided here."""
    try:
        return _parsed(text.strip(), here)
    except (Misread, NoSuchDay) as reason:
        return Misunderstood(str(reason))


def _parsed(text: str, here: Here) -> Typed:
    first, *_ = rest = text.split(maxsplit=1) or [""]
    name = _name(text) or _name(first.rstrip(":"))
    if not text:
        return Help()
    if name is None:
        if meant := _meant(text):
            raise Misread(
                f"There is no order {shown(first)}: did you mean `{COMMAND} {meant}`, "
                f"or is it a question for `{COMMAND} ask`?"
            )
        return _question(text)
    is_whole = _name(first.rstrip(":")) != name
    return _PARSERS[name]("" if is_whole else "".join(rest[1:]), here)


def _name(typed: str) -> str | None:
    """The subcommand that this is; "forget me" is "forget-me"."""
    name = "-".join(typed.lower().split())
    name = _ALIASES.get(name, name)
    return name if name in _PARSERS else None


def _meant(text: str) -> str | None:
    """The subcommand somebody mistyped, if the rest looks like an order, and not like a question."""
    first, *others = words(text) or [""]
    looks_ordered = len(others) <= 1 or others[0].startswith(_ARGUMENT) or others[0].isdigit()
    if not looks_ordered or text.endswith("?"):
        return None
    return next(iter(get_close_matches(first.lower(), sorted(_PARSERS), n=1, cutoff=_NEAR)), None)


def _ask(rest: str, _here: Here) -> Typed:
    first, _, others = rest.partition(" ")
    if first.lower() in {"public", "private"} and others.strip():
        return _question(f"--{first} {others}")
    return _question(rest)


def _question(text: str) -> Ask:
    """In a question "public" is a word like others: only with dashes it is an order."""
    flags = {flag.lower() for flag in _FLAG.findall(text)}
    question = _FLAG.sub("", text).strip()
    if not question:
        raise Misread(_ASK)
    return Ask(question, public=flags == {"public"})


def _summary(rest: str, here: Here) -> Typed:
    flags, typed = _flags(words(rest), {"public", "private"})
    of, thread, left = None, None, []
    for word in typed:
        if found := link(word):
            of, thread = ChannelRef(PLATFORM, here.channel.workspace, found.channel_id), found.thread_ts or found.ts
        elif named := channel(word, here):
            of = of or named
        elif word.lower() not in _FILLERS:
            left.append(word)
    lowered = [word.lower() for word in left]
    cut = lowered.index("since") if "since" in lowered else len(left)
    before, after = left[:cut], left[cut + 1 :]
    if cut < len(left) and not after:
        raise Misread(UNCLEAR)
    if of is None and before and not _ARTICLES.issuperset(lowered[:cut]) and not (not after and _is_day(before, here)):
        of, before = channel(before[0], here, bare=True), before[1:]
    day = after or ([] if _ARTICLES.issuperset(word.lower() for word in before) else before)
    since = moment(" ".join(day), here.now) if day else None
    return Summary(of or this_channel(here), thread, since, public=flags == {"public"})


def _is_day(typed: list[str], here: Here) -> bool:
    """Whether this is meant for a day, even for one that cannot be taken."""
    try:
        moment(" ".join(typed), here.now)
    except NoSuchDay as reason:
        return str(reason) != UNCLEAR
    return True


def _reindex(rest: str, here: Here) -> Typed:
    flags, typed = _flags(words(rest), {"full"})
    if not typed or typed[0].lower() == "since":
        raise Misread(_REINDEX)
    of = channel(typed[0], here, bare=True) or this_channel(here)
    day = typed[2:] if [word.lower() for word in typed[1:2]] == ["since"] else typed[1:]
    if len(typed) > 1 and not day:
        raise Misread(UNCLEAR)
    return Reindex(of, moment(" ".join(day), here.now) if day else None, full=bool(flags))


def _cancel(rest: str, _: Here) -> Typed:
    match = _JOB.fullmatch(rest.strip())
    if match is None:
        raise Misread(_CANCEL)
    return Cancel(int(match[1]))


def _forget(rest: str, here: Here) -> Typed:
    """One thing, named so that it can be nothing else."""
    first, *others = typed = words(rest) or [""]
    noun = first.lower() if first.lower() in {"channel", "user", "person", "message"} else ""
    typed = others if noun else typed
    if noun in {"user", "person"} or first.startswith("@"):
        typed = [" ".join(typed)]  # a person's name may be several words
    if len(typed) == 1:
        if found := link(typed[0]):
            return ForgetMessage(ChannelRef(PLATFORM, here.channel.workspace, found.channel_id), found.ts)
        if typed[0] and (who := person(typed[0], here, bare=noun in {"user", "person"})):
            return ForgetPerson(who)
        if typed[0] and (of := channel(typed[0], here, bare=noun == "channel")):
            return ForgetChannel(of)
    raise Misread(_FORGET)


def _config(rest: str, here: Here) -> Typed:
    typed = words(rest)
    of = channel(typed[0], here) if typed else None
    key, *value = (typed if of is None else typed[1:]) or [""]
    return Configure(of or this_channel(here), key.lower(), " ".join(value))


def _help(rest: str, _: Here) -> Typed:
    return Help(_name(rest) or "")


def _alone(name: str, command: Callable[[Here], Typed]) -> Callable[[str, Here], Typed]:
    """The parser of a subcommand that takes nothing more."""

    def parser(rest: str, here: Here) -> Typed:
        if rest.strip():
            raise Misread(
                f"`{name}` stands alone: write `{COMMAND} {name}`, or `{COMMAND} ask` before it if it is a question."
            )
        return command(here)

    return parser


def _flags(typed: list[str], known: Collection[str]) -> tuple[set[str], list[str]]:
    """The flags among the words, with dashes or without, and the other words."""
    plain = [word.lower().lstrip("-–—") for word in typed]
    flags = {word for word in plain if word in known}
    return flags, [word for word, bare in zip(typed, plain, strict=True) if bare not in known]


_PARSERS: Mapping[str, Callable[[str, Here], Typed]] = {
    "ask": _ask,
    "summary": _summary,
    "reindex": _reindex,
    "status": _alone("status", lambda _: ShowStatus()),
    "cancel": _cancel,
    "forget": _forget,
    "config": _config,
    "gaps": _alone("gaps", lambda _: ShowGaps()),
    "forget-me": _alone("forget-me", lambda _: ForgetMe()),
    "remember-me": _alone("remember-me", lambda _: RememberMe()),
    "reset": _alone("reset", lambda here: ResetConversation(here.channel)),
    "help": _help,
}
