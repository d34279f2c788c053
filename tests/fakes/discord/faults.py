"""Faults on demand: those of the fake Slack, in Discord's words."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.discord.answers import JSON, answer, too_many
from tests.fakes.discord.errors import refused
from tests.fakes.slack import faults
from tests.fakes.slack.faults import EventFault

__all__ = ["EventFault", "Fault", "Faults"]


@dataclass(slots=True, kw_only=True)
class Fault(faults.Fault):
    """As in Slack's; `retry_after` may be a fraction, with `scope` "user", "global" or "shared".

    `error` is a code out of errors.MESSAGES, like 50001.
    """

    scope: str = "user"
    retry_after: float | None = None  # type: ignore[assignment]
    error: int | None = None  # type: ignore[assignment]

    @property
    def outcome(self) -> str | None:
        """What the record of the call says; None where the true answer goes out."""
        if self.drop:
            return "dropped"
        if self.retry_after is not None:
            return "ratelimited"
        if self.status is not None:
            return f"http_{self.status}"
        return str(self.error) if self.error is not None else "bad_json" if self.bad_json else None

    def response(self, request: web.Request) -> web.Response:
        """What goes out instead of the true answer."""
        if self.drop and request.transport is not None:
            request.transport.abort()
        if self.retry_after is not None:
            return too_many(self.retry_after, self.scope)
        if self.status is not None:
            return web.Response(status=self.status, body=b"upstream error", content_type="text/plain")
        if self.error is not None:
            error = refused(self.error)
            return answer(error.status, error.body)
        return web.Response(body=b'{"id": "1', headers={"Content-Type": JSON})


class Faults(faults.Faults):
    """`discord.faults`. A call's name is like "POST /channels/123/messages"; in patterns `*` stands for anything.

    `on_event("MESSAGE_CREATE", ...)` is for events of the gateway.
    """

    def on(self, call: str, **what: Any) -> Fault:
        fault = Fault(pattern=call, **what)
        self._calls.append(fault)
        return fault
