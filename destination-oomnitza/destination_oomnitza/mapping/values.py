"""Values: converts them to a field's type, and compares them. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from math import isfinite
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.macros import str_to_datetime

from destination_oomnitza.normalize import clean_text, compared_text, folded, is_empty, letters_and_digits, number_text
from destination_oomnitza.person_schema import NAMES, Choices, Kind, PersonField


class ValueRejected(ValueError):
    """The value does not fit its field; the message is the reason, without the value."""


MAX_TEXT = 100_000
"""Longest text of a field whose length the metadata does not report; bounds the memory of a batch."""
_NUMBER = re.compile(r"[-+]?\d{1,400}(\.\d{1,40})?([eE][-+]?\d{1,3})?", re.ASCII)
_ENCODABLE = range(-(2**63), 2**64)
"""Whole numbers that are sent as JSON numbers."""
_FIRST_SECOND, _END_OF_TIME = -30_610_224_000, 253_402_300_800
"""Unix seconds of the years 1000 and 10000: the dates of the form YYYY-MM-DD."""
_FEWEST_SECONDS = 100_000_000
"""Smallest number that is a date; smaller ones are a year, a count, or a spreadsheet's days (45306)."""
_TYPE_NAMES = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
WITHOUT_CASE = frozenset({"email", "username"})
"""Fields that are always compared without regard to case, even if they are no sync keys."""


def _is(value: Any) -> str:
    return f"is {_TYPE_NAMES.get(type(value), 'text that cannot be read')}"


def _unfit(value: Any, needs: str) -> ValueRejected:
    return ValueRejected(f"{_is(value)}, and the field needs {needs}")


def _name(value: Any) -> Any:
    if isinstance(value, str):
        return value
    raise _unfit(value, "text")


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    raise _unfit(value, "text")


def _number(value: Any) -> int | float:
    number: int | float | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = float(value) if set(value) & set(".eE") else int(value)
    if number is None or (isinstance(number, float) and not isfinite(number)):
        raise _unfit(value, "a number")
    # Sources of tables send whole numbers as 25.0.
    return int(number_text(number)) if isinstance(number, float) and number.is_integer() else number


def _encodable(number: Any) -> Any:
    # Larger numbers would lose their last digits as JSON numbers, so they are sent as text.
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
    # Eight digits are a date without hyphens, four a year (both ISO 8601); as seconds they would be in 1970.
    return bool(_NUMBER.fullmatch(text)) and not re.fullmatch(r"\d{4}|\d{8}", text)


def seconds(value: Any) -> float | None:
    """Return a date as Unix seconds, or None if the value is no date."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = value.strip() if isinstance(value, str) else ""
    try:
        found = float(value) if not text or _is_number(text) else str_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def _date(value: Any) -> Any:
    found = seconds(value)
    is_number = not isinstance(value, str) or _is_number(value)
    first = _FEWEST_SECONDS if is_number else _FIRST_SECOND
    if found is None or not first <= found < _END_OF_TIME:
        # Milliseconds are far beyond _END_OF_TIME, so they end here, too.
        raise ValueRejected(f"{_is(value)}, and the field needs a date (ISO 8601, or Unix seconds)")
    if isinstance(value, int):
        return value
    # Oomnitza ignores time zones in ISO 8601 (OpenAPI document, "Date type fields"), so the time is sent in UTC.
    return datetime.fromtimestamp(found, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _any(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(number_text(value))
    if isinstance(value, (str, int, float)):
        return _encodable(value)
    raise ValueRejected(f"{_is(value)}, and a field takes one value; name one of its elements")


_CONVERSIONS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _fit_number,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.UNKNOWN: _any,
}


def _choice(choices: Choices) -> Callable[[Any], Any]:
    def choose(value: Any) -> Any:
        found = choices.find(_any(value))
        if found is None:
            raise ValueRejected(f"is not in the field's list: {choices}")
        return found

    return choose


def fit(field: PersonField) -> Callable[[Any], Any]:
    """Return the function that converts a value (never null) to the field's type.

    It returns "" for blank text, and raises ValueRejected.
    """
    convert = _name if field.id in NAMES else _choice(field.choices) if field.choices else _CONVERSIONS[field.kind]
    length = field.length or MAX_TEXT
    takes_text = convert in (_name, _text)

    def fitted(value: Any) -> Any:
        if value.__class__ is str:
            value = value.strip() if value.isascii() else clean_text(value)
            if not value or (takes_text and len(value) <= length):  # the usual case
                return value
        taken = convert(value)
        if taken.__class__ is str and len(taken) > length:
            raise ValueRejected(f"is a text of {len(taken)} characters, and the field takes {length}")
        return taken

    return fitted


def later(current: Any, wanted: Any) -> bool:
    """Return whether `wanted` is later than `current`; any date is later than none."""
    before, after = seconds(current), seconds(wanted)
    return after is not None and (before is None or int(before) < int(after))


def differs(field: PersonField, current: Any, wanted: Any, ignore_case: bool = False) -> bool:
    """Return whether a value has to be written.

    Compares the meaning, not the notation: Oomnitza may return a flag as "1", a number as text, a date as Unix seconds, a choice
    by its key, a phone number without blanks. `ignore_case` is for sync keys, e-mail addresses and user names.
    """
    if current == wanted and current.__class__ is wanted.__class__:
        return False
    if is_empty(current) or is_empty(wanted):
        return is_empty(current) != is_empty(wanted)
    if ignore_case and not field.is_phone:
        return folded(current) != folded(wanted)
    if field.choices is not None and field.choices.same(current, wanted):
        return False
    return not _same(field, current, wanted)


def _same(field: PersonField, current: Any, wanted: Any) -> bool:
    kind = _kind_of_both(field, current, wanted)
    try:
        if kind is Kind.BOOLEAN:
            return bool(_boolean(current) == _boolean(wanted))
        if kind is Kind.NUMBER:
            return _number(current) == _number(wanted)
    except ValueRejected:
        return False
    if kind is Kind.DATE:
        before, after = seconds(current), seconds(wanted)
        if before is not None and after is not None:
            return int(before) == int(after)
    if field.is_phone:
        return letters_and_digits(current) == letters_and_digits(wanted)
    return compared_text(current) == compared_text(wanted)


def _kind_of_both(field: PersonField, current: Any, wanted: Any) -> Kind:
    if isinstance(current, bool) or isinstance(wanted, bool):
        return Kind.BOOLEAN
    if field.kind is Kind.UNKNOWN and isinstance(current, int) != isinstance(wanted, int):
        # Oomnitza returns a number as a number, and a date as Unix seconds, also if the type is not known here.
        number, text = (current, wanted) if isinstance(current, int) else (wanted, current)
        if isinstance(text, str) and str(number) != text:
            return Kind.NUMBER if _is_number(text.strip()) else Kind.DATE
    return field.kind


def kept_otherwise(
    sent: Mapping[str, Any], stored: Mapping[str, Any], fields: Mapping[str, PersonField], sync_keys: Iterable[str] = ()
) -> list[str]:
    """Return the fields in which Oomnitza stored another value than was sent.

    Fields missing in the response count as stored. Case counts except in sync keys, addresses and user names.
    """
    without_case = WITHOUT_CASE.union(sync_keys)
    return [
        name
        for name, value in sent.items()
        if name in stored and name in fields and differs(fields[name], stored[name], value, name in without_case)
    ]
