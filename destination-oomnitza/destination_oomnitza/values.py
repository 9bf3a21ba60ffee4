"""Values: fitting what a source says to an Oomnitza field, and telling whether two values differ. Pure functions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from destination_oomnitza.metadata import NAMES, Kind, PersonField


class Unfit(ValueError):
    """A value that its field cannot take; the message says why, without the value."""


_TYPE_NAMES = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}


def _unfit(value: Any, needs: str) -> Unfit:
    return Unfit(f"is {_TYPE_NAMES.get(type(value), 'text that cannot be read')}, and the field needs {needs}")


def _name(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    raise _unfit(value, "text")


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise _unfit(value, "text")


def _number(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        for read in (int, float):
            try:
                return read(value.strip())
            except ValueError:
                continue
    raise _unfit(value, "a number")


def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, str)):
        word = str(value).strip().lower()
        if word in ("true", "1", "yes"):
            return True
        if word in ("false", "0", "no"):
            return False
    raise _unfit(value, "true or false")


def _seconds(value: Any) -> float | None:
    """Read a date as Unix seconds, or None for what is no date."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return float(text)
    except ValueError:
        pass
    try:
        # Before Python 3.11, `fromisoformat` knows no Z.
        read = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=timezone.utc)).timestamp()


def _date(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    seconds = _seconds(value)
    if seconds is None:
        raise _unfit(value, "a date (ISO 8601, or Unix seconds)")
    try:
        # Oomnitza ignores time zones in ISO 8601 (OpenAPI document, "Date type fields"), so the time is given in UTC.
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        raise _unfit("", "a date (ISO 8601, or Unix seconds)") from None


def _any(value: Any) -> Any:
    if isinstance(value, (str, int, float)):
        return value
    raise Unfit(
        f"is {_TYPE_NAMES.get(type(value), 'of an unknown type')}, and a field takes one value; name one of its elements"
    )


def fit(field: PersonField) -> Callable[[Any], Any]:
    """Return the function that turns a value (never null) into what the field takes. It raises Unfit."""
    if field.id in NAMES:
        return _name
    return {Kind.TEXT: _text, Kind.NUMBER: _number, Kind.BOOLEAN: _boolean, Kind.DATE: _date, Kind.UNKNOWN: _any}[
        field.kind
    ]


def folded(value: Any) -> str:
    """Return a sync key's value as it is compared: as text, without regard to case or surrounding blanks."""
    return str(value).strip().lower()


def is_empty(value: Any) -> bool:
    """Say whether a value counts as empty: null, or text without anything in it."""
    return value is None or (isinstance(value, str) and not value.strip())


def differs(field: PersonField, current: Any, wanted: Any, ignore_case: bool) -> bool:
    """Say whether Oomnitza's value has to be written.

    Oomnitza may answer a flag as "1", a number as text, a date as Unix seconds: the meaning is compared, not the
    notation. `ignore_case` is for sync keys, e-mail addresses and user names.
    """
    if current == wanted and type(current) is type(wanted):
        return False
    if is_empty(current) or is_empty(wanted):
        return is_empty(current) != is_empty(wanted)
    if ignore_case:
        return folded(current) != folded(wanted)
    kind = Kind.BOOLEAN if isinstance(wanted, bool) else field.kind
    try:
        if kind is Kind.BOOLEAN:
            return bool(_boolean(current) != _boolean(wanted))
        if kind is Kind.NUMBER:
            return bool(_number(current) != _number(wanted))
    except Unfit:
        return True
    if kind is Kind.DATE:
        before, after = _seconds(current), _seconds(wanted)
        return before is None or after is None or int(before) != int(after)
    return str(current) != str(wanted)
