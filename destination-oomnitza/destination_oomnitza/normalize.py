"""Normalizes text and numbers for writing, comparing and looking up.

Pure functions.
"""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any


def clean_text(text: str) -> str:
    """Return text in NFC, without blanks and format characters at its ends.

    Format characters are the zero-width space, the byte order mark and the like.
    """
    if text.isascii():
        return text.strip()
    text = unicodedata.normalize("NFC", text)
    first, last = 0, len(text)
    while first < last and _is_invisible(text[first]):
        first += 1
    while last > first and _is_invisible(text[last - 1]):
        last -= 1
    return text[first:last]


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def format_character(text: str) -> str | None:
    """Return a text's first format character, such as "U+200B", or None."""
    if text.isascii():
        return None
    return next((f"U+{ord(each):04X}" for each in text if unicodedata.category(each) == "Cf"), None)


def number_text(number: float) -> str:
    """Return a number as text; whole numbers digit by digit.

    For example 1001.0 is "1001", 1e22 is "10000000000000000000000".
    """
    if isinstance(number, float) and number.is_integer():
        # Keeps the digits that the number was written with: int(1e23) is 99999999999999991611392.
        return str(int(Decimal(repr(number))))
    return str(number)


def compared_text(value: Any) -> str:
    """Return a value for comparison: clean text with single blanks."""
    if value.__class__ is not str:
        value = number_text(value) if isinstance(value, float) else str(value)
    return " ".join(clean_text(value).split())


def folded(value: Any) -> str:
    """Return a sync key's value for comparison and lookups: lower case as well."""
    if value.__class__ is str and value.isascii():  # the usual case
        return " ".join(value.lower().split())
    return unicodedata.normalize("NFC", compared_text(value).lower())


def key_hash(field: str, value: Any) -> int:
    """Return a hash of a field's folded value.

    A hundred thousand texts would need ten times the memory.
    """
    return hash((field, folded(value)))


def letters_and_digits(value: Any) -> str:
    """Return the letters and digits of a value in lower case.

    Labels and phone numbers are compared like that.
    """
    return "".join(filter(str.isalnum, folded(value)))


def is_empty(value: Any) -> bool:
    """Return whether a value is null or blank text."""
    return value is None or (isinstance(value, str) and not clean_text(value))
