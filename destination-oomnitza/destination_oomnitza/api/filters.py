"""Oomnitza's filter language, as far as look-ups need it. Pure functions.

Grammar (docs/oomnitza-api.md, "Listing and filtering"): `field IN ["a", "b"]`, strings in single or double quotes. How
a quote inside a value is escaped is not known, so nothing is ever escaped: a value that could end its own quotes is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

MAX_URL = 6000
"""The longest URL, in characters, that a look-up makes."""

MAX_VALUE = 2500
"""The longest value, URL-encoded, that is looked up: twice that, for the value and its lower case, fits into a URL."""

# Most values are of these characters alone, which mean nothing in a filter and stand as they are in a URL: they go a short way.
_PLAIN = re.compile(r"[A-Za-z0-9@._~-]{1,250}")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def literal(value: Any) -> str:
    """Return a value as a literal of the filter language: text in the quotes that it does not hold, a whole number bare.

    Raises ValueError, with the reason, for text that no quoting can hold safely.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    if len(quote(text)) > MAX_VALUE:
        raise ValueError("is too long, and cannot be looked up in Oomnitza")
    if not (text.isascii() and text.isprintable()) and any(
        unicodedata.category(char) in _UNSAFE_CATEGORIES for char in text
    ):
        raise ValueError("holds a control character, and cannot be looked up in Oomnitza")
    if text.endswith("\\"):
        # Where a backslash escapes, it would take the closing quote with it.
        raise ValueError("ends in a backslash, and cannot be looked up in Oomnitza")
    mark = "'" if '"' in text else '"'
    if mark in text:
        raise ValueError("holds both single and double quotes, and cannot be looked up in Oomnitza")
    return f"{mark}{text}{mark}"


def look_ups(field: str, values: Iterable[Any], room: int) -> Iterator[tuple[list[Any], str]]:
    """Yield `(values, filter)` pairs that ask for people by a field, the filters URL-encoded and no longer than `room` characters.

    Asks for each value and its lower case, for whether Oomnitza compares case is not known. The values must be fit for
    `literal`.
    """
    head, tail = quote(f"{field} IN ["), quote("]")
    batch: list[Any] = []
    parts: list[str] = []
    length = 0
    for value in values:
        part = _forms(value)
        if parts and length + len(part) + 3 > room - len(head) - len(tail):
            yield batch, head + "%2C".join(parts) + tail
            batch, parts, length = [], [], 0
        batch.append(value)
        parts.append(part)
        length += len(part) + 3
    if parts:
        yield batch, head + "%2C".join(parts) + tail


def one_of(field: str, values: Iterable[Any]) -> str:
    """Return the filter that asks for people by a field, URL-encoded and of any length; otherwise as `look_ups`."""
    return quote(f"{field} IN [") + "%2C".join(map(_forms, values)) + quote("]")


def _forms(value: Any) -> str:
    forms = [value, value.lower()] if isinstance(value, str) and value != value.lower() else [value]
    return "%2C".join(map(_encoded, forms))


def _encoded(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return f"%22{value}%22"
    return quote(literal(value), safe="@")
