"""What a command of Discord's holds, as what is wanted. No I/O, and it never raises.

Discord checks what it lets people choose, but a command may be older than we are: whatever does not fit is answered by
a sentence that says what to do, and nothing is guessed where something could be erased.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters import fields
from adapters.commands import Ask, Help, Misread, Misunderstood, Summary, Typed
from adapters.discord.command_texts import ASK_ABOUT
from adapters.discord.places import PLATFORM, Link, Place, is_snowflake, link, place_from
from adapters.since import NoSuchDay, moment
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
from knowledge.messages import ChannelRef, PersonRef

OUT_OF_DATE = "I do not know that command: Discord may still show an older list, so please try again in a few minutes."
_ASK = "Write your question, as in `/ask why did we drop Kafka`."
_ASK_ABOUT = "That message holds no words to ask about: choose another, or write a question with `/ask`."
_WHICH_CHANNEL = "This is no channel that I can read, so please choose one in the option `channel`."
_NO_CHANNEL = "I can read nothing in that channel: choose a text, voice or forum channel, or a thread."
_THREAD = "That is a thread: choose the channel that it belongs to."
_REINDEX = "Say which channel to learn again, in the option `channel`."
_CANCEL = "Say which job, by the number that `/lore status` shows."
_FORGET = "Say what to forget: either a channel, or a person, or the link to a message."
_LINK = "That is no link to a message: choose Copy Message Link in the menu of the message, and paste it."
_OTHER_SERVER = "That link leads to another server: I can only forget what was written here."
_NO_LINKED_CHANNEL = "I cannot see the channel that the link leads to: check the link, and that I may read there."
_KEY = "Say which setting, in the option `key`."

_SUBCOMMANDS = (1, 2)


@dataclass(frozen=True, slots=True)
class Here:
    """Where and when a command was given. `workspace` is the guild's id; `now` is in UTC, for Discord tells no zone.

    `place`: None where nothing is ever learnt. `linked`: what the link among the options leads to, see `link_in`; None
    when that cannot be seen.
    """

    workspace: str
    now: datetime
    place: Place | None
    linked: Place | None = None


@dataclass(frozen=True, slots=True)
class _Given:
    """What was chosen: the options by name, and Discord's description of the channels and messages among them."""

    values: Mapping[str, object]
    data: Mapping[str, object]
    here: Here

    def text(self, name: str) -> str:
        return fields.text(self.values, name).strip()

    def resolved(self, kind: str, item_id: str) -> dict[str, object]:
        return fields.record(fields.record(fields.record(self.data.get("resolved")).get(kind)).get(item_id))

    def place(self) -> Place | None:
        """The channel or thread chosen; None when none was. Errors: `Misread` for one that holds no messages."""
        if "channel" not in self.values:
            return None
        chosen = fields.identifier(self.values, "channel")
        place = place_from(self.resolved("channels", chosen) | {"id": chosen}, self.here.workspace)
        if place is None:
            raise Misread(_NO_CHANNEL)
        return place

    def channel(self) -> ChannelRef | None:
        """The whole channel chosen; None when none was. Errors: `Misread` for a thread, which is a part of one."""
        place = self.place()
        if place is not None and place.thread_id is not None:
            raise Misread(_THREAD)
        return place.channel if place else None

    def since(self) -> datetime | None:
        phrase = self.text("since")
        return moment(phrase, self.here.now) if phrase else None


def read(data: object, here: Here) -> Typed:
    """What is wanted by a command, from the `data` of its interaction. Whether the person may is not decided here."""
    name, values = _chosen(fields.record(data))
    reader = _READERS.get(name)
    if reader is None:
        return Misunderstood(OUT_OF_DATE)
    try:
        return reader(_Given(values, fields.record(data), here))
    except (Misread, NoSuchDay) as reason:
        return Misunderstood(str(reason))


def link_in(data: object) -> Link | None:
    """The link to a message that is to be forgotten, if there is one in the command."""
    name, values = _chosen(fields.record(data))
    return link(fields.text(values, "message")) if name == "lore forget" else None


def _chosen(data: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """The command with its subcommand, as in "lore reindex", and what was chosen in each option."""
    names, options = [fields.text(data, "name")], fields.records(data.get("options"))
    while options and fields.integer(options[0], "type") in _SUBCOMMANDS:
        names.append(fields.text(options[0], "name"))
        options = fields.records(options[0].get("options"))
    return " ".join(names), {fields.text(option, "name"): option.get("value") for option in options}


def _this_place(here: Here) -> Place:
    if here.place is None:
        raise Misread(_WHICH_CHANNEL)
    return here.place


def _is_public(given: _Given) -> bool:
    return not fields.flag(given.values, "private")


def _ask(given: _Given) -> Typed:
    question = given.text("question")
    if not question:
        raise Misread(_ASK)
    return Ask(question, public=_is_public(given))


def _ask_about(given: _Given) -> Typed:
    """What a message says is the question; nobody else needs to see that somebody wondered."""
    target = fields.identifier(given.data, "target_id")
    text = fields.text(given.resolved("messages", target), "content").strip()
    if not text:
        raise Misread(_ASK_ABOUT)
    return Ask(text, about=target)


def _summary(given: _Given) -> Typed:
    place = given.place() or _this_place(given.here)
    return Summary(place.channel, place.thread_id, given.since(), public=_is_public(given))


def _reindex(given: _Given) -> Typed:
    channel = given.channel()
    if channel is None:
        raise Misread(_REINDEX)
    return Reindex(channel, given.since(), full=fields.flag(given.values, "full"))


def _cancel(given: _Given) -> Typed:
    job = fields.integer(given.values, "job")
    if job is None or job < 1:
        raise Misread(_CANCEL)
    return Cancel(job)


def _forget(given: _Given) -> Typed:
    """One thing, named so that it can be nothing else."""
    match sorted(given.values):
        case ["channel"]:
            if channel := given.channel():
                return ForgetChannel(channel)
        case ["person"]:
            person_id = fields.identifier(given.values, "person")
            if is_snowflake(person_id):
                return ForgetPerson(PersonRef(PLATFORM, given.here.workspace, person_id))
        case ["message"]:
            return _forget_message(given)
    raise Misread(_FORGET)


def _forget_message(given: _Given) -> Typed:
    found = link(given.text("message"))
    if found is None:
        raise Misread(_LINK)
    if found.workspace != given.here.workspace:
        raise Misread(_OTHER_SERVER)
    if given.here.linked is None:
        raise Misread(_NO_LINKED_CHANNEL)
    return ForgetMessage(given.here.linked.channel, found.message_id)


def _config(given: _Given) -> Typed:
    key, value = given.text("key").lower(), given.text("value")
    if value and not key:
        raise Misread(_KEY)
    return Configure(given.channel() or _this_place(given.here).channel, key, value)


_READERS: Mapping[str, Callable[[_Given], Typed]] = {
    "ask": _ask,
    "summary": _summary,
    "forget-me": lambda _: ForgetMe(),
    "remember-me": lambda _: RememberMe(),
    "lore-reset": lambda given: ResetConversation(_this_place(given.here).channel),
    "lore-help": lambda _: Help(),
    "lore reindex": _reindex,
    "lore status": lambda _: ShowStatus(),
    "lore cancel": _cancel,
    "lore forget": _forget,
    "lore config": _config,
    "lore gaps": lambda _: ShowGaps(),
    ASK_ABOUT: _ask_about,
}
