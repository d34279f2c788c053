"""Discord's JSON objects with every key that the documentation calls required, empty where nothing was said."""

from typing import Any

Json = dict[str, Any]

KINDS = {"text": 0, "voice": 2, "category": 4, "news": 5, "stage": 13, "forum": 15, "media": 16}
TEXT, DM, VOICE, CATEGORY, NEWS, NEWS_THREAD, PUBLIC_THREAD, PRIVATE_THREAD, STAGE, FORUM, MEDIA = (
    0, 1, 2, 4, 5, 10, 11, 12, 13, 15, 16,
)  # fmt: skip
THREADS = frozenset({NEWS_THREAD, PUBLIC_THREAD, PRIVATE_THREAD})
VOCAL = frozenset({VOICE, STAGE})
POSTS_ONLY = frozenset({FORUM, MEDIA})
HAS_THREAD = 1 << 5


def user(user_id: str, name: str, *, bot: bool = False) -> Json:
    return {
        "id": user_id,
        "username": name.lower().replace(" ", "_"),
        "discriminator": "0000" if bot else "0",
        "global_name": None if bot else name,
        "avatar": None,
        "avatar_decoration_data": None,
        "banner": None,
        "accent_color": None,
        "collectibles": None,
        "primary_guild": None,
        "public_flags": 0,
        "flags": 0,
        "bot": bool(bot),
        "system": False,
    }


def member(person: Json, joined_at: str, *, roles: list[str], nick: str | None) -> Json:
    return {
        "user": person,
        "nick": nick,
        "avatar": None,
        "banner": None,
        "roles": roles,
        "joined_at": joined_at,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }


def role(role_id: str, name: str, permissions: int, position: int) -> Json:
    return {
        "id": role_id,
        "name": name,
        "description": None,
        "permissions": str(permissions),
        "position": position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def guild(guild_id: str, name: str, owner_id: str) -> Json:
    nothing: Json = dict.fromkeys(
        (
            "icon", "description", "home_header", "splash", "discovery_splash", "banner", "application_id",
            "afk_channel_id", "system_channel_id", "widget_channel_id", "vanity_url_code", "rules_channel_id",
            "safety_alerts_channel_id", "public_updates_channel_id", "incidents_data", "max_presences",
        )
    )  # fmt: skip
    return nothing | {
        "id": guild_id,
        "name": name,
        "owner_id": owner_id,
        "features": [],
        "region": "deprecated",
        "afk_timeout": 300,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "verification_level": 0,
        "roles": [],
        "default_message_notifications": 0,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
    }


def channel(channel_id: str, guild_id: str, name: str, kind: int, position: int) -> Json:
    place: Json = {
        "id": channel_id,
        "type": kind,
        "flags": 0,
        "guild_id": guild_id,
        "name": name,
        "position": position,
        "parent_id": None,
        "permission_overwrites": [],
        "nsfw": False,
    }
    if kind == CATEGORY:
        return place
    place |= {"last_message_id": None, "rate_limit_per_user": 0, "topic": None}
    if kind in VOCAL:
        place |= {"bitrate": 64_000, "user_limit": 0, "rtc_region": None, "video_quality_mode": 1}
    if kind in POSTS_ONLY:
        place |= {
            "available_tags": [],
            "default_reaction_emoji": None,
            "default_sort_order": None,
            "default_forum_layout": 0,
        }
    return place


def direct(channel_id: str, person: Json) -> Json:
    return {"id": channel_id, "type": DM, "flags": 0, "last_message_id": None, "recipients": [person]}


def thread(thread_id: str, parent: Json, owner_id: str, name: str, kind: int, created_at: str) -> Json:
    return {
        "id": thread_id,
        "type": kind,
        "flags": 0,
        "guild_id": parent["guild_id"],
        "parent_id": parent["id"],
        "owner_id": owner_id,
        "name": name,
        "last_message_id": None,
        "rate_limit_per_user": 0,
        "message_count": 0,
        "total_message_sent": 0,
        "member_count": 0,
        "thread_metadata": {
            "archived": False,
            "archive_timestamp": created_at,
            "auto_archive_duration": 4320,
            "locked": False,
            "create_timestamp": created_at,
        }
        | ({"invitable": True} if kind == PRIVATE_THREAD else {}),
    }


def message(message_id: str, channel_id: str, author: Json, content: str, timestamp: str) -> Json:
    return {
        "id": message_id,
        "channel_id": channel_id,
        "type": 0,
        "author": author,
        "content": content,
        "timestamp": timestamp,
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "components": [],
        "flags": 0,
        "pinned": False,
    }


def poll(question: str, answers: list[str]) -> Json:
    """For `post(..., poll=...)`: open, without votes."""
    return {
        "question": {"text": question},
        "answers": [{"answer_id": number, "poll_media": {"text": answer}} for number, answer in enumerate(answers, 1)],
        "expiry": "2030-01-01T00:00:00+00:00",
        "allow_multiselect": False,
        "layout_type": 1,
        "results": {"is_finalized": False, "answer_counts": []},
    }
