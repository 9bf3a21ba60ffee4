"""Validates a person's values as Oomnitza does, and converts them to saved ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.fields import Field
from integration_tests.sandbox.oomnitza.store import Row
from integration_tests.sandbox.oomnitza.switches import Switches


@dataclass(frozen=True)
class Allowed:
    """Holds the fields that headers allow: edit-only and unknown ones (ignored)."""

    restricted: bool = False
    unknown: bool = False


class PersonValues:
    """Validates values by the fields and switches of an instance."""

    def __init__(self, fields: Mapping[str, Field], switches: Switches) -> None:
        self._fields = fields
        self._switches = switches

    def of_creation(self, given: Row, allowed: Allowed) -> Row:
        """Return the values of a new person. Raises RequestRejected 400 with all mistakes."""
        defaults = {name: f.default for name, f in self._fields.items() if f.default and given.get(name) in (None, "")}
        given = {**given, **defaults}
        required = [f.name for f in self._fields.values() if not f.optional and f.name not in given]
        return self._kept(given, allowed, [f"{name}: is required" for name in required])

    def of_edit(self, given: Row, allowed: Allowed) -> Row:
        """Return the values of an update. Raises RequestRejected 400 with all mistakes."""
        if not given:
            raise RequestRejected(400, "nothing to change")
        edits = self._switches.username_edits
        wrong = ["username: cannot be edited"] if edits == "rejected" and "username" in given else []
        if edits == "ignored":
            given = {name: value for name, value in given.items() if name != "username"}
        return self._kept(given, allowed, wrong)

    def of_administrator(self, given: Row, *, new: bool) -> Row:
        """Return the values that an administrator sets, user names included.

        Only the server's own fields cannot be set.
        """
        required = [f.name for f in self._fields.values() if not f.optional and f.name not in given]
        return self._checked(given, Allowed(restricted=True), [f"{name}: is required" for name in required if new])

    def _kept(self, given: Row, allowed: Allowed, wrong: list[str]) -> Row:
        cut = "cut" in self._switches.normalized
        given = {name: self._cut(name, value) if cut else value for name, value in given.items()}
        kept = self._checked(given, allowed, wrong)
        return {name: self._normalized(name, value) for name, value in kept.items()}

    def _checked(self, given: Row, allowed: Allowed, wrong: list[str]) -> Row:
        if allowed.unknown:  # objects are rejected: help centre, article 16431284650391
            given = {n: value for n, value in given.items() if n in self._fields or isinstance(value, dict)}
        reasons = {name: self._wrong(name, value, allowed.restricted) for name, value in given.items()}
        wrong = [*(f"{name}: {reason}" for name, reason in reasons.items() if reason), *wrong]
        if wrong:
            raise RequestRejected(400, "; ".join(wrong))
        return {name: _typed(self._fields[name], value) for name, value in given.items()}

    def _wrong(self, name: str, value: Any, restricted: bool) -> str | None:
        field = self._fields.get(name)
        if field is None:
            return "there is no such field"
        if not field.editable and (field.system or not restricted):
            return "is read-only"
        return field.wrong(value, self._switches.dropdowns)

    def _cut(self, name: str, value: Any) -> Any:
        field = self._fields.get(name)
        return value[: field.length] if field is not None and isinstance(value, str) else value

    def _normalized(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        how = self._switches.normalized
        if "blanks" in how:
            value = " ".join(value.split())
        if "phone" in how and name == "phone_number":
            value = re.sub(r"[^\d+]", "", value)
        if "title_case" in how and name == "position":
            value = value.title()
        return value or None


def _typed(field: Field, value: Any) -> Any:
    if value == "":
        return None
    if field.kind == "date" and isinstance(value, str):
        return int(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())
    return value
