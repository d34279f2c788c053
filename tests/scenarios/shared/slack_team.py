"""The team of the house on the fake Slack: its people, its channels, and who is in which."""

from tests.fakes.slack import FakeSlack
from tests.scenarios.shared.house import House


class SlackTeam(House):
    platform = "slack"

    def __init__(self, slack: FakeSlack, start) -> None:
        self.slack = slack
        super().__init__(start)
        self.us = slack.bot_user_id

    def add_person(self, name, *, admin=False):
        return self.slack.add_user(name, admin=admin)

    def add_guest(self, name):
        """Somebody from outside, in #harvest."""
        guest = self.slack.add_user(name, guest=True)
        self.slack.join(self.harvest, guest, silent=True)
        return guest

    def add_owner(self, name):
        """Who made #harvest, and is no admin of the workspace."""
        owner = self.slack.add_user(name)
        self.slack.join(self.harvest, owner, silent=True)
        self.slack.channels[self.harvest].creator = owner
        return owner

    def add_bot(self, name):
        """Somebody else's, in #harvest."""
        bot = self.slack.add_user(name, bot=True)
        self.slack.join(self.harvest, bot, silent=True)
        return bot

    def add_channel(self, name, *, members=None):
        """Public, with everybody in it; or private, for these people."""
        everybody = list(self.slack.users) if members is None else members
        people = [one for one in everybody if one != self.slack.bot_user_id]
        return self.slack.add_channel(name, private=members is not None, members=people)

    def join(self, channel, person):
        self.slack.join(channel, person)

    def leave(self, channel, person):
        self.slack.leave(channel, person)

    def remove_bot(self, channel):
        self.slack.leave(channel, self.slack.bot_user_id, silent=self._is_unnoticed)

    def let_bot_in(self, channel):
        self.slack.join(channel, self.slack.bot_user_id, inviter=self.quince, silent=self._is_unnoticed)

    def close(self, channel, members):
        """A channel for everybody is for these people from now on."""
        for person in set(self.slack.channels[channel].members) - {*members, self.slack.bot_user_id}:
            self.slack.leave(channel, person, silent=self._is_unnoticed)
        self.slack.convert_to_private(channel, silent=self._is_unnoticed)

    def delete_channel(self, channel):
        self.slack.delete_channel(channel, silent=self._is_unnoticed)

    def rename(self, channel, name):
        self.slack.rename_channel(channel, name, silent=self._is_unnoticed)

    def rename_person(self, person, name):
        self.slack.change_user(person, name=name, silent=self._is_unnoticed)

    def demote(self, person):
        """An admin is one no longer."""
        self.slack.change_user(person, admin=False)

    def depart(self, person):
        """Somebody is one of the team no longer."""
        self.slack.deactivate(person, silent=self._is_unnoticed)

    def rooms(self, person):
        return [one.id for one in self.slack.channels.values() if self.slack.may_read(person, one)]

    def places(self):
        channels = self.slack.channels.values()
        return {one.id for one in channels if self.slack.is_bot_in(one) and "im" not in one.kind}
