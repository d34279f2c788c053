"""One workspace, complete: the classes it is made of each add one side of it."""

from typing import TYPE_CHECKING

from tests.fakes.slack.interactions import Interactions

if TYPE_CHECKING:
    from tests.fakes.slack.server import Server


class Workspace(Interactions):
    """State, road to the app, activity, residence, screen, interactions."""

    def __init__(self, server: "Server", name: str = "tidepool", **more: str) -> None:
        super().__init__(server, name, **more)
        server.workspaces.append(self)
