"""A model that obeys an attacker in every word: still no address, no ping and no preview leaves the bot.

What is sent is looked at, not how it came about: every message of both platforms, each edit of a streamed answer too.
"""

import itertools
import random
import re

import adapters.discord.escaping
import adapters.slack.escaping
import bot.plaintext
from adapters.discord import render as discord
from adapters.slack import render as slack
from tests.hostile import ADDRESSES, SEEN, links, pings
from tests.load.sent import ESCAPED, SIGHT, addresses, calls, orders, shown

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

    monkeypatch.setattr(bot.plaintext, "LINK", re.compile("(?!)"))
    for module in (adapters.slack.escaping, adapters.discord.escaping):
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
