"""Puts values into words: a role by its name, a day, yes or no. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from integration_tests.sandbox.oomnitza.fields import Field
from integration_tests.sandbox.slack.members import Member


def shown(field: Field | None, value: Any) -> str:
    """Return the value of an Oomnitza field as a page shows it; "" if it is empty."""
    if value in (None, ""):
        return ""
    if field is None:
        return str(value)
    if field.choices:
        return dict(field.choices).get(str(value), str(value))
    if field.kind == "boolean":
        return "yes" if str(value).lower() in ("1", "true") else "no"
    if field.kind == "date":
        at = moment(value)
        return f"{at.day} {at:%B %Y}"
    return str(value)


def name_of(member: Member) -> str:
    """Return a member's name; the user name if there is none."""
    return str(member["profile"].get("real_name") or member["name"])


def moment(value: Any) -> datetime:
    """Return the time of Unix seconds or an ISO date."""
    try:
        return datetime.fromtimestamp(float(value), timezone.utc)
    except ValueError:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
