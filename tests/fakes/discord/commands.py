"""Application commands: the registered ones, and every limit on registering them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import regex

from tests.fakes.discord.errors import DiscordError, bad_form, refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.screen import Screen

CHAT_INPUT, USER, MESSAGE = 1, 2, 3
MOST = {CHAT_INPUT: 100, USER: 15, MESSAGE: 15}
CREATES_A_DAY, DAY_SECONDS, CHARACTERS, MANY = 200, 86_400.0, 8_000, 25
LOCALES = frozenset(
    "id da de en-GB en-US es-ES es-419 fr hr it lt hu nl no pl pt-BR ro fi sv-SE vi tr cs el bg ru uk hi th zh-CN ja"
    " zh-TW ko".split()
)
_NAME = regex.compile(r"[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}")
_SUBCOMMANDS = frozenset({1, 2})

Problem = tuple[str, tuple[str, str]]


class Commands(Screen):
    """Global ones under None, those of a guild under its id."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.commands: dict[str | None, dict[str, Json]] = {None: {}}
        self.opened_commands: set[tuple[str | None, str]] = set()
        """Commands that the people who run a guild let everybody use, whatever the bot meant: (guild, name)."""
        self._creates: dict[str | None, list[float]] = {}

    def commands_in(self, guild: str | None) -> list[Json]:
        """What can be offered there: the guild's own first, then the global ones; in a direct message those alone."""
        own = self.commands.get(guild, {}) if guild is not None else {}
        return [*own.values(), *self.commands[None].values()]

    def replace_commands(self, guild: str | None, bodies: list[Json]) -> list[Json]:
        """Registers these in place of all others; one of the same name and type keeps its id. Errors: 50035 and more.

        A name that is new counts among the creates of the day.
        """
        _check(bodies)
        before = {_key(command): command for command in self.commands.get(guild, {}).values()}
        self._count(guild, sum(_key(body) not in before for body in bodies))
        registered = [self._register(guild, body, before.get(_key(body))) for body in bodies]
        self.commands[guild] = {command["id"]: command for command in registered}
        return registered

    def upsert_command(self, guild: str | None, body: Json) -> Json:
        """Registers one besides the others. Errors: as above."""
        others = [command for command in self.commands.get(guild, {}).values() if _key(command) != _key(body)]
        return self.replace_commands(guild, [*others, body])[-1]

    def delete_command(self, guild: str | None, command: str) -> None:
        """Errors: 10063."""
        if self.commands.get(guild, {}).pop(command, None) is None:
            raise refused(10063)

    def _count(self, guild: str | None, created: int) -> None:
        now = self.clock.now()
        creates = [at for at in self._creates.get(guild, ()) if at > now - DAY_SECONDS] + [now] * created
        if len(creates) > CREATES_A_DAY:
            words = f"Max number of daily application command creates has been reached ({CREATES_A_DAY})"
            raise DiscordError(400, 30034, words)
        self._creates[guild] = creates

    def _register(self, guild: str | None, body: Json, before: Json | None) -> Json:
        granted = body.get("default_member_permissions")
        return {
            "id": before["id"] if before else self.snowflakes.new(),
            "application_id": self.application_id,
            "version": self.snowflakes.new(),
            "type": body.get("type") or CHAT_INPUT,
            "name": body["name"],
            "name_localizations": body.get("name_localizations"),
            "description": body.get("description") or "",
            "description_localizations": body.get("description_localizations"),
            "default_member_permissions": None if granted is None else str(granted),
            "dm_permission": body.get("dm_permission", True),
            "contexts": body.get("contexts"),
            "integration_types": body.get("integration_types") or [0],
            "nsfw": bool(body.get("nsfw")),
            "options": [_without_nothing(option) for option in body.get("options") or ()],
        } | ({"guild_id": guild} if guild else {})


def _key(command: Json) -> tuple[str, int]:
    return command["name"], command.get("type") or CHAT_INPUT


def _check(bodies: list[Json]) -> None:
    """Errors: 30032 for too many of a type; 50035 for everything wrong in one of them."""
    for kind, count in Counter(_key(body)[1] for body in bodies).items():
        if count > MOST[kind]:
            raise refused(30032)
    problems = dict(problem for number, body in enumerate(bodies) for problem in _command(f"{number}", body))
    for number, body in enumerate(bodies):
        if any(_key(body) == _key(earlier) for earlier in bodies[:number]):
            words = "Application command names must be unique"
            problems[f"{number}.name"] = ("APPLICATION_COMMANDS_DUPLICATE_NAME", words)
    if problems:
        raise bad_form(problems)


def _command(path: str, body: Json) -> Iterator[Problem]:
    if _key(body)[1] == CHAT_INPUT:
        yield from _names(path, body)
        yield from _options(path, body.get("options") or [])
    else:
        yield from _length(f"{path}.name", body["name"], 32)
        if body.get("description"):
            yield f"{path}.description", ("APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", "Must be empty")
    if _characters(body) > CHARACTERS:
        words = f"Command exceeds maximum size ({CHARACTERS})"
        yield path, ("APPLICATION_COMMAND_TOO_LARGE", words)


def _names(path: str, body: Json) -> Iterator[Problem]:
    """Of a command or an option: what it is called, in every language."""
    for locale, name in _said(body, "name").items():
        where = f"{path}.name_localizations.{locale}" if locale else f"{path}.name"
        if not _NAME.fullmatch(name) or name != name.lower():
            yield where, ("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    for locale, text in _said(body, "description").items():
        where = f"{path}.description_localizations.{locale}" if locale else f"{path}.description"
        yield from _length(where, text, 100)
    for key in ("name", "description"):
        for locale in set(body.get(f"{key}_localizations") or {}) - LOCALES:
            yield f"{path}.{key}_localizations.{locale}", ("BASE_TYPE_CHOICES", "Not a locale")


def _options(path: str, options: list[Json]) -> Iterator[Problem]:
    if len(options) > MANY:
        yield f"{path}.options", ("BASE_TYPE_MAX_LENGTH", f"Must be {MANY} or fewer in length.")
    seen: set[str] = set()
    optional_came = False
    for number, option in enumerate(options):
        here = f"{path}.options.{number}"
        yield from _names(here, option)
        if option["name"] in seen:
            yield f"{here}.name", ("APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists")
        seen.add(option["name"])
        if option.get("required") and optional_came:
            words = "Required options must be placed before non-required options"
            yield f"{here}", ("APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", words)
        optional_came = optional_came or not option.get("required")
        if option["type"] in _SUBCOMMANDS:
            yield from _options(here, option.get("options") or [])
        yield from _choices(f"{here}.choices", option.get("choices") or [])
    if len({option["type"] in _SUBCOMMANDS for option in options}) > 1:
        words = "Sub-command and sub-command group option types are mutually exclusive to all other types"
        yield f"{path}.options", ("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", words)


def _choices(path: str, choices: list[Json]) -> Iterator[Problem]:
    if len(choices) > MANY:
        yield path, ("BASE_TYPE_MAX_LENGTH", f"Must be {MANY} or fewer in length.")
    for number, choice in enumerate(choices):
        yield from _length(f"{path}.{number}.name", choice["name"], 100)
        yield from _length(f"{path}.{number}.value", str(choice["value"]), 100)


def _length(path: str, text: str, most: int) -> Iterator[Problem]:
    if not 1 <= len(text) <= most:
        yield path, ("BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {most} in length.")


def _said(body: Json, key: str) -> dict[str, str]:
    """A text with its translations; the text itself under ""."""
    return {"": body.get(key) or "", **(body.get(f"{key}_localizations") or {})}


def _characters(body: Json) -> int:
    """Names, descriptions and values of a command with all that is in it; of translations the longest counts."""
    texts = [max(map(len, _said(body, key).values())) for key in ("name", "description")]
    choices = [len(choice["name"]) + len(str(choice["value"])) for choice in body.get("choices") or ()]
    return sum(texts) + sum(choices) + sum(map(_characters, body.get("options") or ()))


def _without_nothing(option: Json) -> Json:
    """Discord leaves out of an option what is null, its inner options as well."""
    kept = {key: value for key, value in option.items() if value is not None}
    if "options" in kept:
        kept["options"] = [_without_nothing(inner) for inner in kept["options"]]
    return kept
