"""What people say in the house on the fake Slack, and what becomes of it."""

from tests.scenarios.shared.slack_team import SlackTeam
from tests.scenarios.slack.scene import ago


class SlackWords(SlackTeam):
    everybody = "<!channel>"
    longest = 40_000
    typed_pings = "&lt;!channel&gt; or &lt;@U00000003&gt; @here"
    quoted_pings = "&lt;!channel&gt;"

    def seed(self, channel, told, *, thread=None):
        """The past: (who, text), or with how many days ago; in the channel, or in the thread of a message there."""
        return self.slack.seed(
            channel, [(who, text, ago(*days) if days else None, thread) for who, text, *days in told]
        )

    def say(self, text, *, who="", where="", thread=None, image=False):
        speaker = who or self.quince
        more = {"files": [self.slack.add_file("press.png", b"\x89PNG", user=speaker, mimetype="image/png")]}
        return self.slack.post(
            where or self.harvest, speaker, text, thread_ts=thread, silent=self._is_unnoticed, **more if image else {}
        )

    def say_in_thread(self, root, text, *, who="", where=""):
        """In the thread that a message begins, which may be new."""
        return self.say(text, who=who, where=where, thread=root)

    def in_thread(self, root):
        """Where it is seen what is said in the thread that a message begins."""
        return next(
            place.id
            for place in self.slack.channels.values()
            if root in {one.ts for one in self.slack.transcript(place.id)}
        )

    def mention(self, text, **more):
        return self.say(self.naming(text).strip(), **more)

    def naming(self, text):
        """Words that name the bot."""
        return f"<@{self.slack.bot_user_id}> {text}"

    def say_as_hook(self, text, *, after=None):
        """A webhook says something; `after` what it said before, where it can go on with that."""
        return self.slack.post(self.harvest, None, text, subtype="bot_message", bot_id="B00009999", thread_ts=after)

    def unfurl(self, message):
        self.slack.unfurl(self.harvest, message)

    def reply(self, said, text, *, who="", where=""):
        """Somebody goes on after an answer of the bot, without naming it."""
        return self.say(text, who=who, where=where, thread=said.asked)

    def dm(self, text, *, who="", after=None, image=False):
        """Somebody writes to the bot alone; `after` a question of theirs, which goes on with the talk."""
        return self.say(text, who=who, where=self.im(who), thread=after, image=image)

    def im(self, who=""):
        return self.slack.open_im(who or self.quince)

    def root(self, said):
        """What somebody answers who goes on after a message of the bot."""
        return said.asked

    def edit(self, message, text, *, where=""):
        self.slack.edit(where or self.harvest, message, text, silent=self._is_unnoticed)

    def delete(self, message, *, where=""):
        self.slack.delete(where or self.harvest, message, silent=self._is_unnoticed)

    def react(self, message, emoji, *, who="", where="", removed=False):
        where, silent = where or self.harvest, self._is_unnoticed
        self.slack.react(where, message, who or self.quince, emoji, removed=removed, silent=silent)

    def text_of(self, message):
        return next(one.text for one in self.slack.transcript(self.harvest) if one.ts == message)

    def link(self, message, *, where=""):
        return self.slack.permalink(where or self.harvest, message)
