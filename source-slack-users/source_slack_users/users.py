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
    said, told = member.get, profile.get  # bound once: this function is most of what a read costs
    bot = is_bot(member)
    deleted = said("deleted") is True
    real_name = told("real_name") or said("real_name") or None
    first_name, last_name = told("first_name") or None, told("last_name") or None
    if real_name and not (first_name or last_name or bot):
        first_name, last_name = _split(real_name)
    return {
        "id": member["id"],
        "team_id": said("team_id") or None,
        "name": said("name") or None,
        "email": told("email") or None,
        "first_name": first_name,
        "last_name": last_name,
        "real_name": real_name,
        "display_name": told("display_name") or None,
        "title": told("title") or None,
        "phone": told("phone") or None,
        "skype": told("skype") or None,
        "pronouns": told("pronouns") or None,
        "deleted": deleted,
        "is_admin": said("is_admin") is True,
        "is_owner": said("is_owner") is True,
        "is_primary_owner": said("is_primary_owner") is True,
        "is_restricted": said("is_restricted") is True,
        "is_ultra_restricted": said("is_ultra_restricted") is True,
        "is_bot": said("is_bot") is True,
        "is_app_user": said("is_app_user") is True,
        "is_invited_user": said("is_invited_user"),
        "is_email_confirmed": said("is_email_confirmed"),
        "is_stranger": said("is_stranger"),
        "has_2fa": said("has_2fa"),
        "role": "bot" if bot else _role(member),
        "status": "deactivated" if deleted else "invited" if said("is_invited_user") else "active",
        "locale": said("locale") or None,
        "tz": said("tz") or None,
        "tz_label": said("tz_label") or None,
        "color": said("color") or None,
        "tz_offset": said("tz_offset"),
        "updated": said("updated"),
        "enterprise_user": _object(said("enterprise_user")),
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
    updated = member.get("updated")
    return int(updated) if isinstance(updated, (int, float)) else 0


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


def _object(value: Any) -> dict[str, Any] | None:
    return value if value and isinstance(value, dict) else None
