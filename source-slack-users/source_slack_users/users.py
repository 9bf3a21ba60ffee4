"""Converts a member of Slack's `users.list` into a record of the stream `users`."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from source_slack_users.coercion import EXACT_TYPES, LARGEST, Coercion, coercions, flag, mapping, moment, text, whole

SLACKBOTS = ("USLACKBOT", "USLACK")
GUESTS = ("single_channel_guest", "multi_channel_guest")

# Rights as bits, so that those of a person in several workspaces can be combined.
ADMIN, OWNER, PRIMARY_OWNER, SEVERAL_CHANNELS, ALL_CHANNELS = 1, 2, 4, 8, 16
_ADMINISTRATION = {"is_admin": ADMIN, "is_owner": OWNER, "is_primary_owner": PRIMARY_OWNER}

_FIELDS = coercions("users")
_PROFILE_FIELDS = {
    name: _FIELDS[name]
    for name in (
        *("email", "first_name", "last_name", "real_name", "display_name", "title", "phone", "skype", "pronouns"),
        *("guest_invited_by", "start_date"),
    )
}
_COMPUTED = (
    *("role", "status", "is_external", "guest_expires_at", "custom_fields", "team_ids", "profile"),
    "connector_sync_time",
)
_MEMBER_FIELDS = {
    name: convert
    for name, convert in _FIELDS.items()
    if name not in (*_PROFILE_FIELDS, *_COMPUTED) or name == "real_name"  # which the profile's replaces
}
_NULL_IF_ABSENT = ("has_2fa", "is_invited_user", "is_email_confirmed", "is_stranger")
_EMPTY_RECORD: dict[str, Any] = {
    name: False if convert is flag and name not in _NULL_IF_ABSENT else None for name, convert in _FIELDS.items()
}
_FALSE_COUNTS = {*_NULL_IF_ABSENT, *(name for name, convert in _FIELDS.items() if convert is whole)}
_EXACT_TYPES = {name: EXACT_TYPES.get(convert) for name, convert in _FIELDS.items()}


class Standing(NamedTuple):
    """Holds what all workspaces together report of one person.

    Attributes:
        team_ids: The workspaces in which this read saw the person.
        rights: The person's rights in them (see `rights_of`); 0 if only one workspace is read.
        changed: The time of a change in another workspace if it is later than the one in this workspace; else 0.
    """

    team_ids: list[str]
    rights: int = 0
    changed: int = 0


def to_record(member: Mapping[str, Any], standing: Standing, *, sync_time: str, own: Collection[str]) -> dict[str, Any]:
    """Build the record of one person.

    Args:
        member: An element of `members` as Slack sends it (Slack: users.list), with an id.
        standing: What all workspaces together report of the person.
        sync_time: The start of the read (date-time, UTC).
        own: The workspaces read; a person who belongs to another one is external.

    Returns:
        Every field of the stream's schema; None for those that Slack does not report.
    """
    profile = mapping(member.get("profile")) or {}
    record = _EMPTY_RECORD.copy()
    _copy(record, member, _MEMBER_FIELDS)
    _copy(record, profile, _PROFILE_FIELDS)
    if standing.changed:
        record["updated"] = standing.changed
    if standing.rights or record["enterprise_user"]:
        _raise_rights(record, standing.rights | rights_of(member))
    if _is_bot(record, member, profile):
        record["role"] = "bot"
    else:
        record["role"] = _role(record)
        _split_real_name(record)
    record["status"] = "deactivated" if record["deleted"] else "invited" if record["is_invited_user"] else "active"
    team_id = record["team_id"]
    record["is_external"] = record["is_stranger"] is True or (team_id is not None and team_id not in own)
    record["guest_expires_at"] = moment(profile.get("guest_expiration_ts"))
    record["profile"] = profile or None
    record["team_ids"] = standing.team_ids
    record["connector_sync_time"] = sync_time
    return record


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


def _copy(record: dict[str, Any], values: Mapping[str, Any], fields: Mapping[str, Coercion]) -> None:
    """Copy the values that Slack reports, in the types of the schema."""
    # This loop takes most of the time of a read, so a value of the right type is copied without a call.
    for name, value in values.items():
        if value:
            if name in fields:
                if type(value) is _EXACT_TYPES[name]:
                    record[name] = value
                elif (converted := fields[name](value)) is not None:
                    record[name] = converted
        elif name in _FALSE_COUNTS and name in fields and value is not None:
            record[name] = fields[name](value)


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
