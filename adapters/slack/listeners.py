"""What Slack sends: kept before it is acknowledged, handled after. The first file to read of this adapter."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters import fields
from adapters.slack import actions, events, seen
from adapters.slack.asking import on_direct_message, on_mention, on_said
from adapters.slack.buttons import on_pressed, on_shortcut, on_submitted
from adapters.slack.envelopes import belongs, delivery_from
from adapters.slack.files import with_files
from adapters.slack.learning import learn, read_message
from adapters.slack.ordering import on_command
from adapters.slack.pane import on_home_opened
from adapters.slack.workspace import Workspace
from bot.conversation import Delivery
from knowledge.errors import ChannelUnreadable
from knowledge.messages import Posted

log = structlog.get_logger()

# Shown under the command at once; the answer takes its place.
LOOKING = {"response_type": "ephemeral", "text": "Looking …"}


class Listeners:
    """One workspace's ears. `on_gap` is called when Slack says that it held events back."""

    def __init__(self, workspace: Workspace, on_gap: Callable[[], None], on_removed: Callable[[], None]) -> None:
        self._workspace = workspace
        self._on_gap = on_gap
        self._on_removed = on_removed
        self.received = 0

    async def accept(
        self,
        req: AsyncBoltRequest,
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - Bolt passes it by this name
    ) -> BoltResponse:
        """Runs before Bolt acknowledges: the acknowledgement leaves after the commit, and not without it.

        Bolt's own listeners are not used: it acknowledges before they begin.
        """
        body: Mapping[str, Any] = req.body
        delivery = delivery_from(body)
        if delivery is None:
            # Only Slack's own checks are answered by Bolt; whatever else has no id is nothing we know.
            is_check = body.get("type") == "url_verification" or body.get("ssl_check")
            return await next() if is_check else BoltResponse(status=200)
        if not belongs(body, self._workspace.identity):
            log.info("delivery_of_others", adapter="slack")
            return BoltResponse(status=200)
        self.received += 1
        await self._workspace.desk.inbox.accept(delivery)
        if delivery.kind == "command":
            return BoltResponse(status=200, body=json.dumps(LOOKING), headers={"Content-Type": "application/json"})
        return BoltResponse(status=200)

    async def handle(self, delivery: Delivery) -> None:
        """Does what a delivery wants. What it raises is tried again by the inbox."""
        workspace, body = self._workspace, delivery.payload
        match delivery.kind:
            case "event":
                told = events.read(body, workspace.identity)
                for one in told:
                    await self._on_event(one, told)
            case "command":
                await on_command(workspace, body, delivery.delivery_id)
            case "files":
                await self._on_files(body)
            case "missed":
                await self._on_missed(body)
            case _:
                match actions.read(body):
                    case actions.Pressed() as pressed:
                        await on_pressed(workspace, pressed, delivery.delivery_id)
                    case actions.Submitted() as submitted:
                        await on_submitted(workspace, submitted)
                    case actions.Shortcut() as shortcut:
                        await on_shortcut(workspace, shortcut, delivery.delivery_id)

    async def _on_event(self, one: seen.Seen, told: list[seen.Seen]) -> None:
        match one:
            case seen.Mentioned():
                await on_mention(self._workspace, one)
            case seen.DirectMessage():
                await on_direct_message(self._workspace, one)
            case seen.HomeOpened():
                await on_home_opened(self._workspace, one)
            case seen.RateLimited():
                self._on_gap()
            case seen.AppUninstalled() | seen.TokensRevoked():
                self._on_removed()
            case seen.OwnRemoved(channel_id, ts):
                await self._workspace.desk.answers.taken_away(self._workspace.channel(channel_id), ts)
            case seen.Said():
                await learn(self._workspace, one)
                if not any(isinstance(other, seen.Mentioned) for other in told):
                    await on_said(self._workspace, one)
            case seen.Ignored(reason):
                log.debug("event_ignored", step=reason)
            case _:
                await learn(self._workspace, one)

    async def _on_missed(self, body: Mapping[str, object]) -> None:
        """A question found in a channel's history. If it was answered, its answer is there, and nothing happens."""
        event = {**fields.record(body.get("message")), "type": "message", "channel": fields.text(body, "channel")}
        for one in events.read({"type": "event_callback", "event": event}, self._workspace.identity):
            if isinstance(one, seen.Mentioned):
                await on_mention(self._workspace, one)

    async def _on_files(self, body: Mapping[str, object]) -> None:
        """The files of a message of the past, which the backfill left for later."""
        raw = fields.record(body.get("message"))
        try:
            channel = await self._workspace.directory.known(fields.text(body, "channel"))
        except ChannelUnreadable:
            return
        message = read_message(self._workspace, channel, raw)
        if message is not None and (fuller := await with_files(self._workspace, message, raw)):
            await self._workspace.desk.upkeep.observe([Posted(fuller)])
