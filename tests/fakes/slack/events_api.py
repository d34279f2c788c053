"""HTTP delivery: signed requests with retries, as Slack sends them to a request URL."""

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp

from tests.fakes.slack.deliveries import Ack, Delivery

if TYPE_CHECKING:
    from tests.fakes.slack.installation import Installation
    from tests.fakes.slack.server import Server

MOST_REDIRECTS = 2
_SUCCESS = range(200, 300)


class RequestUrl:
    """Delivers the events of one workspace to one address. `skew` seconds are added to the signed time."""

    def __init__(self, server: "Server", workspace: "Installation", url: str) -> None:
        self._server = server
        self._workspace = workspace
        self.url = url
        self.skew = 0.0

    async def send(self, delivery: Delivery) -> None:
        """Starts the first attempt and returns, so that slow answers do not hold up later events."""
        delivery.state = "sent"
        self._server.spawn(self._attempt(delivery))

    async def verify(self, challenge: str = "challenge-1") -> bool:
        """Plays `url_verification`; whether the app answered with the challenge."""
        token = self._workspace.verification_token
        body = json.dumps({"token": token, "challenge": challenge, "type": "url_verification"})
        status, _, answer = await self.post(body.encode(), "application/json")
        return status in _SUCCESS and (answer == challenge or _json(answer).get("challenge") == challenge)

    def signed(self, body: bytes, *, timestamp: str | None = None, secret: str | None = None) -> dict[str, str]:
        """Headers that prove `body` came from Slack; tests make wrong ones on purpose."""
        stamp = timestamp if timestamp is not None else str(int(time.time() + self.skew))
        key = (secret or self._workspace.signing_secret).encode()
        digest = hmac.new(key, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}

    async def post(
        self, body: bytes, content_type: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        """One request: status, headers, text. `headers` replaces the signature when given."""
        sent = {"Content-Type": content_type, **(self.signed(body) if headers is None else headers)}
        timeout = aiohttp.ClientTimeout(total=self._server.ack_seconds)
        session = self._server.session()
        async with session.post(
            self.url, data=body, headers=sent, timeout=timeout, max_redirects=MOST_REDIRECTS
        ) as answer:
            return answer.status, {key.lower(): value for key, value in answer.headers.items()}, await answer.text()

    async def _attempt(self, delivery: Delivery) -> None:
        body, content_type = _body(delivery)
        headers = self.signed(body)
        if delivery.attempts:
            headers["X-Slack-Retry-Num"] = str(delivery.attempts)
            headers["X-Slack-Retry-Reason"] = delivery.retry_reason
        delivery.attempts += 1
        started = self._server.monotonic()
        status, stop, text = 0, False, ""
        try:
            status, answered, text = await self.post(body, content_type, headers)
            reason = "" if status in _SUCCESS else "http_error"
            stop = answered.get("x-slack-no-retry") == "1"
        except TimeoutError:
            reason = "http_timeout"
        except aiohttp.TooManyRedirects:
            reason = "too_many_redirects"
        except aiohttp.ClientSSLError:
            reason = "ssl_error"
        except aiohttp.ClientConnectionError:
            reason = "connection_failed"
        except (aiohttp.ClientError, UnicodeDecodeError):
            reason = "unknown_error"
        self._record(delivery, started, status, reason, text)
        if not reason:
            delivery.finish("acked", _json(text) or text or None)
        else:
            self._retry(delivery, reason, stop=stop)
        self._server.pulse()

    def _record(self, delivery: Delivery, started: float, status: int, reason: str, text: str) -> None:
        latency = self._server.monotonic() - started
        late = reason == "http_timeout"
        if status or late:
            payload = _json(text) or text
            self._server.acks.append(
                Ack(delivery.team, delivery.kind, delivery.event_id, delivery.attempts, latency, late, status, payload)
            )

    def _retry(self, delivery: Delivery, reason: str, *, stop: bool) -> None:
        delays = self._server.retry_delays
        if stop or delivery.kind != "events_api" or delivery.attempts > len(delays):
            delivery.finish("failed")
            return
        delivery.retry_reason = reason
        delay = delays[delivery.attempts - 1]
        self._server.clock.call_later(delay, lambda: self._server.spawn(self._attempt(delivery)))


def _body(delivery: Delivery) -> tuple[bytes, str]:
    """Events go as JSON, commands as a form, everything interactive as JSON inside a form."""
    if delivery.kind == "events_api":
        return json.dumps(delivery.payload).encode(), "application/json"
    form = delivery.payload if delivery.kind == "slash_commands" else {"payload": json.dumps(delivery.payload)}
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
