"""A workspace to try who is told what."""

import json
from contextlib import asynccontextmanager

from tests.scenarios.slack.scene import caught_up, every_source

QUESTION = "what is the code word of the cellar door?"


class House:
    """A workspace in which each channel holds its own code word, and nobody may learn that of a channel not theirs.

    quince is in every channel, sorrel not in #market, tamarind in #harvest alone; juniper is a guest.
    """

    def __init__(self, slack, bot):
        self.slack = slack
        self._bot = bot
        self.quince, self.tamarind, self.sorrel = (slack.add_user(name) for name in ("quince", "tamarind", "sorrel"))
        self.juniper = slack.add_user("juniper", guest=True)
        self.stranger = slack.add_user("sloe", stranger=True)
        members = [self.quince, self.tamarind, self.sorrel]
        self.words = {}
        self.harvest = self.room("harvest", "alder", members=members)
        self.market = self.room("market", "birch", members=[self.quince])
        self.board = self.room("board", "cedar", members=[self.quince, self.sorrel], private=True)
        self.hiring = self.room("hiring", "dogwood", members=[self.quince, self.sorrel], private=True)
        self.prompts = []
        self.leaks = set()
        self._show, slack.show = slack.show, self.show

    def show(self, payload, method, channel, ts, *, only=""):
        """Whatever the bot shows passes here: nobody may see a word of a channel that they cannot read now."""
        readers = {only} if only or channel is None else self.slack.audience_of(channel)
        for place in self.told(json.dumps(payload, ensure_ascii=False)):
            source = self.slack.channels[place]
            self.leaks |= {(self.words[place], who) for who in readers if not self.slack.may_read(who, source)}
        self._show(payload, method, channel, ts, only=only)

    def room(self, name, word, **more):
        place = self.slack.add_channel(name, **more)
        self.words[place] = word
        says = f"In {name} the code word of the cellar door is {word}"
        self.slack.seed(place, [(next(iter(more["members"])), says)])
        return place

    def script(self, prompt):
        self.prompts.append(prompt)
        return every_source(prompt)

    def told(self, text):
        """The channels whose word is in a text."""
        return {place for place, word in self.words.items() if word in text}

    @asynccontextmanager
    async def at_home(self, **more):
        """The bot runs, knows every channel, and in the end has told nobody what was not theirs."""
        async with self._bot(self.script, **more) as app:
            await caught_up(app, self.slack)
            yield app
            assert self.leaks == set()
