"""Defines the fields of a person in Oomnitza, and validates their values.

The words of flags and data types are not certain: `switches.py` selects them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

ROLES = {1: "System Administrator", 12: "Asset Manager", 25: "Employee", 26: "Contractor", 30: "Read Only"}
KINDS = {
    "text": "text",
    "string": "text",
    "str": "text",
    "longtext": "text",
    "dropdown": "text",
    "integer": "integer",
    "int": "integer",
    "number": "integer",
    "boolean": "boolean",
    "bool": "boolean",
    "date": "date",
    "datetime": "date",
}
SQL_TYPES = {"text": "TEXT", "integer": "INTEGER", "boolean": "INTEGER", "date": "INTEGER"}
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class Field:
    """Describes one field.

    `system` marks Oomnitza's own fields. A custom field that is not editable is "edit-only elsewhere".

    `default` is a new person's value if none is sent, `choices` the (key, value) pairs of a drop-down's list.
    """

    name: str
    label: str
    data_type: str
    internal_id: str
    unique: bool = False
    editable: bool = True
    optional: bool = True
    length: int = 255
    choices: tuple[tuple[str, str], ...] = ()
    system: bool = True
    default: str | None = None

    @property
    def kind(self) -> str:
        """Kind of the field: text, integer, boolean or date."""
        return KINDS[self.data_type.lower()]

    def wrong(self, value: Any, dropdowns: str = "either") -> str | None:
        """Return the mistake in a value of a request's body; None if it is valid."""
        if value is None or value == "":
            return None if self.optional else "is required"
        if self.kind == "text":
            return self._wrong_text(value, dropdowns)
        if self.kind == "boolean":
            return None if isinstance(value, bool) else "must be true or false"
        return self._wrong_number(value)

    def _wrong_number(self, value: Any) -> str | None:
        if self.kind == "date" and isinstance(value, str):
            return None if _DATE.fullmatch(value) else "must be YYYY-MM-DDTHH:MM:SSZ or Unix seconds"
        if not isinstance(value, int) or isinstance(value, bool):
            return "must be an integer"
        return f"has no value {value}" if self.choices and str(value) not in dict(self.choices) else None

    def _wrong_text(self, value: Any, dropdowns: str) -> str | None:
        if not isinstance(value, str):
            return "must be a text"
        if len(value) > self.length:
            return f"is longer than {self.length} characters"
        if self.name == "email" and not _EMAIL.fullmatch(value):
            return "is no e-mail address"
        if self.choices and value not in self._listed(dropdowns):
            return f"has no value {value!r}"
        return None

    def _listed(self, dropdowns: str) -> set[str]:
        keys, values = {key for key, _ in self.choices}, {value for _, value in self.choices}
        return {"keys": keys, "values": values, "either": keys | values}[dropdowns]


def standard(roles: dict[int, str]) -> list[Field]:
    """Return Oomnitza's own fields, with the ids that its connector uses."""
    choices = tuple((str(number), name) for number, name in roles.items())
    read_only: dict[str, Any] = {"editable": False}
    return [
        Field("user_id", "User ID", "text", "USER_ID", unique=True, editable=False),
        Field("uid", "UID", "integer", "UID", unique=True, editable=False),
        Field("username", "Username", "text", "USER", unique=True, optional=False, length=128),
        Field("email", "Email", "text", "EMAIL", unique=True, optional=False),
        Field("first_name", "First Name", "text", "FIRST_NAME", length=128),
        Field("last_name", "Last Name", "text", "LAST_NAME", length=128),
        Field("full_name", "Full Name", "text", "FULL_NAME", editable=False),
        Field("phone_number", "Phone", "text", "PHONE", length=64),
        Field("address", "Address", "text", "ADDRESS", length=512),
        Field("position", "Position", "text", "POSITION", length=128),
        Field("role", "Role", "integer", "PERMISSIONS_ID", optional=False, choices=choices),
        Field("external_id", "External ID", "text", "EXTERNAL_ID"),
        Field("suspended", "Suspended", "boolean", "SUSPENDED"),
        Field("email_subscription", "Email Subscription", "boolean", "EMAIL_SUBSCRIPTION"),
        Field("last_login_date", "Last Login", "date", "LAST_LOGIN", **read_only),
        Field("creation_date", "Creation Date", "date", "CREATION_DATE", **read_only),
        Field("created_by", "Created By", "text", "CREATED_BY", **read_only),
        Field("change_date", "Change Date", "date", "CHANGE_DATE", **read_only),
        Field("changed_by", "Changed By", "text", "CHANGED_BY", **read_only),
        Field("version", "Version", "text", "VERSION", **read_only),
        Field("deleted", "Deleted", "text", "DELETED", **read_only),
    ]


def custom_id(name: str) -> str:
    """Return the internal id of a field that a customer added, made from its name."""
    return hashlib.md5(name.encode()).hexdigest().upper()


def metadata(fields: list[Field], flags: tuple[str, str]) -> dict[str, Any]:
    """Return the metadata of `GET /api/v3/users/meta`, by external id.

    `flags` are the words for true and false.
    """

    def flag(value: bool) -> str:
        return flags[0] if value else flags[1]

    return {
        field.name: {
            "uid": number,
            "internal_id": field.internal_id,
            "label": field.label,
            "belongs_to": "USERS",
            "data_type": field.data_type,
            "subtype": "DROPDOWN" if field.choices else None,
            "length": field.length if field.kind == "text" else None,
            "editable": flag(field.editable),
            "hardcode": flag(field.system),
            "optional": flag(field.optional),
            "display_order": str(number),
            "default_value": field.default,
            "unique": flag(field.unique),
            "searchhelp": [{"key": k, "value": v, "help_text": ""} for k, v in field.choices] or None,
            "searchhelp_type": "STATIC" if field.choices else None,
            "help_text": None,
            "dependencies": None,
            "flags": None,
            "dropdown_help_text_enabled": flag(False),
        }
        for number, field in enumerate(fields, 1)
    }
