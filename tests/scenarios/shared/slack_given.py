"""Commands that people give, and buttons that they press, in the house on the fake Slack."""

from tests.scenarios.shared.slack_words import SlackWords
from tests.scenarios.slack.talk import PATIENCE


class SlackGiven(SlackWords):
    ask_by = "/lore ask"

    async def ask(self, text, *, who="", where="", public=False):
        """The command that asks; what whoever gave it is told alone."""
        return await self._command(f"ask {'public ' if public else ''}{text}", who or self.quince, where)

    async def sum_up(self, *, who="", where="", channel="", thread="", since="", public=False):
        """The command that sums up, a channel or a thread; what whoever gave it is told alone."""
        said = ["public" if public else "", f"<#{channel}>" if channel else ""]
        said += [f"<{self.link(thread, where=where)}>" if thread else "", f"since {since}" if since else ""]
        return await self._command(" ".join(["summary", *filter(None, said)]), who or self.quince, where)

    async def order(self, name, *, who="", where="", message="", person="", channel="", since="", **more):
        """A command to the bot; what is told."""
        said = [f"<#{channel}>" if channel else "", self.link(message, where=where) if message else ""]
        said += [f"<@{person}>" if person else "", f"since {since}" if since else ""]
        said += [str(more.get(one, "")) for one in ("key", "value", "job")] + ["full" if more.get("full") else ""]
        return "\n".join(await self._command(" ".join([name, *filter(None, said)]), who or self.medlar, where))

    def begin_to_forget(self, message):
        """An admin orders that a message be forgotten. What gives what is told so far."""
        typed = self.slack.slash_command(self.medlar, self.harvest, "/lore", f"forget {self.link(message)}")
        return lambda: "".join(post["text"] for post in typed.posts)

    async def _command(self, text, who, where):
        command = self.slack.slash_command(who, where or self.harvest, "/lore", text)
        await command.answer(PATIENCE)
        await self.settled()
        return [post["text"] for post in command.posts]

    async def press(self, who, said, action):
        """Somebody presses a button: what they are told alone."""
        pressed = self.slack.click(who, said.id, f"lore_{action}")
        await pressed.answer(PATIENCE)
        await self.settled()
        return [post.get("text", "") for post in pressed.posts]

    async def reject(self, who, said, reason, note):
        """Somebody presses "not helpful" and says why."""
        assert await self.press(who, said, "unhelpful") == []
        [(view_id, dialog)] = self.slack.views.items()
        assert dialog["user"] == who
        entered = ({"selected_option": {"value": reason}}, {"value": note})
        blocks = zip(dialog["view"]["blocks"], entered, strict=True)
        values = {block["block_id"]: {block["element"]["action_id"]: value} for block, value in blocks}
        assert await self.slack.submit(who, view_id, values).answer(PATIENCE) is None
        await self.settled()

    async def forge(self, who, said, action, answer_id):
        """A press that no client offers: what is told."""
        pressed = self.slack.click(who, said.id, f"lore_{action}", value=answer_id, forged=True)
        await pressed.answer(PATIENCE)
        await self.settled()
        return [post.get("text", "") for post in pressed.posts]

    async def ask_about(self, message, *, who=""):
        """The command in the menu of a message of #harvest: what is told alone."""
        asker = who or self.quince
        before = {one.id for one in self.seen(viewer=asker)}
        self.slack.message_shortcut(asker, self.harvest, message, "lore_ask")
        await self.settled()
        return [one.text for one in self.seen(viewer=asker) if one.id not in before and one.only_for == asker]
