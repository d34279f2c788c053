"""People and bots of a workspace, as `users.info` shows them."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class User:
    """One account. A stranger belongs to another company and is known only from shared channels."""

    id: str
    team: str
    name: str
    bot_id: str = ""
    app_id: str = ""
    deleted: bool = False
    guest: bool = False
    ultra: bool = False
    admin: bool = False
    owner: bool = False
    stranger: bool = False
    updated: int = 0

    @property
    def is_full_member(self) -> bool:
        return not (self.guest or self.ultra or self.stranger or self.deleted or self.bot_id)

    def payload(self) -> dict[str, Any]:
        profile: dict[str, Any] = {
            "real_name": self.name.title(),
            "real_name_normalized": self.name.title(),
            "display_name": self.name,
            "display_name_normalized": self.name,
            "status_text": "",
            "status_emoji": "",
            "status_expiration": 0,
            "avatar_hash": "g" + self.id.lower(),
            "team": self.team,
        }
        if self.bot_id:
            profile |= {"bot_id": self.bot_id, "api_app_id": self.app_id, "always_active": True}
        shown: dict[str, Any] = {"id": self.id, "team_id": self.team, "name": self.name, "deleted": self.deleted}
        if not self.deleted:
            shown |= {
                "real_name": self.name.title(),
                "tz": "Etc/UTC",
                "tz_label": "UTC",
                "tz_offset": 0,
                "color": "9f69e7",
            }
        shown |= {
            "profile": profile,
            "is_admin": self.admin or self.owner,
            "is_owner": self.owner,
            "is_primary_owner": False,
            "is_restricted": self.guest or self.ultra,
            "is_ultra_restricted": self.ultra,
            "is_bot": bool(self.bot_id),
            "is_app_user": False,
            "updated": self.updated,
        }
        if self.stranger:
            shown["is_stranger"] = True
        return shown

    def bot_profile(self) -> dict[str, Any]:
        return {
            "id": self.bot_id,
            "app_id": self.app_id,
            "name": self.name,
            "deleted": self.deleted,
            "updated": self.updated,
            "icons": {"image_36": "", "image_48": "", "image_72": ""},
            "team_id": self.team,
        }
