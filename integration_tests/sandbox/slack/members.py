"""Defines kinds of members: bots, Slackbot, and deactivated accounts."""

from __future__ import annotations

from typing import Any

Member = dict[str, Any]


def is_bot(member: Member) -> bool:
    """Return whether a member is a bot, by any of Slack's flags, or Slackbot."""
    marks = ("is_bot", "is_workflow_bot", "is_connector_bot", "is_agentforce_bot")
    return member["id"] == "USLACKBOT" or bool(member["profile"].get("bot_id")) or any(map(member.get, marks))


def is_billed(member: Member) -> bool:
    """Return whether Slack bills a person: active, accepted, more than one channel."""
    return not (member["deleted"] or member.get("is_ultra_restricted") or member.get("is_invited_user"))


def slackbot(team_id: str) -> Member:
    """Return Slackbot: not flagged as a bot, never updated, without e-mail address."""
    profile = {
        "title": "",
        "phone": "",
        "skype": "",
        "real_name": "Slackbot",
        "real_name_normalized": "Slackbot",
        "display_name": "Slackbot",
        "display_name_normalized": "Slackbot",
        "fields": None,
        "status_text": "",
        "status_emoji": "",
        "avatar_hash": "sv41d8cd98f0",
        "always_active": True,
        "first_name": "slackbot",
        "last_name": "",
        "team": team_id,
    }
    return {
        "id": "USLACKBOT",
        "team_id": team_id,
        "name": "slackbot",
        "deleted": False,
        "color": "757575",
        "real_name": "Slackbot",
        "tz": "America/Los_Angeles",
        "tz_label": "Pacific Daylight Time",
        "tz_offset": -25200,
        "profile": profile,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": False,
        "is_app_user": False,
        "updated": 0,
        "is_email_confirmed": False,
        "who_can_share_contact_card": "EVERYONE",
        "locale": "en-US",
    }


ADMIN_FAMILY = ("is_admin", "is_owner", "is_primary_owner", "is_restricted", "is_ultra_restricted")
LOST_WHEN_DEACTIVATED = (
    *ADMIN_FAMILY,
    "tz",
    "tz_label",
    "tz_offset",
    "color",
    "real_name",
    "has_2fa",
    "two_factor_type",
    "is_email_confirmed",
    "who_can_share_contact_card",
    "locale",
)


def deactivated(member: Member, keep_email: bool = False) -> Member:
    """Return the member as Slack lists a deactivated one, without many fields."""
    kept = {name: value for name, value in member.items() if name not in LOST_WHEN_DEACTIVATED}
    profile = dict(member["profile"])
    if not keep_email:
        profile.pop("email", None)
    return {**kept, "deleted": True, "profile": profile}


def without(member: Member, *names: str) -> Member:
    for name in names:
        member["profile"].pop(name, None)
    return member
