"""Checks a person's values as Oomnitza does, and turns them into what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.fields import Field
from integration_tests.sandbox.oomnitza.store import Row


def check_person(fields: Mapping[str, Field], given: Row, *, new: bool, ignore_restriction: bool) -> Row:
    """Return a body's values, ready to be kept. Raises RequestRejected 400 with all that is wrong."""
    wrong = [
        f"{name}: {reason}"
        for name, value in given.items()
        if (reason := _wrong(fields, name, value, ignore_restriction))
    ]
    if new:
        wrong += [f"{f.name}: is required" for f in fields.values() if not f.optional and f.name not in given]
    elif not given:
        wrong.append("nothing to change")
    if wrong:
        raise RequestRejected(400, "; ".join(wrong))
    return {name: _kept(fields[name], value) for name, value in given.items()}


def _wrong(fields: Mapping[str, Field], name: str, value: Any, ignore_restriction: bool) -> str | None:
    field = fields.get(name)
    if field is None:
        return "there is no such field"
    if not field.editable and (field.system or not ignore_restriction):
        return "is read-only"
    return field.wrong(value)


def _kept(field: Field, value: Any) -> Any:
    if value == "":
        return None
    if field.kind == "date" and isinstance(value, str):
        return int(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())
    return value
