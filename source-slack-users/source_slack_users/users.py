"""One member of Slack's `users.list` becomes one record of the stream `users`. Pure functions."""

from collections.abc import Mapping
from typing import Any

SLACKBOT = "USLACKBOT"


def to_record(member: Mapping[str, Any], team_ids: list[str], sync_time: str) -> dict[str, Any]:
    """Build the record of one person.

    `member` is an element of `members` as Slack sends it (Slack: users.list), `team_ids` the workspaces in which this
    read saw the person, `sync_time` the start of the read (date-time, UTC). Every field of the stream's schema is in
    the answer; it is None where Slack says nothing. Raises KeyError for a member without `id`.
    """
    profile = _object(member.get("profile")) or {}
    bot = is_bot(member)
    deleted = bool(member.get("deleted"))
    invited = _flag(member.get("is_invited_user"))
    real_name = _text(profile.get("real_name")) or _text(member.get("real_name"))
    first_name, last_name = _text(profile.get("first_name")), _text(profile.get("last_name"))
    if real_name and not (first_name or last_name or bot):
        first_name, last_name = _split(real_name)
    return {
        "id": member["id"],
        "team_id": _text(member.get("team_id")),
        "name": _text(member.get("name")),
        "email": _text(profile.get("email")),
        "first_name": first_name,
        "last_name": last_name,
        "real_name": real_name,
        "display_name": _text(profile.get("display_name")),
        "title": _text(profile.get("title")),
        "phone": _text(profile.get("phone")),
        "skype": _text(profile.get("skype")),
        "pronouns": _text(profile.get("pronouns")),
        "deleted": deleted,
        "is_admin": bool(member.get("is_admin")),
        "is_owner": bool(member.get("is_owner")),
        "is_primary_owner": bool(member.get("is_primary_owner")),
        "is_restricted": bool(member.get("is_restricted")),
        "is_ultra_restricted": bool(member.get("is_ultra_restricted")),
        "is_bot": bool(member.get("is_bot")),
        "is_app_user": bool(member.get("is_app_user")),
        "is_invited_user": invited,
        "is_email_confirmed": _flag(member.get("is_email_confirmed")),
        "is_stranger": _flag(member.get("is_stranger")),
        "has_2fa": _flag(member.get("has_2fa")),
        "role": "bot" if bot else _role(member),
        "status": "deactivated" if deleted else "invited" if invited else "active",
        "locale": _text(member.get("locale")),
        "tz": _text(member.get("tz")),
        "tz_label": _text(member.get("tz_label")),
        "color": _text(member.get("color")),
        "tz_offset": _integer(member.get("tz_offset")),
        "updated": _integer(member.get("updated")),
        "enterprise_user": _object(member.get("enterprise_user")),
        "team_ids": team_ids,
        "profile": profile or None,
        "connector_sync_time": sync_time,
    }


def is_bot(member: Mapping[str, Any]) -> bool:
    """Whether a member is no person: a bot, a workflow, a connector, or Slackbot, whose `is_bot` is false.

    `is_app_user` is true of people who authorized the app that asks (Slack: users.list), so it does not count.
    """
    return bool(
        member.get("is_bot")
        or member.get("is_workflow_bot")
        or member.get("is_connector_bot")
        or member.get("id") == SLACKBOT
    )


def is_guest(member: Mapping[str, Any]) -> bool:
    """Whether a member is a guest of one channel or of several."""
    return bool(member.get("is_restricted") or member.get("is_ultra_restricted"))


def last_change(member: Mapping[str, Any]) -> int:
    """When Slack last changed a member, in Unix seconds; 0 where Slack does not say."""
    return _integer(member.get("updated")) or 0


def _role(member: Mapping[str, Any]) -> str:
    if member.get("is_primary_owner"):
        return "primary_owner"
    if member.get("is_owner"):
        return "owner"
    if member.get("is_admin"):
        return "admin"
    if member.get("is_ultra_restricted"):
        return "single_channel_guest"
    if member.get("is_restricted"):
        return "multi_channel_guest"
    return "member"


def _split(real_name: str) -> tuple[str | None, str | None]:
    words = real_name.split(maxsplit=1)
    return words[0] if words else None, words[1].rstrip() if len(words) > 1 else None


def _text(value: Any) -> str | None:
    return value if value and isinstance(value, str) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _object(value: Any) -> dict[str, Any] | None:
    return value if value and isinstance(value, dict) else None
