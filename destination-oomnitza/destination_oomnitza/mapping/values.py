"""Values: fitting what a source says to an Oomnitza field, and telling whether two values differ. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from math import isfinite
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.macros import str_to_datetime

from destination_oomnitza.person_schema import NAMES, Kind, PersonField


class ValueRejected(ValueError):
    """A value that its field cannot take; the message says why, without the value."""


_NUMBER = re.compile(r"[-+]?\d{1,400}(\.\d{1,40})?([eE][-+]?\d{1,3})?", re.ASCII)
_ENCODABLE = range(-(2**63), 2**64)
"""Whole numbers that a JSON number can hold on the way to Oomnitza."""
_FIRST_SECOND, _END_OF_TIME = -30_610_224_000, 253_402_300_800
"""Unix seconds of the years 1000 and 10000: what can be written as YYYY-MM-DD."""
_TYPE_NAMES = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}


def _is(value: Any) -> str:
    return f"is {_TYPE_NAMES.get(type(value), 'text that cannot be read')}"


def _unfit(value: Any, needs: str) -> ValueRejected:
    return ValueRejected(f"{_is(value)}, and the field needs {needs}")


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
    number: int | float | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = float(value) if set(value) & set(".eE") else int(value)
    if number is None or (isinstance(number, float) and not isfinite(number)):
        raise _unfit(value, "a number")
    # Sources of tables write whole numbers as 25.0.
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _encodable(number: Any) -> Any:
    # Larger ones lose their last digits as JSON numbers, so they are written as text.
    return str(number) if isinstance(number, int) and number not in _ENCODABLE else number


def _fit_number(value: Any) -> Any:
    return _encodable(_number(value))


def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float, str)):
        word = str(int(value) if value in (0, 1) else value).strip().lower()
        if word in ("true", "1", "yes"):
            return True
        if word in ("false", "0", "no"):
            return False
    raise _unfit(value, "true or false")


def _is_number(text: str) -> bool:
    # Eight digits are a date without hyphens, which is ISO 8601, too; as seconds they would lie in 1970.
    return bool(_NUMBER.fullmatch(text)) and not re.fullmatch(r"\d{8}", text)


def _seconds(value: Any) -> float | None:
    """Read a date as Unix seconds, or None for what is no date."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = value.strip() if isinstance(value, str) else ""
    try:
        seconds = float(value) if not text or _is_number(text) else str_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if isfinite(seconds) else None


def _date(value: Any) -> Any:
    seconds = _seconds(value)
    if seconds is None or not _FIRST_SECOND <= seconds < _END_OF_TIME:
        # Milliseconds are far beyond the end.
        raise ValueRejected(f"{_is(value)}, and the field needs a date (ISO 8601, or Unix seconds)")
    if isinstance(value, int):
        return value
    # Oomnitza ignores time zones in ISO 8601 (OpenAPI document, "Date type fields"), so the time is given in UTC.
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _any(value: Any) -> Any:
    if isinstance(value, (str, int, float)):
        return _encodable(value)
    raise ValueRejected(f"{_is(value)}, and a field takes one value; name one of its elements")


def fit(field: PersonField) -> Callable[[Any], Any]:
    """Return the function that turns a value (never null) into what the field takes. It raises ValueRejected."""
    if field.id in NAMES:
        return _name
    return {Kind.TEXT: _text, Kind.NUMBER: _fit_number, Kind.BOOLEAN: _boolean, Kind.DATE: _date, Kind.UNKNOWN: _any}[
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
    if kind is Kind.UNKNOWN and isinstance(current, int) and isinstance(wanted, str) and str(current) != wanted:
        # A number comes back as one also where the type is not known, and a date as Unix seconds.
        kind = Kind.NUMBER if _is_number(wanted.strip()) else Kind.DATE
    try:
        if kind is Kind.BOOLEAN:
            return bool(_boolean(current) != _boolean(wanted))
        if kind is Kind.NUMBER:
            return bool(_number(current) != _number(wanted))
    except ValueRejected:
        return True
    if kind is Kind.DATE:
        before, after = _seconds(current), _seconds(wanted)
        if before is not None and after is not None:
            return int(before) != int(after)
    return str(current) != str(wanted)
