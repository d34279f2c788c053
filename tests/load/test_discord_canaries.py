"""Who asks what where in a guild: whatever a model that quotes everything says, no text reaches an outsider of it."""

import asyncio
import json
import random

import pytest

from bot.config import Settings
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.permissions import ADMINISTRATOR, CONNECT, READ, READ_MESSAGE_HISTORY, VIEW_CHANNEL
from tests.load.processes import UNLIMITED
from tests.load.test_canaries import ASKED, CANARY, everything, until_answered, until_learnt
from tests.scenarios.slack.conftest import running

KINDS = ("text", "text", "text", "news", "voice", "forum")
BATCH = 15


class World:
    """A guild with a canary in each channel, post and thread. Who reads which of them, Discord's rules alone say."""

    def __init__(self, discord, dice, people, channels):
        self.discord, self.dice = discord, dice
        self.guild = discord.add_guild("tidepool")
        self.roles = [discord.add_role(self.guild, f"crew-{number}") for number in range(6)]
        self.people = [discord.add_member(self.guild, f"tree-{number}") for number in range(people)]
        self.channels, self.private_threads, self.places = [], [], []
        self.canaries, self.answers = {}, []
        for person in self.people:
            discord.set_member_roles(self.guild, person, dice.sample(self.roles, dice.randrange(3)))
        self._rules = [self._rule() for _ in range(channels // 2)]
        for number in range(channels):
            self._plant(number)
        self.history, self.moves = [(0.0, self.snapshot())], []

    @property
    def members(self):
        return [one for one in self.people if one in self.discord.members[self.guild]]

    def snapshot(self):
        return {place: self.discord.readers(place) for place in self.places}

    def moved(self):
        """From now on other people read what they read."""
        self.history.append((self.discord.clock.now(), self.snapshot()))

    def leaks(self, payloads):
        """Every canary in a payload that somebody could see who could not read its place then."""
        found = []
        for sent in payloads:
            readers = next(known for since, known in reversed(self.history) if since <= sent.at)
            for canary in set(CANARY.findall(json.dumps(dict(sent.payload)))):
                source = self.canaries[canary]
                if outsiders := sent.audience - readers[source]:
                    found.append((sent.at, sent.method, sent.channel, source, outsiders, self.moves_before(sent.at)))
        return found

    def moves_before(self, at):
        """What changed last before that moment, with how long before."""
        return [(round(at - since, 3), what) for since, what in self.moves if since <= at][-8:]

    def move(self):
        """Something changes of who may read what."""
        kind = self.dice.randrange(7)
        person, channel = self.dice.choice(self.members), self.dice.choice(self.channels)
        match kind:
            case 0 | 1:
                self.discord.set_member_roles(self.guild, person, self.dice.sample(self.roles, self.dice.randrange(3)))
            case 2:
                self.discord.set_overwrites(channel, self._rule())
            case 3 if self.private_threads:
                self._change_thread(self.dice.choice(self.private_threads), person)
            case 4:
                granted = self.dice.choice([0, 0, ADMINISTRATOR])
                self.discord.change_role(self.guild, self.dice.choice(self.roles), permissions=granted)
            case 5:
                self.discord.change_channel(channel, nsfw=not self.discord.channels[channel]["nsfw"])
            case _:
                person = self.dice.choice(self.people)
                self._come_or_go(person)
        self.moved()
        self.moves.append((self.discord.clock.now(), (kind, person, channel)))

    def _come_or_go(self, person):
        if person not in self.members:
            self.discord.add_member(self.guild, person)
        elif len(self.members) > len(self.people) / 2:
            self.discord.remove_member(self.guild, person)

    def _change_thread(self, thread, person):
        if person in self.discord.thread_members[thread]:
            self.discord.remove_thread_member(thread, person)
        else:
            self.discord.add_thread_member(thread, person)

    def _plant(self, number):
        kind, rule = self.dice.choice(KINDS), self.dice.choice(self._rules)
        name = f"grove-{number}"
        channel = self.discord.add_channel(
            self.guild, name, kind=kind, nsfw=self.dice.random() < 0.1, overwrites=dict(rule)
        )
        self.channels.append(channel)
        if kind == "forum":
            self._hide(self._start(channel, name, text=self._canary(name)))
            return
        [message] = self.discord.seed(channel, [(self.people[0], self._canary(name))])
        self._hide(channel)
        if kind == "text" and self.dice.random() < 0.4:
            self._hide(self._start(channel, name, message=message, text=self._canary(f"the row of {name}")))
        if kind == "text" and self.dice.random() < 0.6:
            thread = self._start(channel, name, private=True, text=self._canary(f"the cellar of {name}"))
            for person in [self.discord.bot_user_id, *self.dice.sample(self.people, 4)]:
                self.discord.add_thread_member(thread, person)
            self.private_threads.append(thread)
            self._hide(thread)

    def _start(self, channel, name, **more):
        return self.discord.start_thread(channel, self.people[0], name, **more)

    def _canary(self, name):
        self._last = f"canary{self.dice.getrandbits(32):08x}"
        return f"The secret harvest plan of {name} is {self._last}"

    def _hide(self, place):
        self.places.append(place)
        self.canaries[self._last] = place

    def _rule(self):
        """Overwrites: for everybody, for some roles, for some people, or for everybody but some."""
        ours = {self.discord.bot_user_id: (READ | CONNECT, 0)}
        taken = self.dice.choice([VIEW_CHANNEL, VIEW_CHANNEL, READ_MESSAGE_HISTORY, CONNECT])
        chosen = self.dice.sample([*self.roles, *self.people], 3)
        match self.dice.randrange(4):
            case 0:
                return ours
            case 1:
                return {self.guild: (0, VIEW_CHANNEL)} | dict.fromkeys(chosen, (VIEW_CHANNEL, 0)) | ours
            case 2:
                return {self.guild: (0, taken)} | dict.fromkeys(chosen[:1], (taken, 0)) | ours
            case _:
                return dict.fromkeys(chosen, (0, taken)) | ours


@pytest.mark.timeout(7200)
async def test_no_canary_reaches_anybody_outside_its_readers(database_url, servers, size, report):
    questions, dice = size(150, 10_000), random.Random(11)
    async with FakeDiscord(check_shapes=False) as discord:
        world = World(discord, dice, people=size(20, 50), channels=size(16, 60))
        settings = Settings(
            _env_file=None,
            database={"url": database_url},
            redis={"url": servers[1]},
            answer={"decline_below": 0.3, "warn_below": 0.5},
            discord={"token": discord.token, "api_url": discord.api_url, "gateway_url": discord.gateway_url},
            model={"parallel": 4},
            limits=UNLIMITED,
        )
        async with running(settings, everything) as (app, _):
            await discord.connected()
            await until_learnt(app, len(world.canaries))
            asked = looked_at = 0
            while asked < questions:
                for _ in range(min(BATCH, questions - asked)):
                    ask_one(discord, world, dice)
                    asked += 1
                await until_answered(app, asked)
                payloads = discord.visible_payloads()
                if leaks := world.leaks(payloads[looked_at:]):
                    raise AssertionError("\n".join([*map(str, leaks), *await believed(app)]))
                looked_at = len(payloads)
                world.answers = public_answers(discord)
                for _ in range(dice.randrange(1, 4)):
                    world.move()
            await asyncio.sleep(0.5)
        payloads = discord.visible_payloads()
        shown = [one for one in payloads if CANARY.search(json.dumps(dict(one.payload)))]
        leaks = world.leaks(payloads)
        report(
            "discord_canaries", questions=asked, payloads=len(payloads), payloads_with_a_canary=len(shown),
            to_many=sum(len(one.audience) > 1 for one in shown), moves=len(world.history) - 1, leaks=len(leaks),
        )  # fmt: skip
        assert len(shown) > asked / 4
        assert leaks == [], "\n".join(map(str, leaks))


async def believed(app):
    """What the bot itself holds true of channels and their readers."""
    return [
        str(row)
        for row in await app.admin.database.fetch(
            "SELECT c.channel_id, c.name, c.visibility, c.readers, c.members_at, c.hidden_at, c.removed_at, "
            "(SELECT array_agg(p.person_id) FROM membership m JOIN person p USING (person_pk) "
            "WHERE m.channel_pk = c.channel_pk AND p.active) FROM channel c ORDER BY 1"
        )
    ]


def ask_one(discord, world, dice):
    """Somebody asks: in a channel, a thread or a post, by a command, directly, or once more for themselves alone."""
    person = dice.choice(world.members)
    text = dice.choice(ASKED).format(name=f"grove-{dice.randrange(len(world.channels))}")
    spoken = [one for one in world.places if discord.may_read(person, one)]
    readable = [one for one in world.answers if discord.may_read(person, one[0])]
    match dice.randrange(5):
        case 0 | 1 if spoken:
            discord.post(dice.choice(spoken), person, f"<@{discord.bot_user_id}> {text}")
        case 2 if spoken:
            question = {"question": text, "private": dice.random() < 0.5}
            discord.slash_command(person, dice.choice(spoken), "ask", question)
        case 3 if readable:
            _, message, custom_id = dice.choice(readable)
            discord.click(person, message, custom_id)
        case _:
            discord.post(discord.open_dm(person), person, text)


def public_answers(discord):
    """The button below each answer in a channel that asks the same again for whoever presses it."""
    return [
        (channel, one.id, custom_id)
        for channel, place in discord.channels.items()
        if place.get("guild_id")
        for one in discord.bot_messages(channel)
        if one.ephemeral_for is None
        for custom_id in one.custom_ids
        if custom_id.startswith("lore:private:")
    ]
