"""What people say in the house on the fake Discord, and what becomes of it."""

from tests.scenarios.shared.discord_guild import DiscordGuild

EMOJI = {"+1": "👍", "+1::skin-tone-4": "👍🏽", "tada": "🎉"}


class DiscordWords(DiscordGuild):
    everybody = "@everyone"
    longest = 4_000
    quoted_pings = "everyone"

    @property
    def typed_pings(self):
        """What somebody types who would like to call everybody, and a role."""
        return f"@everyone, @here and <@&{self._admins}>"

    def seed(self, channel, told, *, thread=None):
        """The past: (who, text), or with how many days ago; in the channel, or in the thread of a message there."""
        with self.discord.silently():
            place = channel if thread is None else self._thread(channel, told[0][0], thread)
        return self.discord.seed(place, [(who, text, *(one * 86_400 for one in days)) for who, text, *days in told])

    def say(self, text, *, who="", where="", thread=None, image=False):
        """`thread`: in answer to that message, which is how people go on there."""
        files = ["press.png"] if image else []
        with self._quietly():
            return self.discord.post(
                where or self.harvest, who or self.quince, text, reply_to=thread, attachments=files
            )

    def say_in_thread(self, root, text, *, who="", where=""):
        """In the thread that a message begins, which may be new."""
        with self._quietly():
            return self.discord.post(
                self._thread(where or self.harvest, who or self.quince, root), who or self.quince, text
            )

    def _thread(self, channel, who, root):
        if root not in self.discord.channels:
            self.discord.start_thread(channel, who, "more on this", message=root)
        return root

    def in_thread(self, root):
        """Where it is seen what is said in the thread that a message begins."""
        return root

    def mention(self, text, **more):
        return self.say(self.naming(text).strip(), **more)

    def naming(self, text):
        """Words that name the bot."""
        return f"<@{self.discord.bot_user_id}> {text}"

    def say_as_hook(self, text, *, after=None):
        """A webhook says something; `after` what it said before, where it can go on with that."""
        del after
        return self.discord.post(self.harvest, "ticker", text, webhook=True)

    def unfurl(self, message):
        self.discord.unfurl(self.harvest, message)

    def reply(self, said, text, *, who="", where=""):
        """Somebody answers a message of the bot, without naming it."""
        return self.say(text, who=who, where=where, thread=said.id)

    def dm(self, text, *, who="", after=None, image=False):
        """Somebody writes to the bot alone; `after` a question of theirs, which goes on with the talk."""
        del after
        return self.say(text, who=who, where=self.im(who), image=image)

    def im(self, who=""):
        return self.discord.open_dm(who or self.quince)

    def root(self, said):
        """What somebody answers who goes on after a message of the bot."""
        return said.id

    def edit(self, message, text, *, where=""):
        with self._quietly():
            self.discord.edit(self._stands_in(message, where), message, text)

    def delete(self, message, *, where=""):
        with self._quietly():
            self.discord.delete(self._stands_in(message, where), message)

    def react(self, message, emoji, *, who="", where="", removed=False):
        with self._quietly():
            where = self._stands_in(message, where)
            self.discord.react(where, message, who or self.quince, EMOJI.get(emoji, emoji), removed=removed)

    def _stands_in(self, message, where):
        """The channel, or the thread there that a message was said in."""
        places = [where or self.harvest, *self.discord.channels]
        return next(place for place in places if message in self.discord.logs[place].messages)

    def text_of(self, message):
        return self.discord.logs[self._stands_in(message, "")].messages[message]["content"]

    def link(self, message, *, where=""):
        return f"https://discord.com/channels/{self.guild}/{where or self.harvest}/{message}"
