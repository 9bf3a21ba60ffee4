"""One user of a SaaS application: what a row of the application's list says. Pure functions.

Where docs/oomnitza-api.md says "open", every answer is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from destination_oomnitza.normalize import is_empty

Reasons = dict[str, str]
"""Why Oomnitza rejected something for a `user_id`."""


@dataclass(slots=True)
class SaasUser:
    """What is known of one user of the application: as it was listed, and as it was written since."""

    saas_user_id: str | None = None
    """None for somebody who was assigned in this sync, and not listed yet."""
    external_id: str | None = None
    roles: tuple[str, ...] = ()
    """Ids of roles; until SaasRoles looks at them, names of those that were listed without an id."""
    active: bool | None = None
    """None where the listing does not tell."""
    appeared: bool = False
    """Whether a record of this sync was of this person."""


_ACTIVE = frozenset({"true", "1", "yes", "active", "activated", "enabled"})
_INACTIVE = frozenset({"false", "0", "no", "inactive", "deactivated", "disabled"})


def activity(row: Mapping[str, Any]) -> bool | None:
    """Say whether a listed SaaS user is active, or None where the row does not tell.

    Which field holds it is not known: `deactivated`, `active`, `is_active` and `status` are taken, flags and words.
    """
    for name in ("deactivated", "active", "is_active", "status"):
        word = str(row.get(name)).strip().lower()
        if word in _ACTIVE or word in _INACTIVE:
            # "deactivated" may hold a flag, or a word as `status` does.
            flag = name == "deactivated" and word not in ("active", "inactive", "deactivated")
            return (word in _ACTIVE) != flag
    return None


def activity_id(row: Mapping[str, Any]) -> str:
    """Return the id by which a listed SaaS user is activated and deactivated: `saas_user_id`, or the `user_id` where there is none."""
    ident = row.get("saas_user_id")
    return str(row["user_id"] if is_empty(ident) else ident)


def external_id(row: Mapping[str, Any]) -> str | None:
    """Return the id that a listed SaaS user has in the application."""
    ident = row.get("user_external_id")
    return None if is_empty(ident) else str(ident)


def listed_roles(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the roles of a listed SaaS user: id -> label ("" if it has none, or is listed by name).

    `roles` is one object in the OpenAPI document, and plural by name: an object or a list is taken, of objects or of texts.
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
    """Return the id of a listed role, else its external id or label; None if it has none of them."""
    names = ("role_id", "role_external_id", "role_external_label")
    return next((str(role[name]) for name in names if not is_empty(role.get(name))), None)


def id_in(created: Any, name: str) -> str | None:
    """Return an id as a creation answers it: in an object, in a list of one, or by itself."""
    if isinstance(created, list):
        created = created[0] if created else None
    ident = created.get(name) if isinstance(created, dict) else created
    return str(ident) if isinstance(ident, (str, int)) and not is_empty(ident) else None
