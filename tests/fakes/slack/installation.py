"""The app in its workspace: how events reach it, what it is showing, and which of Slack's moods it has to bear."""

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.deliveries import Outbox
from tests.fakes.slack.events_api import RequestUrl
from tests.fakes.slack.files import File
from tests.fakes.slack.log import Message
from tests.fakes.slack.state import State

if TYPE_CHECKING:
    from tests.fakes.slack.server import Server


class Installation(State):
    """State, plus the installed app: how events reach it, and what it is showing."""

    def __init__(self, server: "Server", name: str = "tidepool", **more: str) -> None:
        super().__init__(server, name, **more)
        self.outbox = Outbox(self)
        self.ephemerals: dict[str, tuple[str, str, Message]] = {}
        self.streams: dict[str, float] = {}
        """Until when a message may still grow, by its ts."""
        self.statuses: dict[tuple[str, str], tuple[str, float]] = {}
        self.prompts: dict[str, list[dict[str, str]]] = {}
        self.titles: dict[tuple[str, str], str] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.agent_view = True
        self.non_marketplace = False
        self.short_pages = False
        """Whether pages hold fewer messages than asked for although more follow."""
        self.orphans_go_to_channel = False
        """Whether a reply to a message that is gone is posted to the channel instead of refused."""

    def deliver_to(self, url: str | None) -> RequestUrl | None:
        """Sends everything to a request URL by HTTP; None goes back to Socket Mode."""
        self.outbox.request_url = RequestUrl(self.server, self, url) if url else None
        return self.outbox.request_url

    def page_size(self, limit: int) -> int:
        return max(1, limit // 3) if self.short_pages else limit

    def permalink(self, channel: str, ts: str) -> str:
        link = f"{self.domain}/archives/{channel}/p{ts.replace('.', '')}"
        parent = self.channels[channel].log.messages[ts].get("thread_ts", ts)
        return link if parent == ts else f"{link}?thread_ts={parent}&cid={channel}"

    def set_status(self, channel: str, thread_ts: str, status: str, until: float) -> None:
        self.statuses.pop((channel, thread_ts), None)
        if status:
            self.statuses[channel, thread_ts] = (status, until)

    def clear_status(self, channel: str, thread_ts: str) -> None:
        self.statuses.pop((channel, thread_ts), None)

    def status_of(self, channel: str, thread_ts: str) -> str:
        """What the bot shows it is doing in a thread; "" after two minutes, or after it has posted there."""
        status, until = self.statuses.get((channel, thread_ts), ("", 0.0))
        return status if until > self.clock.now() else ""

    def is_streaming(self, ts: str) -> bool:
        return self.streams.get(ts, 0.0) > self.clock.now()

    def bot_sees_file(self, file: File) -> bool:
        return any(self.is_bot_in(self.channels[channel]) for channel in file.channels if channel in self.channels)
