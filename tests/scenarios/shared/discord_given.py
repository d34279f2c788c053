"""Commands that people give, and buttons that they press, in the house on the fake Discord."""

from tests.scenarios.shared.discord_words import DiscordWords
from tests.scenarios.slack.talk import PATIENCE

FOR_EVERYBODY = {one.removeprefix("lore-"): one for one in ("forget-me", "remember-me", "lore-reset", "lore-help")}


class DiscordGiven(DiscordWords):
    ask_by = "/ask"

    async def ask(self, text, *, who="", where="", public=False):
        """The command that asks; what whoever gave it is told alone."""
        return await self._command("ask", who or self.quince, where, {"question": text, "private": not public})

    async def sum_up(self, *, who="", where="", channel="", thread="", since="", public=False):
        """The command that sums up, a channel or a thread; what whoever gave it is told alone."""
        options = {"channel": thread or channel, "since": since, "private": not public}
        chosen = {name: given for name, given in options.items() if given}
        return await self._command("summary", who or self.quince, where, chosen)

    async def order(self, name, *, who="", where="", message="", **said):
        """A command to the bot; what is told."""
        said["message"] = self.link(message, where=where) if message else ""
        options = {name: given for name, given in said.items() if given}
        command, subcommand = (FOR_EVERYBODY[name], "") if name in FOR_EVERYBODY else ("lore", name)
        return "\n".join(await self._command(command, who or self.medlar, where, options, subcommand=subcommand))

    def begin_to_forget(self, message):
        """An admin orders that a message be forgotten. What gives what is told so far."""
        options = {"message": self.link(message)}
        typed = self.discord.slash_command(self.medlar, self.harvest, "lore", options, subcommand="forget")
        return lambda: "".join(_text(one) for one in typed.messages)

    async def _command(self, name, who, where, options, **more):
        return await self._heard(self.discord.slash_command(who, where or self.harvest, name, options, **more))

    async def press(self, who, said, action):
        """Somebody presses a button: what they are told alone."""
        return await self._heard(self.discord.click(who, said.id, self._button(said, action)))

    async def reject(self, who, said, reason, note):
        """Somebody presses "not helpful" and says why."""
        opened = self.discord.click(who, said.id, self._button(said, "unhelpful"))
        await opened.answer(PATIENCE)
        await self.settled()
        await self.discord.submit_modal(who, opened, {"reason": [reason], "comment": note}).answer(PATIENCE)
        await self.settled()

    async def forge(self, who, said, action, answer_id):
        """A press that no client offers: what is told."""
        return await self._heard(self.discord.click(who, said.id, f"lore:{action}:{answer_id}", forged=True))

    async def ask_about(self, message, *, who=""):
        """The command in the menu of a message of #harvest: what is told alone."""
        return await self._heard(
            self.discord.context_menu(who or self.quince, self.harvest, message, "Ask about this message")
        )

    @staticmethod
    def _button(said, action):
        return next(one for one in said.raw.custom_ids if one.split(":")[1] == action)

    async def _heard(self, given):
        await given.answer(PATIENCE)
        await self.settled()
        return [_text(one) for one in given.messages if one["flags"] & 64]


def _text(message):
    return "\n".join([message["content"], *(one.get("description", "") for one in message["embeds"])])
