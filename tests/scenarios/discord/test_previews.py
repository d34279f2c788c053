"""No message of the bot has a preview of a link, or calls anybody, however it reaches Discord and whatever it says."""

import re

import pytest

from adapters.discord import calls, render
from tests.scenarios.slack.talk import KAFKA, LONG, WHY_KAFKA, best_source

SUPPRESS_EMBEDS = 1 << 2
NOBODY = {"parse": []}
OURS = re.compile(r"<https://discord\.com/channels/\d+/\d+/\d+>")
"""A link of ours in the brackets that keep Discord from looking behind it."""
LOOKED_BEHIND = re.compile(r"https?://", re.IGNORECASE)
# Such are shown as a card without any scheme before them, and no flag hides that.
CARD = re.compile(r"(?:discord\.(?:gg|gift)|discord(?:app)?\.com/(?:invite|gifts?))/", re.IGNORECASE)
EMBED = {"description", "color"}
"""What an embed of ours has: no picture, and no address."""
TEMPTING = """https://evil.example/?k=1 http://evil.example/cat.png <https://evil.example> [x](https://evil.example)
discord.gg/evil https://discord.gg/evil https://discord.com/invite/evil discord.gift/evil
@everyone @here <@501> <@&501> https://discord.com/channels/1/2/3"""

HOOK = "/webhooks/{webhook_id}/{webhook_token}"
NEW = "POST /channels/{channel_id}/messages"
EDITED = "PATCH /channels/{channel_id}/messages/{message_id}"
HELD = f"PATCH {HOOK}/messages/@original"
HELD_EDITED = f"PATCH {HOOK}/messages/{{message_id}}"
FOLLOW_UP = f"POST {HOOK}"


def tempted(prompt):
    """A model that writes what an attacker would like to see, before, within and behind an answer with its source."""
    return f"{TEMPTING} {best_source(prompt)} {TEMPTING}\n\n{LONG[:4_000]} {best_source(prompt)} {TEMPTING}"


def payloads(house):
    """What was sent to Discord to be shown: the route, the channel where it names one, the body."""
    for call in house.discord.calls:
        if isinstance(call.json, dict) and {"content", "embeds"} & call.json.keys():
            yield f"{call.method} {call.route}", call.params.get("channel_id", ""), call.json


def wrong_with(body):
    """What such a payload would let happen."""
    content, embeds = body.get("content") or "", body.get("embeds") or []
    is_quiet = (body.get("flags") or 0) & SUPPRESS_EMBEDS
    if body.get("allowed_mentions") != NOBODY:
        yield "call"
    # The flag would hide our own embeds as well, so with these it may be missing.
    if not is_quiet and (not embeds or LOOKED_BEHIND.search(OURS.sub("", content))):
        yield "preview"
    if CARD.search(content) or any(set(one) - EMBED for one in embeds):
        yield "card"


async def said_once(house):
    """An answer in a channel, with a hostile model and colleague."""
    house.say(f"{KAFKA}. {TEMPTING}", who=house.tamarind)
    async with house.bot(tempted):
        await house.answers(house.mention(WHY_KAFKA))
    return list(payloads(house))


async def said_everywhere(house):
    """Answers and orders in every way that there is, with a hostile model, colleague and name."""
    house.rename_person(house.tamarind, "https://evil.example @everyone")
    house.say(f"{KAFKA}. {TEMPTING}", who=house.tamarind)
    root = house.say(f"{WHY_KAFKA} {TEMPTING}", who=house.tamarind)
    house.say_in_thread(root, TEMPTING, who=house.tamarind)
    async with house.bot(tempted):
        answered = await house.answers(house.mention(WHY_KAFKA))
        house.mention(WHY_KAFKA, where=house.in_thread(root), who=house.sorrel)
        house.dm(WHY_KAFKA, who=house.sorrel)
        await house.settled()
        await house.ask(WHY_KAFKA)
        await house.ask(WHY_KAFKA, public=True)
        await house.ask_about(root)
        for action in ("sources", "private"):
            await house.press(house.quince, answered[-1], action)
        await house.order("config", channel=house.harvest)
        await house.order("help")
        house.delete(house.decision)
        await house.settled()
    return list(payloads(house))


async def test_nothing_that_is_sent_has_a_preview_or_calls_anybody(house):
    sent = await said_everywhere(house)
    assert {route for route, _, _ in sent} == {NEW, EDITED, HELD, HELD_EDITED, FOLLOW_UP}
    assert len({channel for route, channel, _ in sent if route == NEW}) == 3  # the channel, the thread, the two alone
    quiet = {bool(body["flags"] & SUPPRESS_EMBEDS) for *_, body in sent}
    assert quiet == {True, False}
    assert [(route, wrong, body) for route, _, body in sent for wrong in wrong_with(body)] == []


# ---- each promise broken --------------------------------------------------------------------------------------------


def without(key):
    sound = calls._body
    return lambda message: {name: value for name, value in sound(message).items() if name != key}


def the_flag(monkeypatch):
    monkeypatch.setattr(calls, "_body", without("flags"))


def nobody_to_be_called(monkeypatch):
    monkeypatch.setattr(calls, "_body", without("allowed_mentions"))


def the_brackets_of_a_link(monkeypatch):
    monkeypatch.setattr(render, "link", lambda url, label: f"[{label}]({url})")


def the_filter_of_words(monkeypatch):
    monkeypatch.setattr("bot.chain.harmless", lambda text: text)
    monkeypatch.setattr(render, "discord_markdown", lambda text, marks=None: text)


@pytest.mark.parametrize(
    ("forgotten", "noticed"),
    [
        (the_flag, "preview"),
        (nobody_to_be_called, "call"),
        (the_brackets_of_a_link, "preview"),
        (the_filter_of_words, "card"),
    ],
)
async def test_what_is_forgotten_would_be_noticed(house, monkeypatch, forgotten, noticed):
    forgotten(monkeypatch)
    sent = await said_once(house)
    assert noticed in {one for *_, body in sent for one in wrong_with(body)}
