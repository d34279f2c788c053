"""Slack as the answering side sees it: where a reply goes, and what its question is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from adapters.slack import render
from adapters.slack.asking import question_of
from adapters.slack.calls import SlackRefused
from adapters.slack.messages import PLATFORM
from adapters.slack.posting import Place, Posting, delete
from adapters.slack.replies import EditedReply, PrivateReply, StreamedReply, tell
from adapters.slack.text import readable
from adapters.slack.workspace import Workspace
from bot.conversation import Question, Request
from bot.ports import Reply, ReplyLost
from knowledge.errors import SourceUnavailable


class SlackPlatform:
    """All connected workspaces as one platform. Errors: `ReplyLost` for a workspace that is no longer connected."""

    name = PLATFORM
    # None: where it matters, Slack itself is asked who is where, see `knowledge/freshness.py`.
    reader_kinds: Collection[str] = ()

    def __init__(self, workspaces: Mapping[str, Workspace]) -> None:
        self._workspaces = workspaces

    async def reply_to(self, request: Request, places: Sequence[str], *, resumed: bool) -> Reply:
        """A stream in a conversation of two, an edited message in a channel, a private word where it is wanted."""
        workspace = self._of(request)
        if request.private and not request.direct:
            return PrivateReply(workspace.calls, request)
        place = Place(request.channel.channel_id, request.thread_id)
        posting = Posting(workspace.calls, request, place, workspace.identity.bot_user_id, places)
        if resumed:
            await posting.take_over()
        if request.direct and workspace.options.streaming and request.thread_id:
            return StreamedReply(posting, request, workspace.edits, workspace.calls, request.thread_id)
        config = await workspace.desk.upkeep.config(request.channel)
        asked = replace(request, text=readable(request.text, workspace.directory.names))
        return EditedReply(posting, asked, workspace.edits, sources=config.sources == "on")

    async def question(self, request: Request) -> Question:
        """The request as a question."""
        return await question_of(self._of(request), request)

    async def offer_privately(self, request: Request) -> None:
        """A word to the asker alone, with a button."""
        await tell(self._of(request).calls, request, render.private_offer(request.answer_id))

    async def withdraw(self, request: Request, places: Sequence[str]) -> None:
        """The first message of the answer becomes a notice, the others go."""
        workspace = self._of(request)
        notice = render.removed_notice()
        channel = request.channel.channel_id
        for number, stamp in enumerate(places):
            if number:
                await delete(workspace.calls, channel, stamp)
                continue
            try:
                await workspace.calls.write(
                    "chat_update", channel=channel, ts=stamp, text=notice.text, blocks=notice.blocks
                )
            except SlackRefused as error:
                if error.code != "message_not_found":
                    raise SourceUnavailable(str(error)) from error

    def _of(self, request: Request) -> Workspace:
        workspace = self._workspaces.get(request.channel.workspace)
        if workspace is None:
            raise ReplyLost
        return workspace
