"""Person fields and roles of an Oomnitza instance.

Oomnitza's OpenAPI document does not have `GET /api/v3/users/meta`. If an instance does not answer it, `PersonSchema.unknown()`
is used: the standard fields and types of that document, without custom fields and roles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from destination_oomnitza.normalize import folded


class Kind(Enum):
    """Kind of a field: how to write and compare its values."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    UNKNOWN = "unknown"


class Choices:
    """Entries of a drop-down, by key and value; both are accepted in any case."""

    def __init__(self, pairs: Sequence[tuple[str, str]], *, by_key: bool = False) -> None:
        """Index the list.

        `by_key`: the field is a number and is written as the key; otherwise it is written as the value.
        """
        self.values = tuple(value for _, value in pairs)
        written = [(key, value, int(key) if by_key else value) for key, value in pairs]
        keys = {folded(key): choice for key, _, choice in reversed(written)}
        values = {folded(value): choice for _, value, choice in reversed(written)}
        # Values may differ only in case, and the key of one choice may be the value of another.
        self._exact: dict[Any, str | int] = {choice: choice for _, _, choice in written}
        self._folded = {**values, **keys} if by_key else {**keys, **values}
        self._names = {choice: {folded(key), folded(value)} for key, value, choice in written}

    def find(self, given: Any) -> str | int | None:
        """Return a choice in the form to write; None if it is not in the list."""
        if given in self._exact and given.__class__ is not bool:
            return self._exact[given]
        return next((self._folded[word] for word in _words(given) if word in self._folded), None)

    def same(self, current: Any, wanted: Any) -> bool:
        """Return whether Oomnitza's key or value is the choice that `find` returned."""
        names = self._names.get(wanted, set())
        return any(word in names for word in _words(current))

    def __str__(self) -> str:
        """Return the first twenty values."""
        more = f" and {len(self.values) - 20} more" if len(self.values) > 20 else ""
        return ", ".join(self.values[:20]) + more


def _words(given: Any) -> tuple[str, ...]:
    # A flag also fits a list of Yes and No.
    if isinstance(given, bool):
        return ("true", "yes", "1") if given else ("false", "no", "0")
    return (folded(given),)


@dataclass(frozen=True)
class PersonField:
    """One field of a person: its id, its label and its properties."""

    id: str
    label: str
    kind: Kind
    internal_id: str | None = None
    unique: bool = False
    editable: bool = True
    optional: bool = True
    standard: bool = False
    """Whether it is one of Oomnitza's own: in the OpenAPI document, or with the flag `hardcode` in the metadata."""
    length: int | None = None
    """Maximum number of characters; None if the metadata has no limit."""
    choices: Choices | None = None
    """List of a drop-down; None if any value may be written."""
    has_default: bool = False
    """Whether Oomnitza fills the field of a new person by itself."""
    is_phone: bool = False
    """Whether comparing ignores punctuation and blanks, because Oomnitza may store another notation."""

    @property
    def system_kept(self) -> bool:
        """Whether only Oomnitza writes the field.

        The header for fields that are not editable does not open it.
        """
        return self.standard and not self.editable


# Fields of every instance (OpenAPI document, schema "User", where `external_id` and the like are text).
_STANDARD = {
    "username": ("User Name", Kind.TEXT, "USER"),
    "email": ("Email", Kind.TEXT, "EMAIL"),
    "first_name": ("First Name", Kind.TEXT, "FIRST_NAME"),
    "last_name": ("Last Name", Kind.TEXT, "LAST_NAME"),
    "full_name": ("Full Name", Kind.TEXT, None),
    "phone_number": ("Phone", Kind.TEXT, "PHONE"),
    "address": ("Address", Kind.TEXT, "ADDRESS"),
    "position": ("Position", Kind.TEXT, "POSITION"),
    "role": ("Role", Kind.NUMBER, "PERMISSIONS_ID"),
    "external_id": ("External Id", Kind.TEXT, None),
    "suspended": ("Suspended", Kind.BOOLEAN, None),
    "last_login_date": ("Last Login Date", Kind.DATE, None),
    "email_subscription": ("Email Subscription", Kind.BOOLEAN, None),
    "deleted": ("Deleted", Kind.TEXT, None),
    "creation_date": ("Creation Date", Kind.DATE, None),
    "change_date": ("Change Date", Kind.DATE, None),
    "created_by": ("Created By", Kind.TEXT, None),
    "changed_by": ("Changed By", Kind.TEXT, None),
    "user_id": ("User Id", Kind.TEXT, None),
    "uid": ("UID", Kind.NUMBER, None),
    "version": ("Version", Kind.TEXT, None),
}
# Fields that the server sets: the key `user_id`, and its own data about a person.
SERVER_KEPT = frozenset({"user_id", "uid", "version", "creation_date", "change_date", "created_by", "changed_by"})
_UNIQUE = frozenset({"username", "email", "user_id"})

# Fields that a new person needs (docs/oomnitza-api.md, "People").
REQUIRED = ("username", "email", "role")
NAMES = frozenset({"username", "email", "first_name", "last_name", "full_name"})
"""Fields that must be text, whatever their type in the metadata."""


def _flag(value: Any, default: bool) -> bool:
    """Read a flag: "1" / "0" or "true" / "false", or a JSON boolean.

    It is not documented which of them the metadata uses.
    """
    if isinstance(value, str):
        return value.strip().lower() in ("1", "true", "yes") if value.strip() else default
    return default if value is None else bool(value)


def _kind(data_type: Any) -> Kind:
    """Return the kind of a data type, by parts of its undocumented name."""
    name = str(data_type or "").lower()
    for kind, marks in (
        (Kind.UNKNOWN, ("enum", "list", "drop", "select")),
        (Kind.BOOLEAN, ("bool", "checkbox", "yesno")),
        (Kind.DATE, ("date", "time")),
        (Kind.NUMBER, ("int", "num", "float", "decimal", "double", "currency", "money")),
        (Kind.TEXT, ("str", "text", "char", "mail", "phone", "url", "address")),
    ):
        if any(mark in name for mark in marks):
            return kind
    return Kind.UNKNOWN


def _is_editable(name: str, flag: Any) -> bool:
    """Return whether a field may be written, at least to a new person."""
    if name == "username":
        # "Cannot be edited" applies to existing people only (see writers/changes.py); a new person needs one.
        return True
    return _flag(flag, default=True) and name not in SERVER_KEPT


def _length(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 and int(text) else None


def _choices(searchhelp: Any, kind: Kind) -> Choices | None:
    """Return the list of a drop-down; None if there is none or the kind needs none."""
    if not isinstance(searchhelp, list) or kind in (Kind.BOOLEAN, Kind.DATE):
        return None
    pairs = []
    for row in searchhelp:
        key, value = (row.get("key"), row.get("value")) if isinstance(row, Mapping) else (None, None)
        value = key if value in (None, "") else value
        if value not in (None, ""):
            pairs.append((str(value if key is None else key), str(value)))
    by_key = kind is Kind.NUMBER and all(key.isascii() and key.isdecimal() for key, _ in pairs)
    return Choices(pairs, by_key=by_key) if pairs else None


def _is_phone(*names: Any) -> bool:
    return any(mark in str(name).lower() for name in names for mark in ("phone", "mobile"))


def _standard_fields() -> dict[str, PersonField]:
    return {
        name: PersonField(
            name,
            label,
            kind,
            internal,
            name in _UNIQUE,
            name not in SERVER_KEPT,
            standard=True,
            is_phone=_is_phone(name),
        )
        for name, (label, kind, internal) in _STANDARD.items()
    }


@dataclass(frozen=True)
class PersonSchema:
    """Person fields and roles of an instance."""

    fields: Mapping[str, PersonField]
    roles: Mapping[str, str] = field(default_factory=dict)
    """Role id -> name; empty if the instance does not report them."""
    known: bool = True
    """Whether the instance reports its fields; if not, a field that is missing here may still exist."""

    @classmethod
    def unknown(cls) -> PersonSchema:
        """Return the fields of every instance, for one that does not report its own."""
        return cls(_standard_fields(), known=False)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> PersonSchema:
        """Parse the response of `GET /api/v3/users/meta`: field id -> description.

        The OpenAPI document calls the schema "Metadata fields".
        """
        standard = _standard_fields()
        fields: dict[str, PersonField] = {}
        for name, entry in document.items():
            if not isinstance(entry, Mapping):
                continue
            base = standard.get(name)
            kind = _kind(entry.get("data_type"))
            if base is not None and (kind is Kind.UNKNOWN or name == "role"):
                kind = base.kind
            fields[name] = PersonField(
                id=name,
                label=str(entry.get("label") or (base.label if base else name)),
                kind=kind,
                internal_id=entry.get("internal_id") or (base.internal_id if base else None),
                unique=_flag(entry.get("unique"), default=name in _UNIQUE),
                editable=_is_editable(name, entry.get("editable")),
                optional=_flag(entry.get("optional"), default=True),
                standard=base is not None or _flag(entry.get("hardcode"), default=False),
                length=_length(entry.get("length")),
                choices=_choices(entry.get("searchhelp"), kind),
                has_default=entry.get("default_value") not in (None, ""),
                is_phone=_is_phone(name, entry.get("label"), entry.get("data_type"), entry.get("subtype")),
            )
        role = document.get("role")
        helps = role.get("searchhelp") if isinstance(role, Mapping) else None
        helps = helps if isinstance(helps, list) else []
        roles = {str(h["key"]): str(h.get("value", "")) for h in helps if isinstance(h, Mapping) and "key" in h}
        # Fields that every instance has may be written even if the response omits them.
        return cls({**standard, **fields}, roles)

    def mandatory(self) -> list[PersonField]:
        """Return the fields that a new person must have, in every instance or in this one."""
        return [
            each
            for each in self.fields.values()
            if each.id in REQUIRED or not (each.optional or each.has_default or not each.editable)
        ]

    def edit_only(self) -> frozenset[str]:
        """Return the fields that the metadata calls not editable."""
        return frozenset(name for name, each in self.fields.items() if not each.editable)

    def role_id(self, given: float | str) -> int:
        """Return the id of a role that is given by id or by name.

        Raises ValueError if there is no such role, or if a name is given and the instance does not report its roles.
        """
        text = str(int(given) if isinstance(given, float) and given.is_integer() else given).strip()
        if text in self.roles and text.isdecimal():
            return int(text)
        named = [key for key, name in self.roles.items() if name.strip().lower() == text.lower()]
        if len(named) == 1 and named[0].isdecimal():
            return int(named[0])
        if len(named) > 1:
            raise ValueError(f"there are several roles named {text!r}; give the role's id")
        if self.roles:
            known = ", ".join(f"{name} ({key})" for key, name in list(self.roles.items())[:20])
            raise ValueError(f"there is no role {text!r}; there are {known}")
        if text.isdecimal():
            return int(text)
        raise ValueError(f"this Oomnitza does not report its roles by name; give the role's id instead of {text!r}")
