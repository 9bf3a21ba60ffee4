"""Tests of text, numbers and keys, normalized for writing and comparing."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from destination_oomnitza.normalize import (
    clean_text,
    compared_text,
    folded,
    format_character,
    is_empty,
    key_hash,
    letters_and_digits,
    number_text,
)
from hypothesis import given
from hypothesis import strategies as st

INVISIBLE = "\ufeff\u200b\u200d\u2060\u00ad\u00a0\u202f \t\n"


@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        ("\ufeffada@example.com", "ada@example.com"),
        ("ada@example.com\u200b", "ada@example.com"),
        ("\u00a0 Ada\u202f\u2060 ", "Ada"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("a\u200db", "a\u200db"),
        (" \u200b\ufeff ", ""),
        ("  plain ", "plain"),
        ("Head  of IT", "Head  of IT"),
    ],
)
def test_clean_text_is_nfc_without_invisible_ends(given_text: str, text: str) -> None:
    assert clean_text(given_text) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1001.0, "1001"), (7, "7"), (7.5, "7.5"), (-0.0, "0"), (108086391056891904000, "108086391056891904000"), (1e22, "1" + "0" * 22),
        (1e23, "1" + "0" * 23), (-25.0, "-25"), (0.1, "0.1"),
    ],
)  # fmt: skip
def test_number_text_has_every_digit(number: float, text: str) -> None:
    assert number_text(number) == text


@given(st.text() | st.text(INVISIBLE + "aB\u0308e"))
def test_clean_text_keeps_normal_text(text: str) -> None:
    clean = clean_text(text)
    assert clean_text(clean) == clean == unicodedata.normalize("NFC", clean)
    assert clean == clean.strip() and is_empty(text) == (clean == "")
    assert compared_text(compared_text(text)) == compared_text(clean) == compared_text(text)
    assert folded(folded(text)) == folded(clean) == folded(text)
    assert "  " not in folded(text)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(INVISIBLE), st.text(INVISIBLE))
def test_folded_ignores_invisible_ends(text: str, before: str, after: str) -> None:
    assert folded(before + text + after) == folded(text)
    assert clean_text(before + text + after) == clean_text(text)


@given(st.integers())
def test_number_and_its_text_are_one_key(number: int) -> None:
    assert folded(number) == folded(str(number)) == str(number)


def test_key_hash_is_of_the_field_and_the_folded_value() -> None:
    assert key_hash("email", " Ada@X.example") == key_hash("email", "ada@x.example")
    assert len({key_hash("email", "ada"), key_hash("email", "eve"), key_hash("username", "ada")}) == 3


@pytest.mark.parametrize(
    ("text", "found"),
    [("ad\u200ba\u00ad", "U+200B"), ("a\u00adb", "U+00AD"), ("a b", None), ("Zo\u00eb", None), ("", None)],
)
def test_format_character_names_invisible_ones(text: str, found: str | None) -> None:
    assert format_character(text) == found


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("+1 (555) 010-0000", "15550100000"),
        ("Is Admin?", "isadmin"),
        ("slack_user-id", "slackuserid"),
        (1001.0, "1001"),
        ("?!", ""),
    ],
)
def test_letters_and_digits_leaves_out_the_rest(value: Any, kept: str) -> None:
    assert letters_and_digits(value) == kept


@pytest.mark.parametrize(
    ("value", "empty"),
    [(None, True), ("", True), (" \u200b", True), ("a", False), (0, False), (False, False), ([], False)],
)
def test_is_empty_of_null_or_blank_text(value: Any, empty: bool) -> None:
    assert is_empty(value) is empty
