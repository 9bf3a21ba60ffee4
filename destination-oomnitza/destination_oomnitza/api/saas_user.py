"""SaaS user: reads one row of an application's list. Pure functions.

Accepts every form that docs/oomnitza-api.md marks as "open".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from destination_oomnitza.normalize import is_empty

Reasons = dict[str, str]
"""Oomnitza's reasons for rejections, by `user_id`."""


@dataclass(slots=True)
class SaasUser:
    """One user of the application: as listed, and as written since."""

    saas_user_id: str | None = None
    """None for a user who was assigned in this sync and not listed since."""
    external_id: str | None = None
    roles: tuple[str, ...] = ()
    """Ids of roles; names of those listed without an id until SaasRoles replaces them."""
    active: bool | None = None
    """None if the listing does not report it."""
    appeared: bool = False
    """Whether this sync had a record of the user."""


_ACTIVE = frozenset({"true", "1", "yes", "active", "activated", "enabled"})
_INACTIVE = frozenset({"false", "0", "no", "inactive", "deactivated", "disabled"})


def activity(row: Mapping[str, Any]) -> bool | None:
    """Return whether a listed SaaS user is active; None if the row does not report it.

    The field is not documented: `deactivated`, `active`, `is_active` and `status` count, as flags and as words.
    """
    for name in ("deactivated", "active", "is_active", "status"):
        word = str(row.get(name)).strip().lower()
        if word in _ACTIVE or word in _INACTIVE:
            # `deactivated` may be a flag, or a word like that of `status`.
            flag = name == "deactivated" and word not in ("active", "inactive", "deactivated")
            return (word in _ACTIVE) != flag
    return None


def activity_id(row: Mapping[str, Any]) -> str:
    """Return the id to activate and deactivate by: `saas_user_id`, else `user_id`."""
    ident = row.get("saas_user_id")
    return str(row["user_id"] if is_empty(ident) else ident)


def external_id(row: Mapping[str, Any]) -> str | None:
    """Return the id of a listed SaaS user in the application, or None."""
    ident = row.get("user_external_id")
    return None if is_empty(ident) else str(ident)


def listed_roles(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the roles of a listed SaaS user: id or name -> label, "" if unknown.

    The OpenAPI document shows `roles` as one object though its name is plural. An object, a text, or a list of either counts.
    """
    roles = row.get("roles")
    found: dict[str, str] = {}
    for role in roles if isinstance(roles, list) else [roles]:
        listed = role if isinstance(role, dict) else {"role_id": role}
        reference = role_reference(listed)
        if reference is not None:
            label = listed.get("role_external_label") or listed.get("role_external_id")
            found[reference] = "" if is_empty(listed.get("role_id")) else str(label or "")
    return found


def role_reference(role: Mapping[str, Any]) -> str | None:
    """Return the id of a listed role, else its external id or label, else None."""
    names = ("role_id", "role_external_id", "role_external_label")
    return next((str(role[name]) for name in names if not is_empty(role.get(name))), None)


def id_in(created: Any, name: str) -> str | None:
    """Return the id in the response to a create: an object, a list of one, or bare."""
    if isinstance(created, list):
        created = created[0] if created else None
    ident = created.get(name) if isinstance(created, dict) else created
    return str(ident) if isinstance(ident, (str, int)) and not is_empty(ident) else None
