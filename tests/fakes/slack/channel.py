"""Conversations of every kind, as `conversations.info` and `conversations.list` show them."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.slack.log import Log

PUBLIC, PRIVATE, DIRECT, GROUP_DIRECT = "channel", "group", "im", "mpim"
"""Values of `channel_type` in message events."""
LIST_TYPES = {PUBLIC: "public_channel", PRIVATE: "private_channel", DIRECT: "im", GROUP_DIRECT: "mpim"}


@dataclass(slots=True)
class Channel:
    """One conversation. `members` keeps the order of joining."""

    id: str
    team: str
    name: str
    kind: str = PUBLIC
    members: dict[str, None] = field(default_factory=dict)
    archived: bool = False
    ext_shared: bool = False
    org_shared: bool = False
    pending_ext_shared: bool = False
    general: bool = False
    created: int = 0
    creator: str = ""
    topic: str = ""
    previous_names: list[str] = field(default_factory=list)
    connected_teams: list[str] = field(default_factory=list)
    log: Log = field(default_factory=Log)

    @property
    def is_shared(self) -> bool:
        return self.ext_shared or self.org_shared

    def payload(self, viewer: str, *, num_members: bool = False) -> dict[str, Any]:
        """`viewer` is the bot that asks: for a direct message it is told the other side."""
        shown: dict[str, Any] = {
            "id": self.id,
            "created": self.created,
            "is_archived": self.archived,
            "is_im": self.kind == DIRECT,
            "is_org_shared": self.org_shared,
            "context_team_id": self.team,
            "updated": self.created * 1000,
        }
        if self.kind == DIRECT:
            other = next((user for user in self.members if user != viewer), viewer)
            return shown | {"user": other, "is_user_deleted": False, "priority": 0}
        shown |= {
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": self.kind == PUBLIC,
            "is_group": self.kind == PRIVATE,
            "is_mpim": self.kind == GROUP_DIRECT,
            "is_private": self.kind != PUBLIC,
            "is_general": self.general,
            "unlinked": 0,
            "is_shared": self.is_shared,
            "is_ext_shared": self.ext_shared,
            "is_pending_ext_shared": self.pending_ext_shared,
            "pending_shared": [],
            "pending_connected_team_ids": [],
            "shared_team_ids": [self.team, *self.connected_teams],
            "creator": self.creator,
            "is_member": viewer in self.members,
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "previous_names": list(self.previous_names),
        }
        if num_members:
            shown["num_members"] = len(self.members)
        return shown
