"""What a workspace knows: its app, its people, its conversations, its files. Nothing here sends an event."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.channel import DIRECT, GROUP_DIRECT, PRIVATE, PUBLIC, Channel
from tests.fakes.slack.files import File
from tests.fakes.slack.messages import spoken
from tests.fakes.slack.people import User

if TYPE_CHECKING:
    from tests.fakes.slack.server import Server

SCOPES = (
    "app_mentions:read assistant:write channels:history channels:read chat:write commands files:read groups:history "
    "groups:read im:history im:read im:write mpim:history mpim:read reactions:read reactions:write users:read"
)


class State:
    """One workspace with one installed app. Ids are unique on the whole server."""

    def __init__(self, server: "Server", name: str = "tidepool", *, app_token: str = "", app_id: str = "") -> None:
        number = server.number()
        self.server = server
        self.clock = server.clock
        self.name = name
        self.team_id = f"T{number:08d}"
        self.app_id = app_id or f"A{number:08d}"
        self.bot_token = f"xoxb-{number}-bot"
        self.app_token = app_token or f"xapp-{number}-app"
        self.signing_secret = f"secret-of-{name}-{number}"
        self.verification_token = f"verification-{number}"
        self.scopes: set[str] = set(SCOPES.split())
        self.auth_error: str | None = None
        """What every call of the bot answers, like "token_revoked"; None while the app is installed."""
        self.socket_mode_enabled = True
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.bot_user_id = self.add_user("threadlore", bot=True)
        self.bot_id = self.users[self.bot_user_id].bot_id
        self.users[self.bot_user_id].app_id = self.app_id

    @property
    def domain(self) -> str:
        return f"https://{self.name}.slack.com"

    def add_user(
        self,
        name: str,
        *,
        id: str = "",  # noqa: A002 - Slack's own word
        guest: bool = False,
        ultra: bool = False,
        bot: bool = False,
        admin: bool = False,
        owner: bool = False,
        deleted: bool = False,
        stranger: bool = False,
    ) -> str:
        """The new user's id. `ultra` is a guest of one channel; a stranger comes from another company."""
        number = self.server.number()
        user = User(
            id or f"U{number:08d}",
            f"T{number:08d}" if stranger else self.team_id,
            name,
            bot_id=f"B{number:08d}" if bot else "",
            app_id=f"A{number:08d}" if bot else "",
            guest=guest,
            ultra=ultra,
            admin=admin,
            owner=owner,
            deleted=deleted,
            stranger=stranger,
            updated=int(self.clock.now()),
        )
        self.users[user.id] = user
        return user.id

    def add_channel(
        self,
        name: str,
        *,
        id: str = "",  # noqa: A002 - Slack's own word
        private: bool = False,
        ext_shared: bool = False,
        org_shared: bool = False,
        pending_ext_shared: bool = False,
        general: bool = False,
        members: Iterable[str] = (),
        bot_in: bool = True,
        im: bool = False,
        mpim: bool = False,
    ) -> str:
        """The new conversation's id. A private channel's id begins with C too, as at Slack."""
        kind = DIRECT if im else GROUP_DIRECT if mpim else PRIVATE if private else PUBLIC
        everybody = [*members, *([self.bot_user_id] if bot_in else [])]
        channel = Channel(
            id or f"{'D' if im else 'C'}{self.server.number():08d}",
            self.team_id,
            name,
            kind=kind,
            members=dict.fromkeys(everybody),
            ext_shared=ext_shared,
            org_shared=org_shared,
            pending_ext_shared=pending_ext_shared,
            general=general,
            created=int(self.clock.now()),
            creator=everybody[0] if everybody else "",
        )
        self.channels[channel.id] = channel
        return channel.id

    def open_im(self, user: str) -> str:
        """The direct conversation between a user and the bot; always the same one."""
        pair = {user, self.bot_user_id}
        for channel in self.channels.values():
            if channel.kind == DIRECT and channel.members.keys() == pair:
                return channel.id
        return self.add_channel("", im=True, members=(user,))

    def seed(self, channel: str, messages: Iterable[Sequence[str | None]]) -> list[str]:
        """The past, without events: (user, text), (user, text, ts) or (user, text, ts, thread_ts). Returns each ts."""
        log = self.channels[channel].log
        times = []
        for user, text, *rest in messages:
            ts = rest[0] if rest and rest[0] else self.clock.ts()
            message = spoken(self.users[user], text, ts)
            if len(rest) > 1 and rest[1]:
                message |= {"thread_ts": rest[1], "parent_user_id": self._author_of(channel, rest[1])}
            log.add(message)
            times.append(ts)
        return times

    def add_file(self, name: str, content: bytes, *, user: str = "", mimetype: str = "text/plain", **more: Any) -> str:
        """A file's id. `post(..., files=[id])` shares it; `files.File` says what else can be set."""
        file = File(f"F{self.server.number():08d}", self.team_id, name, content, mimetype=mimetype, user=user, **more)
        file.created = int(self.clock.now())
        self.files[file.id] = file
        return file.id

    def file_url(self, file_id: str) -> str:
        return f"{self.server.url}/files-pri/{self.team_id}-{file_id}/download/{self.files[file_id].name}"

    def is_bot_in(self, channel: Channel) -> bool:
        return self.bot_user_id in channel.members

    def bot_sees(self, channel: Channel) -> bool:
        return channel.kind == PUBLIC or self.is_bot_in(channel)

    def may_read(self, user: str, channel: Channel) -> bool:
        """A full member reads public channels unjoined; guests and strangers only what they are in."""
        return user in channel.members or (channel.kind == PUBLIC and self.users[user].is_full_member)

    def audience_of(self, channel: Channel) -> frozenset[str]:
        """Everybody who can read the conversation now, bots apart."""
        readers = {user for user in channel.members if user in self.users}
        if channel.kind == PUBLIC:
            readers |= {user.id for user in self.users.values() if user.is_full_member}
        return frozenset(user for user in readers if not self.users[user].bot_id)

    def _author_of(self, channel: str, ts: str) -> str:
        return self.channels[channel].log.messages.get(ts, {}).get("user", "")
