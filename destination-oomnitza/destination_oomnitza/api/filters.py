"""Filter expressions of Oomnitza's API, as lookups need them. Pure functions.

Grammar (docs/oomnitza-api.md, "Listing and filtering"): `field IN ["a", "b"]`, strings in single or double quotes. How a
quote inside a value is escaped is not documented, so values that could end their own quotes are rejected, never escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

MAX_URL = 6000
"""Longest URL of a lookup, in characters."""

MAX_VALUE = 2500
"""Longest URL-encoded value that is looked up; the value and its lower case fit into one URL."""

# Most values have only these characters, which need no encoding and have no meaning in a filter: a fast path.
_PLAIN = re.compile(r"[A-Za-z0-9@._~-]{1,250}")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def literal(value: Any) -> str:
    """Return a value as a literal: text in the quotes that it does not contain.

    A whole number stays bare. Raises ValueError, with the reason, for text that cannot be quoted safely.
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
        raise ValueError("contains a control character, and cannot be looked up in Oomnitza")
    if text.endswith("\\"):
        # If Oomnitza treats a backslash as an escape, this one would escape the closing quote.
        raise ValueError("ends in a backslash, and cannot be looked up in Oomnitza")
    mark = "'" if '"' in text else '"'
    if mark in text:
        raise ValueError("contains both single and double quotes, and cannot be looked up in Oomnitza")
    return f"{mark}{text}{mark}"


def can_be_quoted(value: Any) -> bool:
    """Return whether `look_ups` takes a value; it takes no empty one."""
    try:
        return value is not None and literal(value) != '""'
    except ValueError:
        return False


def look_ups(field: str, values: Iterable[Any], room: int) -> Iterator[tuple[list[Any], str]]:
    """Yield `(values, filter)` pairs that find people by the values of a field.

    Each filter is URL-encoded and has at most `room` characters. It has each value and its lower case, because it is not
    documented whether Oomnitza compares case. `literal` must accept every value.
    """
    head, tail = quote(f"{field} IN ["), quote("]")
    batch: list[Any] = []
    parts: list[str] = []
    length = 0
    for value in values:
        part = _forms(value)
        if parts and length + len(part) > room - len(head) - len(tail):
            yield batch, head + "%2C".join(parts) + tail
            batch, parts, length = [], [], 0
        batch.append(value)
        parts.append(part)
        length += len(part) + 3
    if parts:
        yield batch, head + "%2C".join(parts) + tail


def one_of(field: str, values: Iterable[Any]) -> str:
    """Return one URL-encoded filter, of any length, for all values of a field."""
    return quote(f"{field} IN [") + "%2C".join(map(_forms, values)) + quote("]")


def _forms(value: Any) -> str:
    encoded = _encoded(value)
    if isinstance(value, str) and value != (lower := value.lower()):
        return f"{encoded}%2C{_encoded(lower)}"
    return encoded


def _encoded(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return f"%22{value}%22"
    return quote(literal(value), safe="@")
