"""Normalizes text and numbers, so that values are written, compared and looked up alike. Pure functions."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any


def clean_text(text: str) -> str:
    """Return text in NFC, without blanks and format characters (zero-width space, byte order mark) at its ends."""
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


def has_format_character(text: str) -> bool:
    """Return whether text holds a character that nobody sees and no look-up finds."""
    return not text.isascii() and any(unicodedata.category(each) == "Cf" for each in text)


def number_text(number: float) -> str:
    """Return a number as text, a whole one digit by digit: 1001.0 is "1001", 1e22 is "10000000000000000000000"."""
    if isinstance(number, float) and number.is_integer():
        # The digits that the number was written with: int(1e23) is 99999999999999991611392.
        return str(int(Decimal(repr(number))))
    return str(number)


def compared_text(value: Any) -> str:
    """Return a value as it is compared: clean text, with one blank for several in a row."""
    if value.__class__ is not str:
        value = number_text(value) if isinstance(value, float) else str(value)
    return " ".join(clean_text(value).split())


def folded(value: Any) -> str:
    """Return a sync key's value as it is compared and looked up: without regard to case, too."""
    if value.__class__ is str and value.isascii():  # the usual case
        return " ".join(value.lower().split())
    return unicodedata.normalize("NFC", compared_text(value).lower())


def key_hash(field: str, value: Any) -> int:
    """Return a number for a field's value as it is compared: a hundred thousand texts would take ten times the memory."""
    return hash((field, folded(value)))


def letters_and_digits(value: Any) -> str:
    """Return only the letters and digits of a value, without case: what counts in a label or a phone number."""
    return "".join(filter(str.isalnum, folded(value)))


def is_empty(value: Any) -> bool:
    """Return whether a value counts as empty: null, or text without anything in it."""
    return value is None or (isinstance(value, str) and not clean_text(value))
