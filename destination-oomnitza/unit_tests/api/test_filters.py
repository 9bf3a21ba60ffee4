"""Tests of filters: a filter finds one value, whatever that value is."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from destination_oomnitza.api.filters import MAX_URL, MAX_VALUE, literal, look_ups, one_of
from hypothesis import assume, example, given
from hypothesis import strategies as st

from integration_tests.sandbox.oomnitza.filters import Column, parse

COLUMNS = {"email": Column("email", "text"), "badge": Column("badge", "integer")}
ROOM = MAX_URL - 120

# Values that try to break out: quotes, escapes, the language's own words.
hostile = st.lists(
    st.sampled_from(["'", '"', "\\", "''", '""', "]", "[", ", ", " or ", "email ne ", "1 eq 1", "%22", "%5D", "a", "Z", "é", "%", "\u2019"])
    | st.characters(exclude_categories=["Cs"]),
    max_size=12,
).map("".join)  # fmt: skip


def asked(field: str, values: list[object]) -> list[str]:
    return [unquote(expression) for _, expression in look_ups(field, values, ROOM)]


def fitting(value: object) -> bool:
    try:
        literal(value)
    except ValueError:
        return False
    return True


def read(expression: str, *, doubled: bool) -> list[str]:
    """Parse `email IN [text, ...]` by another grammar than the sandbox's.

    Within a text, a backslash escapes the next character, or a quote is doubled. Raises AssertionError for anything else.
    """
    escape = r"""(?:[^{0}]|{0}{0})*""" if doubled else r"""(?:[^{0}\\]|\\.)*"""
    text = "|".join(f"{mark}{escape.format(mark)}{mark}" for mark in "\"'")
    assert re.fullmatch(rf"email IN \[(?:{text})(?:,(?:{text}))*\]", expression, re.DOTALL), expression
    return [found[1:-1] for found in re.findall(text, expression.removeprefix("email IN ["), re.DOTALL)]


@given(hostile)
@example("x' or 1 eq 1 or email eq 'y")
@example('x" or 1 eq 1 or email eq "y')
@example('x"] or email ne "')
@example("x\\")
@example("\\'")
@example('\\"')
@example("İ")
def test_look_ups_value_cannot_change_the_filter(value: str) -> None:
    assume(value and fitting(value))
    (expression,) = asked("email", [value])
    forms = list(dict.fromkeys([value, value.lower()]))
    # As documented: nothing escapes, and a text ends at the next quote of its kind.
    assert parse(expression, COLUMNS, case_sensitive=True).parameters == tuple(forms)
    # Doubled quotes within a text stand for one.
    assert read(expression, doubled=True) == forms
    # If a backslash escapes, the text may be another one, but it is one text with the same end.
    assert len(read(expression, doubled=False)) == len(forms)
    assert len(parse(expression, COLUMNS, case_sensitive=True, backslash_escapes=True).parameters) == len(forms)


@given(st.lists(hostile, min_size=1, max_size=40))
def test_look_ups_each_value_once_and_in_order(values: list[str]) -> None:
    values = [value for value in dict.fromkeys(values) if value and fitting(value)]
    batches = list(look_ups("email", values, ROOM))
    assert [value for batch, _ in batches for value in batch] == values
    for batch, expression in batches:
        parameters = parse(unquote(expression), COLUMNS, case_sensitive=True).parameters
        assert set(batch) <= set(parameters) <= {form for value in batch for form in (value, value.lower())}


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=400), max_size=60)
)
def test_look_ups_no_url_is_longer_than_6000(values: list[str]) -> None:
    for _, expression in look_ups("email", [value for value in values if fitting(value)], ROOM):
        assert len(expression) <= ROOM
        assert expression.isascii() and not re.search(r"[\s&#+]", expression)


def test_look_ups_are_as_large_as_they_can_be() -> None:
    values = [f"user{number}@acme.example.com" for number in range(1000)]
    batches = list(look_ups("email", values, ROOM))
    assert 1 < len(batches) <= 1000 // 100
    assert all(ROOM - 60 < len(expression) <= ROOM for _, expression in batches[:-1])


def test_look_ups_fill_the_room_to_the_last_character() -> None:
    values = [f"user{number}@acme.example" for number in range(6)]
    pairs = [values[:2], values[2:4], values[4:]]
    room = len(one_of("email", values[:2]))
    assert list(look_ups("email", values, room)) == [(pair, one_of("email", pair)) for pair in pairs]
    assert [batch for batch, _ in look_ups("email", values, room - 1)] == [[value] for value in values]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a'b\"c", "both single and double quotes"),
        ("a\nb", "a control character"),
        ("a\x00b", "a control character"),
        ("a\u2028b", "a control character"),
        ("a\x7fb", "a control character"),
        ("a\\", "ends in a backslash"),
        ("a" * 2600, "too long"),
        ("é" * 500, "too long"),
    ],
)
def test_literal_that_cannot_be_quoted_gives_the_reason(value: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^[a-z ]*{reason}, and cannot be looked up in Oomnitza$"):
        literal(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ada", '"ada"'),
        ("o'neil", '"o\'neil"'),
        ('the "boss"', "'the \"boss\"'"),
        ("DOM\\ada", '"DOM\\ada"'),
        (7, "7"),
        (True, '"True"'),
        (1.5, '"1.5"'),
        ("Zo\u00eb", '"Zo\u00eb"'),
        pytest.param("a" * MAX_VALUE, f'"{"a" * MAX_VALUE}"', id="longest"),
    ],
)
def test_literal_has_quotes_that_the_value_lacks(value: object, text: str) -> None:
    assert literal(value) == text


def test_look_ups_ask_for_the_lower_case_too() -> None:
    assert asked("email", ["Ada@Acme.example", "bob@acme.example"]) == [
        'email IN ["Ada@Acme.example","ada@acme.example","bob@acme.example"]'
    ]
    assert asked("badge", [7, 8]) == ["badge IN [7,8]"]
    assert asked("email", []) == []
    assert unquote(one_of("email", ["Ada@x", 7])) == 'email IN ["Ada@x","ada@x",7]'
