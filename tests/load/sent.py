"""What both platforms are sent of an answer, and what of it is an address or calls somebody."""

import re

from adapters.discord import notices as discord_notices
from adapters.discord import render as discord
from adapters.slack import notices as slack_notices
from adapters.slack import render as slack
from bot import citations
from bot.chain import Words
from bot.conversation import Answer, Outcome
from bot.plaintext import harmless
from knowledge.messages import MessageRef
from knowledge.passages import Line
from tests.hostile import injections
from tests.talk import START, channel

OURS = re.compile(r"<https://tidepool\.example/general/\d+\|(?:\[\d+\]|open)>")
OURS_ON_DISCORD = re.compile(r"\[(?:\[\d+\]|open)\]\(<https://tidepool\.example/general/\d+>\)")
ADDRESS = re.compile(
    r"[:：][/／]{2}|\bwww\.|//\w|\w[.．｡․][\w-]+/|evil(?:[．｡․。]|\.example[/:?]|\.xn--)\w|xn--[\w-]+\.\w"
    r"|(?:script|mailto|data|tel):\S|2130706433|0x7f",
    re.IGNORECASE,
)
# A mark that is escaped is seen, and breaks an address; a mark that formats vanishes.
ESCAPED = re.compile(r"\\([*_~`|])")
SIGHT = re.compile("[\\\\*_~`\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f]")
PING = re.compile(
    r"<[@!#/]|[@＠﹫](?:everyone|here|channel|group)(?![a-z0-9])|<(?:id|t|a?):|&(?!amp;|lt;|gt;)", re.IGNORECASE
)
PING_ON_DISCORD = re.compile(r"<@[!&]?\d|[@＠﹫](?:everyone|here)", re.IGNORECASE)
MENTION_ON_DISCORD = re.compile(r"(?<!\\)<(?:#\d|/\w+:\d|id:\w|t:\d|a?:\w+:\d)")


def line(text, n=1):
    ref = MessageRef(channel("general"), str(n))
    return Line(n, 1, ref, 1, "general", "quince", text, START, f"https://tidepool.example/general/{n}")


def on_slack(parts):
    for part in parts:
        yield "slack", part.text
        for block in part.blocks:
            for one in [block.get("text"), *block.get("elements", [])]:
                if one and isinstance(one.get("text"), str):
                    assert one["type"] == "plain_text" or one["verbatim"]
                    yield "slack", one["text"]


def on_discord(parts):
    for part in parts:
        yield "discord", part.content
        yield from (("discord", embed["description"]) for embed in part.embeds)


def edits(pieces):
    """What both platforms show while an answer is written."""
    words, written = Words(), ""
    for piece in [*pieces, None]:
        ready = words.rest() if piece is None else words.add(piece)
        if ready:
            written += ready
            yield from on_slack([slack.partial(written, waiting_mark="⏳")])
            yield from on_discord([discord.partial(written, waiting_mark="⏳")])


def final(answer, asked):
    parts = slack.answer_parts(answer, answer_id="a1", now=START)
    yield from on_slack([*parts, slack_notices.with_question(parts[0], "quince", asked)])
    parts = discord.answer_parts(answer, answer_id="a1", now=START)
    yield from on_discord([*parts, *discord_notices.with_question(parts, "quince", asked)])


def shown(text, dice):
    """Everything that is sent of an answer in the model's words, which come in pieces of any length."""
    pieces, at = [], 0
    while at < len(text):
        size = dice.randint(6, 60)
        pieces.append(text[at : at + size])
        at += size
    yield from edits(pieces)
    sources = [line(f"We press the olives on Friday. {text}")]
    cited = citations.resolve(harmless(text), sources)
    nearest = tuple(sources)
    yield from final(
        Answer(f"{cited.text} [1]", Outcome.ANSWERED, citations.resolve("olives", sources).citations), text
    )
    yield from final(Answer("", Outcome.DECLINED, nearest=nearest, people=(text[:80],)), text)


def addresses(sent):
    """The payloads that hold an address which is no citation of ours."""
    found = []
    for platform, text in sent:
        rest = (OURS if platform == "slack" else OURS_ON_DISCORD).sub("", text)
        rest = rest.replace("(link removed)", " ").replace("people who wrote about it", "")
        if ADDRESS.search(SIGHT.sub("", ESCAPED.sub("∗", rest))):
            found.append((platform, text))
    return found


def calls(sent):
    """The payloads that would ping anybody or mention anything."""
    found = []
    for platform, text in sent:
        seen = re.sub("[\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f]", "", text)
        if platform == "slack":
            rest = re.sub(r"^>", "", OURS.sub("", seen), flags=re.MULTILINE)
            bad = PING.search(rest) or "<" in rest or ">" in rest
        else:
            rest = OURS_ON_DISCORD.sub("", seen)
            bad = PING_ON_DISCORD.search(rest) or MENTION_ON_DISCORD.search(rest)
        if bad:
            found.append((platform, text))
    return found


def orders():
    """Published injections, each with an address of ours to carry its words away."""
    for case in injections():
        yield f"{case['context'][-100:]}\n{case['injected']} https://evil.example/?k={case['injected'][:20]}"
