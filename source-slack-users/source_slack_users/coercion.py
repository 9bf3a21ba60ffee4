"""Coerces Slack's values into the types of the schemas.

Slack's types vary: a flag can be 1 or "true", a number can be text.
"""

import json
import pkgutil
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from math import isfinite
from typing import Any

_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,19})(?:\.[0-9]*)?\s*")
LARGEST = 2**63 - 1  # of what destinations, and array("q"), hold


def text(value: Any) -> str | None:
    """Return a text, or a number as text; None if it is empty or anything else."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def flag(value: Any) -> bool | None:
    """Return a boolean, also for a number or its text; None for anything else."""
    if isinstance(value, (int, float)):
        return bool(value)
    return _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None


def whole(value: Any) -> int | None:
    """Return a 64-bit integer, also for a fraction or a text; None for anything else."""
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value)
        value = int(found[1]) if found else None
    elif isinstance(value, float):
        value = int(value) if isfinite(value) else None
    return value if type(value) is int and -LARGEST <= value <= LARGEST else None


def moment(value: Any) -> str | None:
    """Return the date-time (UTC) of Unix seconds; None for 0 and for impossible times."""
    seconds = whole(value)
    try:
        return iso(seconds) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def mapping(value: Any) -> dict[str, Any] | None:
    """Return an object; None if it is empty, or anything else."""
    return value if value and isinstance(value, dict) else None


def texts(value: Any) -> list[str] | None:
    """Return the texts of a list; None for anything else."""
    return [item for item in map(text, value) if item is not None] if isinstance(value, list) else None


def iso(seconds: int) -> str:
    """Format Unix seconds as a date-time in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


Coercion = Callable[[Any], Any]

EXACT_TYPES: Mapping[Coercion, type] = {text: str, flag: bool, mapping: dict}
"""Type whose values, unless empty, need no call of the coercion."""

_BY_TYPE: Mapping[str, Coercion] = {
    "string": text,
    "date": text,
    "date-time": moment,
    "boolean": flag,
    "integer": whole,
    "object": mapping,
    "array": texts,
}


def coercions(stream: str) -> dict[str, Coercion]:
    """Return the coercion function of each field of a stream's schema."""
    schema = json.loads(pkgutil.get_data(__package__, f"schemas/{stream}.json") or b"")
    return {name: _BY_TYPE[field.get("format") or _type(field["type"])] for name, field in schema["properties"].items()}


def record_builder(stream: str, slacks_names: Mapping[str, str] | None = None) -> Callable[[Any], dict[str, Any]]:
    """Return the function that builds a stream's record from one of Slack's objects.

    `slacks_names` holds, by field of the schema, the name in Slack's object if it differs.
    """
    fields = [(name, (slacks_names or {}).get(name, name), convert) for name, convert in coercions(stream).items()]

    def build(item: Any) -> dict[str, Any]:
        values = mapping(item) or {}
        return {name: convert(values.get(slacks_name)) for name, slacks_name, convert in fields}

    return build


def _type(declared: str | list[str]) -> str:
    return declared if isinstance(declared, str) else next(kind for kind in declared if kind != "null")
