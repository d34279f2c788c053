"""What is promised of any text that is read or shown: it never raises, and a second time it changes nothing."""

import re

from adapters import fields
from adapters.discord.escaping import escaped as discord_escaped
from adapters.discord.markdown import discord_markdown
from adapters.discord_text import Names as DiscordNames
from adapters.discord_text import readable as discord_readable
from adapters.replies import clean, one_line, split
from adapters.slack.escaping import entities
from adapters.slack.mrkdwn import escaped as slack_escaped
from adapters.slack.mrkdwn import mrkdwn
from adapters.slack.text import Names, readable
from bot import citations
from bot.links import LINK, without_links
from bot.plaintext import _CONTROL_TOKEN, _MENTION, harmless, neutralise, question_text
from knowledge.kept import kept
from knowledge.lexical import terms
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line
from tests.properties import test_discord_render as on_discord
from tests.properties import test_slack_render as on_slack

PART = 300
MARK = re.compile(r"\[(\d{1,3})\]")  # as the platforms' renderers see one


def keeping(text):
    once = kept(text).text
    assert kept(once).text == once
    assert kept(once).cut == 0
    terms(once)


def cleaning(text):
    once = fields.clean(text)
    assert fields.clean(once) == once
    once.encode()
    assert clean(clean(text)) == clean(text)


def asking(text):
    asked = question_text(text)
    assert "\n" not in asked
    asked.encode()
    assert not _CONTROL_TOKEN.search(asked)


def prompting(text):
    shown = neutralise(text)
    assert not _CONTROL_TOKEN.search(shown)
    assert neutralise(shown) == shown


def answering(text):
    shown = harmless(text)
    assert not _CONTROL_TOKEN.search(shown)
    assert not _MENTION.search(shown)
    assert not LINK.search(shown)


def linking(text):
    once = without_links(text)
    assert not LINK.search(once)
    assert without_links(once) == once


def citing(text):
    """Above the first form feed stands the answer, below it the lines it may rest on."""
    answer, *rest = text.split("\f")
    lines = [_line(number, said) for number, said in enumerate(rest[:12])]
    cited = citations.resolve(answer, lines)
    assert [citation.n for citation in cited.citations] == list(range(1, len(cited.citations) + 1))
    assert 0 <= cited.unsupported <= cited.sentences
    assert {int(number) for number in MARK.findall(cited.text)} == {citation.n for citation in cited.citations}


def splitting(text):
    parts = split(text, PART)
    assert all(part.strip() for part in parts)
    assert all(len(part) <= PART for part in parts)
    if "```" not in text:
        assert "".join("".join(parts).split()) == "".join(text.split())


def shown_on_slack(text):
    shown = mrkdwn(text)
    on_slack.assert_powerless(shown)
    assert "<" not in shown
    assert "://" not in shown
    on_slack.assert_powerless(slack_escaped(text))
    for part in split(shown, PART):
        on_slack.assert_powerless(part)


def shown_on_discord(text):
    shown = discord_markdown(text, on_discord.MARKS)
    on_discord.assert_powerless(shown)
    assert "://" not in shown.replace(on_discord.MARKS["[1]"], "")
    assert not on_discord.PING.search(discord_escaped(text))


def read_on_slack(text):
    readable(text, Names())
    assert readable(entities(text), Names()) == text


def read_on_discord(text):
    discord_readable(text, DiscordNames())
    one_line(text)


def _line(number, text):
    ref = MessageRef(ChannelRef("slack", "T1", "C1"), str(number))
    return Line(number, 1, ref, 1, "harvest", "quince", text, None, "")
