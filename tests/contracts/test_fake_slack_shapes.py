"""What the fake sends has the shape of Slack's own answers and events."""

import contextlib
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack
from tests.fakes.slack.methods import METHODS
from tests.fakes.slack.shapes import Shapes, available

pytestmark = pytest.mark.skipif(not available(), reason="the samples of Slack's payloads lie outside this repository")

BLOCKS = [
    {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "yes", "text": {"type": "plain_text", "text": "Yes"}}],
    },
    {"type": "markdown", "text": "**pears**"},
]
VIEW = {"type": "home", "blocks": [{"type": "divider"}]}


async def live(slack: FakeSlack, channel: str, user: str) -> None:
    """Everything people can do."""
    guest, stranger = slack.add_user("sorb", ultra=True), slack.add_user("loquat", stranger=True)
    for newcomer in (guest, stranger, clerk := slack.add_user("clerk", bot=True)):
        slack.join(channel, newcomer, inviter=user)
    file_id = slack.add_file("plan.pdf", b"%PDF", user=user, mimetype="application/pdf")
    parent = slack.post(channel, user, f"<@{slack.bot_user_id}> see <https://tidepool.example|the plan>")
    slack.post(channel, stranger, "me too", thread_ts=parent)
    slack.post(channel, user, "loud", thread_ts=parent, broadcast=True)
    slack.post(channel, user, f"<@{slack.bot_user_id}> the plan", files=[file_id])
    slack.post(channel, clerk, "from a bot", blocks=BLOCKS)
    slack.post(channel, None, "from a webhook", subtype="bot_message", bot_id="B99999999", username="hook")
    slack.react(channel, parent, user, "pear")
    slack.react(channel, parent, user, "pear", removed=True)
    slack.edit(channel, parent, f"<@{slack.bot_user_id}> new")
    slack.unfurl(channel, parent)
    slack.recount(channel, parent)
    slack.delete_file(file_id)
    slack.delete(channel, parent)
    slack.delete(channel, slack.post(channel, user, "oops"))
    slack.leave(channel, guest)
    slack.rename_channel(channel, "orchard")
    slack.share(channel)
    slack.unshare(channel)
    slack.archive(channel)
    slack.unarchive(channel)
    slack.change_user(user, name="pomelo")
    slack.open_home(user)
    slack.look_at(user, channel)
    slack.post(slack.open_im(user), user, "direct")


async def call_all(slack: FakeSlack, client: AsyncWebClient, channel: str, user: str) -> None:
    """Every method, with success at least once."""
    asked = slack.post(channel, user, "q")
    file_id = slack.add_file("plan.txt", b"x", user=user)
    slack.post(channel, user, "plan", files=[file_id])
    thread = {"channel": channel, "thread_ts": asked}
    direct = (await client.conversations_open(users=user))["channel"]["id"]
    posted = await client.chat_postMessage(
        **thread, text="a", blocks=BLOCKS, metadata={"event_type": "answer", "event_payload": {"id": "1"}}
    )
    await client.chat_update(channel=channel, ts=posted["ts"], text="b")
    await client.chat_postEphemeral(channel=channel, user=user, text="psst")
    await client.chat_getPermalink(channel=channel, message_ts=posted["ts"])
    started = await client.chat_startStream(**thread, recipient_team_id=slack.team_id, recipient_user_id=user)
    await client.chat_appendStream(channel=channel, ts=started["ts"], markdown_text="x")
    await client.chat_stopStream(channel=channel, ts=started["ts"], blocks=BLOCKS)
    reaction = {"channel": channel, "timestamp": posted["ts"], "name": "pear"}
    await client.reactions_add(**reaction)
    for place in (channel, direct):
        await client.conversations_info(channel=place, include_num_members=True)
        await client.conversations_history(channel=place, include_all_metadata=True)
        await client.conversations_members(channel=place, limit=1)
    await client.conversations_replies(channel=channel, ts=asked, include_all_metadata=True)
    await client.reactions_remove(**reaction)
    await client.chat_delete(channel=channel, ts=posted["ts"])
    every_type = "public_channel,private_channel,im,mpim"
    await client.conversations_list(types=every_type)
    await client.users_conversations(types=every_type)
    slack.scopes.add("channels:join")
    await client.conversations_join(channel=slack.add_channel("open", bot_in=False))
    await client.users_info(user=user)
    await client.users_info(user=slack.bot_user_id)
    await client.users_list()
    await client.auth_test()
    await client.apps_connections_open(app_token=slack.app_token)
    await client.files_info(file=file_id)
    await client.assistant_threads_setStatus(channel_id=channel, thread_ts=asked, status="is reading")
    await client.assistant_threads_setTitle(channel_id=channel, thread_ts=asked, title="Pears")
    await client.api_call(
        "assistant.threads.setSuggestedPrompts",
        json={"channel_id": direct, "prompts": [{"title": "Press", "message": "When?"}]},
    )
    await client.views_publish(user_id=user, view=VIEW)
    trigger_id = slack.slash_command(user, channel, "/ask").trigger_id
    opened = await client.views_open(
        trigger_id=trigger_id, view={**VIEW, "type": "modal", "title": {"type": "plain_text", "text": "T"}}
    )
    await client.views_update(view_id=opened["view"]["id"], view=VIEW)
    for method in METHODS:
        with contextlib.suppress(SlackApiError):
            await client.api_call(method)
        with contextlib.suppress(SlackApiError):
            await client.api_call(method, json={"channel": channel, "user": user, "text": "x", "blocks": ["x"]})
    slack.scopes.clear()
    for method in METHODS:
        with contextlib.suppress(SlackApiError):
            await client.api_call(method, json={"channel": channel})


async def test_every_answer_and_every_event_has_slacks_own_shape():
    async with FakeSlack(check_shapes=True) as slack:
        user = slack.add_user("quince")
        channel = slack.add_channel("harvest", members=[user])
        slack.add_channel("vault", private=True, members=[user])
        slack.add_channel("mpdm", mpim=True, members=[user])
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        await live(slack, channel, user)
        for message in (await client.conversations_history(channel=channel))["messages"]:
            await client.conversations_replies(channel=channel, ts=message["ts"])
        await call_all(slack, client, channel, user)
        slack.leave(channel, slack.bot_user_id)
        succeeded = {call.method for call in slack.calls if call.outcome == "ok"}
        assert succeeded == set(METHODS)
        assert "\n".join(slack.shape_problems) == "", "\n".join(slack.shape_problems)


ODDITIES: list[tuple[dict[str, Any], str]] = [
    ({"ok": True, "members": [], "cursor": ""}, "conversations.members: cursor is not in the sample"),
    ({"ok": True, "members": [1]}, "conversations.members: members is a number, the sample has a string"),
    ({"ok": "true"}, "conversations.members: ok is a string, the sample has a boolean"),
]


@pytest.mark.parametrize(("answer", "problem"), ODDITIES)
def test_a_key_or_type_that_slack_does_not_send_is_found(answer, problem):
    assert list(Shapes.of_response("conversations.members", answer)) == [problem]


def test_an_oddity_deep_in_an_event_is_found():
    event = {"type": "message", "channel": "C1", "ts": "1.0", "channel_type": "channel", "bot_profile": {"nick": "x"}}
    payload = {"type": "event_callback", "event_id": "Ev1", "event_time": "now", "event": event}
    assert set(Shapes.of_event(payload)) == {
        "message: event_time is a string, the sample has a number",
        "message: event.bot_profile.nick is not in the sample",
    }
