"""One Slack workspace: who we are there, what we may call, what we know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from slack_sdk.web.async_client import AsyncWebClient

from adapters import fields
from adapters.dates import Dates
from adapters.slack.calls import Calls
from adapters.slack.directory import Directory
from adapters.slack.history import History
from adapters.slack.identity import Identity
from adapters.slack.messages import PLATFORM, MessageReader
from adapters.slack.posting import EditBudget
from adapters.tasks import Tasks
from bot.conversation import Delivery
from bot.desk import Desk
from knowledge.errors import SourceUnavailable
from knowledge.messages import ChannelRef, PersonRef


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say of one workspace's app."""

    bot_token: str
    app_token: str = ""
    signing_secret: str = ""
    admins: frozenset[str] = frozenset()
    answer_bots: bool = True
    read_files: bool = False
    streaming: bool = True


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything the handlers of one workspace share."""

    options: Options
    identity: Identity
    name: str
    site: str
    calls: Calls
    directory: Directory
    history: History
    reader: Callable[[ChannelRef], MessageReader]
    desk: Desk
    edits: EditBudget = field(default_factory=EditBudget)
    tasks: Tasks = field(default_factory=Tasks)

    def channel(self, channel_id: str) -> ChannelRef:
        """A channel of this workspace."""
        return ChannelRef(PLATFORM, self.identity.team_id, channel_id)

    def person(self, person_id: str) -> PersonRef:
        """An account of this workspace."""
        return PersonRef(PLATFORM, self.identity.team_id, person_id)

    async def is_admin(self, person_id: str) -> bool:
        """Whether somebody may give an admin's orders, by the settings or by what Slack says now."""
        return person_id in self.options.admins or await self.directory.is_admin(person_id)

    def permalink(self, channel_id: str, ts: str) -> str:
        """Where a message is found in Slack."""
        return f"{self.site}/archives/{channel_id}/p{ts.replace('.', '')}"


async def open_workspace(
    options: Options, client: AsyncWebClient, desk: Desk, on_revoked: Callable[[], None]
) -> Workspace:
    """Asks Slack who we are. Errors: `SlackRefused`, `TokenRevoked`, `SourceUnavailable`."""
    calls = Calls(client, on_revoked)
    told = await calls.read("auth_test")
    team_id, user_id = fields.text(told.data, "team_id"), fields.text(told.data, "user_id")
    if not team_id or not user_id:
        raise SourceUnavailable("Slack does not say who this token belongs to.")
    identity = Identity(team_id, user_id, fields.text(told.data, "bot_id"), fields.text(told.data, "app_id"))
    site = (fields.text(told.data, "url") or "https://slack.com").rstrip("/")
    directory = Directory(calls, team_id, desk.upkeep)

    def reader(channel: ChannelRef) -> MessageReader:
        return MessageReader(channel, directory.names, directory.bots, Dates(), site, us=user_id)

    name = fields.text(told.data, "team") or team_id

    async def keep(kind: str, channel: ChannelRef, raw: Mapping[str, object]) -> None:
        if kind != "files" or options.read_files:
            payload = {"channel": channel.channel_id, "message": raw}
            delivery_id = f"{kind}:{channel.channel_id}:{raw.get('ts')}"
            await desk.inbox.accept(Delivery(PLATFORM, team_id, delivery_id, kind, payload))

    history = History(calls, directory, reader, keep)
    return Workspace(options, identity, name, site, calls, directory, history, reader, desk)
