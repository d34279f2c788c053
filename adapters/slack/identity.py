"""Who we are in one Slack workspace. This file performs no I/O and never raises."""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters import fields


@dataclass(frozen=True, slots=True)
class Identity:
    """What `auth.test` says of our token. "" where it says nothing: then nothing is taken for ours by it."""

    team_id: str
    bot_user_id: str
    bot_id: str = ""
    app_id: str = ""

    def is_us(self, user_id: str) -> bool:
        """Whether this is our bot's user."""
        return bool(user_id) and user_id == self.bot_user_id

    def wrote(self, message: Mapping[str, object]) -> bool:
        """Whether a message is our own. One sent through a response address names only our bot or our app."""
        bot_id, app_id = fields.text(message, "bot_id"), fields.text(message, "app_id")
        return (
            self.is_us(fields.text(message, "user"))
            or (bool(bot_id) and bot_id == self.bot_id)
            or (bool(app_id) and app_id == self.app_id)
        )
