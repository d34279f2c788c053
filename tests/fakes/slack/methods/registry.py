"""How a Web API method is declared: its name, the scopes it needs, and how its arguments are read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.channel import Channel
from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.people import User

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace

PREFIXES = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


class Args(dict[str, Any]):
    """Arguments by name; forms bring text where JSON brings numbers and booleans."""

    def text(self, name: str) -> str:
        value = self.get(name)
        return "" if value is None else str(value)

    def needed(self, name: str, error: str = "invalid_arguments") -> str:
        if not (value := self.text(name)):
            raise SlackError(error)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.get(name)
        return default if value is None else str(value).lower() in {"1", "true", "t"}

    def limit(self, default: int, most: int) -> int:
        try:
            limit = int(self.text("limit") or default)
        except ValueError:
            raise SlackError("invalid_limit") from None
        if not 1 <= limit <= most:
            raise SlackError("invalid_limit")
        return limit


@dataclass(frozen=True, slots=True)
class Method:
    """One method. `app_level` asks for the app token instead of the bot's."""

    work: Callable[["Workspace", Args], dict[str, Any]]
    scopes: tuple[str, ...]
    app_level: bool

    def run(self, workspace: "Workspace", args: dict[str, Any]) -> dict[str, Any]:
        for scope in self.scopes:
            need(workspace, scope)
        return self.work(workspace, Args(args))


METHODS: dict[str, Method] = {}


def method(name: str, *scopes: str, app_level: bool = False) -> Callable[[Any], Any]:
    def declare(work: Callable[["Workspace", Args], dict[str, Any]]) -> Callable[["Workspace", Args], dict[str, Any]]:
        METHODS[name] = Method(work, scopes, app_level)
        return work

    return declare


def need(workspace: "Workspace", scope: str) -> None:
    if scope not in workspace.scopes:
        raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(workspace.scopes)))


def find_channel(workspace: "Workspace", args: Args, purpose: str = "", name: str = "channel") -> Channel:
    """The conversation named, if the bot may know of it. `purpose` is "read" or "history", as scopes are called."""
    channel = workspace.channels.get(args.text(name))
    if channel is None or not workspace.bot_sees(channel):
        raise SlackError("channel_not_found")
    if purpose:
        need(workspace, f"{PREFIXES[channel.kind]}:{purpose}")
    return channel


def find_user(workspace: "Workspace", user_id: str) -> User:
    if (user := workspace.users.get(user_id)) is None:
        raise SlackError("user_not_found")
    return user
