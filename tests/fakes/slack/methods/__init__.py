"""The methods of the Web API, one file for each family."""

from tests.fakes.slack.methods import (
    apps,
    assistants,
    chat,
    conversations,
    history,
    reactions,
    streams,
    users,
    views,
)
from tests.fakes.slack.methods.registry import METHODS

__all__ = [
    "METHODS",
    "apps",
    "assistants",
    "chat",
    "conversations",
    "history",
    "reactions",
    "streams",
    "users",
    "views",
]
