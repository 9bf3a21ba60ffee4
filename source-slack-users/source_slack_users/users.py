"""Converts a member of Slack's `users.list` into a record of the stream `users`."""

from collections.abc import Collection, Mapping
from typing import Any

from source_slack_users.coercion import LARGEST, coercions, flag, mapping, moment, text, whole

SLACKBOTS = ("USLACKBOT", "USLACK")
GUESTS = ("single_channel_guest", "multi_channel_guest")

# Rights as bits, so that those of a person in several workspaces can be combined.
ADMIN, OWNER, PRIMARY_OWNER, SEVERAL_CHANNELS, ALL_CHANNELS = 1, 2, 4, 8, 16
_ADMINISTRATION = {"is_admin": ADMIN, "is_owner": OWNER, "is_primary_owner": PRIMARY_OWNER}

_FIELDS = coercions("users")
_PROFILE_TEXTS = (
    "email",
    "first_name",
    "last_name",
    "display_name",
    "title",
    "phone",
    "skype",
    "pronouns",
    "guest_invited_by",
    "start_date",
)
_COMPUTED = ("real_name", "role", "status", "connector_sync_time", "is_external")
_MEMBER_TEXTS = [name for name, of in _FIELDS.items() if of is text and name not in (*_PROFILE_TEXTS, *_COMPUTED)]
_NUMBERS = [name for name, of in _FIELDS.items() if of is whole]
_NULL_IF_ABSENT = ("has_2fa", "is_invited_user", "is_email_confirmed", "is_stranger")
_FALSE_IF_ABSENT = [name for name, of in _FIELDS.items() if of is flag and name not in (*_NULL_IF_ABSENT, *_COMPUTED)]
_EMPTY_RECORD: dict[str, Any] = dict.fromkeys(_FIELDS) | dict.fromkeys(_FALSE_IF_ABSENT, False)


def to_record(
    member: Mapping[str, Any], team_ids: list[str], rights: int, *, sync_time: str, own: Collection[str]
) -> dict[str, Any]:
    """Build the record of one person.

    Args:
        member: An element of `members` as Slack sends it (Slack: users.list), with an id.
        team_ids: The workspaces in which this read saw the person.
        rights: The person's rights in them (see `rights_of`); 0 if only one workspace is read.
        sync_time: The start of the read (date-time, UTC).
        own: The workspaces read; a person who belongs to another one is external.

    Returns:
        Every field of the stream's schema; None for those that Slack does not report.
    """
    profile = mapping(member.get("profile"))
    record = _EMPTY_RECORD.copy()
    _copy_fields(record, member, profile or {})
    if rights or record["enterprise_user"]:
        _raise_rights(record, rights | rights_of(member))
    if _is_bot(record, member, profile or {}):
        record["role"] = "bot"
    else:
        record["role"] = _role(record)
        _split_real_name(record)
    record["status"] = "deactivated" if record["deleted"] else "invited" if record["is_invited_user"] else "active"
    team_id = record["team_id"]
    record["is_external"] = record["is_stranger"] is True or (team_id is not None and team_id not in own)
    record["profile"] = profile
    record["team_ids"] = team_ids
    record["connector_sync_time"] = sync_time
    return record


def member_id(member: Mapping[str, Any]) -> str:
    """Return the ID of a member; "" if it has none."""
    value = member.get("id")
    return value if type(value) is str else text(value) or ""


def last_change(member: Mapping[str, Any]) -> int:
    """Return a member's last change in Unix seconds; 0 if Slack does not report it."""
    value = member.get("updated")
    return value if type(value) is int and 0 <= value <= LARGEST else whole(value) or 0


def is_deactivated(member: Mapping[str, Any]) -> bool:
    """Return whether a member's account is deactivated."""
    return flag(member.get("deleted")) is True


def rights_of(member: Mapping[str, Any]) -> int:
    """Return the rights of a member in its workspace and in the organization, as bits.

    A deactivated account has no channels, because Slack does not report whether it was a guest's.
    """
    rights = sum(bit for name, bit in _ADMINISTRATION.items() if flag(member.get(name)))
    organization = mapping(member.get("enterprise_user")) or {}
    for name, bit in _ADMINISTRATION.items():
        if flag(organization.get(name)):
            rights |= bit
    if is_deactivated(member) or flag(member.get("is_ultra_restricted")):
        return rights
    return rights | (SEVERAL_CHANNELS if flag(member.get("is_restricted")) else SEVERAL_CHANNELS | ALL_CHANNELS)


def _copy_fields(record: dict[str, Any], member: Mapping[str, Any], profile: Mapping[str, Any]) -> None:
    member_field, profile_field = member.get, profile.get
    # These loops take most of the time of a read, so a value of the right type is copied without a call.
    for name in _MEMBER_TEXTS:
        value = member_field(name)
        if value:
            record[name] = value if type(value) is str else text(value)
    for name in _PROFILE_TEXTS:
        value = profile_field(name)
        if value:
            record[name] = value if type(value) is str else text(value)
    for name in _FALSE_IF_ABSENT:
        value = member_field(name)
        if value:
            record[name] = value is True or flag(value) or False
    for name in _NULL_IF_ABSENT:
        value = member_field(name)
        if value is not None:
            record[name] = value if value is True or value is False else flag(value)
    for name in _NUMBERS:
        value = member_field(name)
        if value is not None:
            record[name] = whole(value)
    _copy_others(record, member, profile)


def _copy_others(record: dict[str, Any], member: Mapping[str, Any], profile: Mapping[str, Any]) -> None:
    record["real_name"] = text(profile.get("real_name")) or text(member.get("real_name"))
    if (expires := profile.get("guest_expiration_ts")) is not None:
        record["guest_expires_at"] = moment(expires)
    if (organization := member.get("enterprise_user")) is not None:
        record["enterprise_user"] = mapping(organization)


def _raise_rights(record: dict[str, Any], rights: int) -> None:
    """Set the record's flags to the highest rights of workspaces and organization."""
    for name, bit in _ADMINISTRATION.items():
        record[name] = rights & bit != 0
    if rights & ALL_CHANNELS:
        record["is_restricted"] = False
    if rights & (SEVERAL_CHANNELS | ALL_CHANNELS):
        record["is_ultra_restricted"] = False


def _is_bot(record: Mapping[str, Any], member: Mapping[str, Any], profile: Mapping[str, Any]) -> bool:
    """Return whether a member is a bot, workflow, connector, agent, or Slackbot.

    `is_app_user` does not count: it is true for people who authorized the calling app (Slack: users.list).
    """
    return (
        record["is_bot"]
        or record["is_workflow_bot"]
        or ((connector := member.get("is_connector_bot")) and flag(connector))
        or ((agent := member.get("is_agentforce_bot")) and flag(agent))
        or ((bot_id := profile.get("bot_id")) and text(bot_id) is not None)
        or record["id"] in SLACKBOTS
    )


def _role(record: Mapping[str, Any]) -> str:
    if record["is_primary_owner"]:
        return "primary_owner"
    if record["is_owner"]:
        return "owner"
    if record["is_admin"]:
        return "admin"
    if record["is_ultra_restricted"]:
        return "single_channel_guest"
    if record["is_restricted"]:
        return "multi_channel_guest"
    return "member"


def _split_real_name(record: dict[str, Any]) -> None:
    """Set first and last name from the real name if Slack reports neither."""
    if record["real_name"] and not (record["first_name"] or record["last_name"]):
        words = record["real_name"].split(maxsplit=1)
        record["first_name"] = words[0] if words else None
        record["last_name"] = words[1].rstrip() if len(words) > 1 else None
