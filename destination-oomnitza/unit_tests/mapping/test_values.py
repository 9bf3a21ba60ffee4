"""Tests of values: conversion to a field's type, and comparison."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from destination_oomnitza.api.filters import literal, look_ups
from destination_oomnitza.mapping.values import MAX_TEXT, ValueRejected, differs, fit, kept_otherwise, later
from destination_oomnitza.normalize import folded
from destination_oomnitza.person_schema import Choices, Kind, PersonField
from hypothesis import given
from hypothesis import strategies as st

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
kinds = st.sampled_from(list(Kind))
CUSTOM = {kind: PersonField("custom", "Custom", kind) for kind in Kind}


@pytest.mark.parametrize("name", ["username", "email", "first_name", "last_name"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "is a number"), (1.5, "is a number"), (True, "is a boolean"), (["a"], "is a list"), ({"a": 1}, "is an object"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", list(Kind))
def test_fit_of_a_name_requires_text(name: str, value: Any, expected: str, kind: Kind) -> None:
    with pytest.raises(ValueRejected, match=f"{expected}, and the field needs text"):
        fit(PersonField(name, name, kind))(value)
    assert fit(PersonField(name, name, kind))(" Ada ") == "Ada"


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        (Kind.TEXT, "+15551234567", "+15551234567"),
        (Kind.TEXT, "007", "007"),
        (Kind.TEXT, " ends\u200b ", "ends"),
        (Kind.TEXT, "Zoe\u0308", "Zo\u00eb"),
        (Kind.TEXT, 7, "7"),
        (Kind.TEXT, 7.5, "7.5"),
        (Kind.TEXT, 1001.0, "1001"),
        (Kind.TEXT, 108086391056891904001, "108086391056891904001"),
        (Kind.TEXT, 1e20, "100000000000000000000"),
        (Kind.UNKNOWN, 1001.0, 1001),
        (Kind.TEXT, True, "true"),
        (Kind.TEXT, False, "false"),
        (Kind.UNKNOWN, 7, 7),
        (Kind.UNKNOWN, "7", "7"),
        (Kind.UNKNOWN, True, True),
        (Kind.NUMBER, "25", 25),
        (Kind.NUMBER, " -2.5 ", -2.5),
        (Kind.NUMBER, 25.0, 25),
        (Kind.NUMBER, "1e3", 1000),
        (Kind.NUMBER, "1E3", 1000),
        (Kind.NUMBER, "1234567890123456789", 1234567890123456789),
        (Kind.NUMBER, 2**64 - 1, 2**64 - 1),
        (Kind.NUMBER, 2**64, "18446744073709551616"),
        (Kind.NUMBER, -(2**63) - 1, "-9223372036854775809"),
        (Kind.NUMBER, 1e22, "10000000000000000000000"),
        (Kind.UNKNOWN, 10**20, "100000000000000000000"),
        (Kind.BOOLEAN, True, True),
        (Kind.BOOLEAN, "True", True),
        (Kind.BOOLEAN, "false", False),
        (Kind.BOOLEAN, "no", False),
        (Kind.BOOLEAN, 1, True),
        (Kind.BOOLEAN, 1.0, True),
        (Kind.BOOLEAN, 0.0, False),
        (Kind.DATE, "2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
        (Kind.DATE, "2024-01-31T10:00:00.1234567+02:00", "2024-01-31T08:00:00Z"),
        (Kind.DATE, "2024-01-31 10:00:00", "2024-01-31T10:00:00Z"),
        (Kind.DATE, "2024-01-31", "2024-01-31T00:00:00Z"),
        (Kind.DATE, "20240131", "2024-01-31T00:00:00Z"),
        (Kind.DATE, "1965-04-01", "1965-04-01T00:00:00Z"),
        (Kind.DATE, "2024", "2024-01-01T00:00:00Z"),
        (Kind.DATE, " 2024-01-31\u00a0", "2024-01-31T00:00:00Z"),
        (Kind.DATE, 100_000_000, 100_000_000),
        (Kind.DATE, "1706659200", "2024-01-31T00:00:00Z"),
        (Kind.DATE, 1706659200, 1706659200),
    ],
)
def test_fit_converts_values_to_the_field(kind: Kind, value: Any, taken: Any) -> None:
    result = fit(CUSTOM[kind])(value)
    assert result == taken and type(result) is type(taken)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[(kind, value) for kind in Kind for value in (["a"], {"a": 1})],
        (Kind.NUMBER, "seven"), (Kind.NUMBER, "1_000"), (Kind.NUMBER, "nan"), (Kind.NUMBER, "inf"), (Kind.NUMBER, "1e999"),
        (Kind.NUMBER, True), (Kind.NUMBER, "9" * 5000), (Kind.DATE, "253402300800"),
        (Kind.BOOLEAN, "maybe"), (Kind.BOOLEAN, 2),
        (Kind.DATE, "soon"), (Kind.DATE, "2024-13-01"), (Kind.DATE, "2023-02-30"), (Kind.DATE, True),
        (Kind.DATE, 1706659200000), (Kind.DATE, "1706659200000"), (Kind.DATE, "0001-01-01"), (Kind.DATE, 45306), (Kind.DATE, "45306"),
        (Kind.DATE, 45306.5), (Kind.DATE, 2024), (Kind.DATE, 20240131), (Kind.DATE, 99_999_999), (Kind.DATE, "0999"),
    ],
)  # fmt: skip
def test_fit_of_unfit_value_is_rejected_unquoted(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueRejected, match=r"^is (a|an|text)\b.*, and (the|a) field") as caught:
        fit(CUSTOM[kind])(value)
    assert str(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "needs"),
    [
        (Kind.TEXT, "the field needs text"), (Kind.NUMBER, "the field needs a number"), (Kind.BOOLEAN, "the field needs true or false"),
        (Kind.DATE, r"the field needs a date \(ISO 8601, or Unix seconds\)"),
        (Kind.UNKNOWN, "a field takes one value; name one of its elements"),
    ],
)  # fmt: skip
def test_fit_of_a_list_names_what_the_field_takes(kind: Kind, needs: str) -> None:
    with pytest.raises(ValueRejected, match=f"^is a list, and {needs}$"):
        fit(CUSTOM[kind])(["a"])


def test_fit_of_a_date_is_in_utc_in_any_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "EAST-9")
    time.tzset()
    try:
        assert fit(CUSTOM[Kind.DATE])("2024-01-31T10:00:00Z") == "2024-01-31T10:00:00Z"
    finally:
        monkeypatch.undo()
        time.tzset()


PHONE = PersonField("phone_number", "Phone", Kind.TEXT, is_phone=True)


@pytest.mark.parametrize("stored", ["+15550100000", "+1 555 010 0000", "1-555-010-0000", 15550100000])
def test_differs_of_a_phone_number_compares_its_digits(stored: Any) -> None:
    assert not differs(PHONE, stored, "+1 (555) 010-0000")
    assert differs(PHONE, stored, "+1 (555) 010-0001")
    assert not differs(PHONE, stored, "+1 (555) 010-0000", ignore_case=True), "as a sync key, too"
    assert differs(CUSTOM[Kind.TEXT], stored, "+1 (555) 010-0000")


OFFICE = PersonField(
    "office", "Office", Kind.TEXT, choices=Choices([("b", "Boston"), ("9", "New York"), ("yes", "Yes"), ("no", "No")])
)
GRADE = PersonField("grade", "Grade", Kind.NUMBER, choices=Choices([("1", "One"), ("25", "1")], by_key=True))


@pytest.mark.parametrize(
    ("field", "value", "written"),
    [
        (OFFICE, "Boston", "Boston"), (OFFICE, " boston ", "Boston"), (OFFICE, "B", "Boston"), (OFFICE, "new  york", "New York"),
        (OFFICE, 9, "New York"), (OFFICE, 9.0, "New York"), (OFFICE, True, "Yes"), (OFFICE, False, "No"), (OFFICE, " ", ""),
        (GRADE, "One", 1), (GRADE, 1, 1), (GRADE, "1", 1), (GRADE, 25.0, 25),
    ],
)  # fmt: skip
def test_fit_of_a_drop_down_returns_list_entry(field: PersonField, value: Any, written: Any) -> None:
    result = fit(field)(value)
    assert result == written and type(result) is type(written)
    assert written == "" or fit(field)(written) == written


@pytest.mark.parametrize("value", ["Rome", 7, 0.5, "Bost"])
def test_fit_of_a_drop_down_rejects_other_values(value: Any) -> None:
    with pytest.raises(ValueRejected, match=r"is not in the field's list: Boston, New York, Yes, No$"):
        fit(OFFICE)(value)


@pytest.mark.parametrize(
    ("field", "current", "wanted", "different"),
    [
        (OFFICE, "b", "Boston", False), (OFFICE, "BOSTON", "Boston", False), (OFFICE, "9", "New York", False),
        (OFFICE, 9, "New York", False), (OFFICE, True, "Yes", False), (OFFICE, "Boston", "New York", True), (OFFICE, None, "Boston", True),
        (OFFICE, "Rome", "Boston", True),
        (GRADE, "One", 1, False), (GRADE, "1", 25, False), (GRADE, "One", 25, True), (GRADE, "25", 25, False), (GRADE, {}, 25, True),
    ],
)  # fmt: skip
def test_differs_of_a_drop_down_takes_key_and_value(
    field: PersonField, current: Any, wanted: Any, different: bool
) -> None:
    assert differs(field, current, wanted) is different


def test_fit_rejects_text_longer_than_the_field() -> None:
    title = fit(PersonField("position", "Title", Kind.TEXT, length=128))
    assert title(" " + "x" * 128) == "x" * 128
    with pytest.raises(ValueRejected, match=r"^is a text of 129 characters, and the field takes 128$"):
        title("x" * 129)
    number = fit(PersonField("n", "N", Kind.TEXT, length=20))
    assert number(10**19) == "1" + "0" * 19
    with pytest.raises(ValueRejected, match=r"^is a text of 21 characters, and the field takes 20$"):
        number(10**20)


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.UNKNOWN])
def test_fit_rejects_huge_text_if_no_length_is_known(kind: Kind) -> None:
    with pytest.raises(ValueRejected, match=f"the field takes {MAX_TEXT}$"):
        fit(CUSTOM[kind])("x" * (MAX_TEXT + 1))


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.sampled_from([*CUSTOM.values(), PHONE, OFFICE]), plain, plain)
def test_differs_is_reflexive_and_symmetric(field: PersonField, one: Any, other: Any) -> None:
    for ignore_case in (False, True):
        assert not differs(field, one, one, ignore_case)
        if field is not OFFICE:
            assert differs(field, one, other, ignore_case) == differs(field, other, one, ignore_case)


@given(kinds.filter(lambda kind: kind in (Kind.TEXT, Kind.UNKNOWN)), st.text(min_size=1, max_size=200) | st.integers())
def test_look_up_finds_what_was_written(kind: Kind, value: Any) -> None:
    key = fit(CUSTOM[kind])(value)
    try:
        literal(key)
    except ValueError:
        return
    stored = fit(CUSTOM[kind])(key)
    assert key == stored and folded(stored) == folded(value)
    if key != "":
        ((asked, _),) = look_ups("email", [key], 6000)
        assert [folded(each) for each in asked] == [folded(stored)]


@pytest.mark.parametrize(
    ("current", "wanted", "is_later"),
    [
        (None, "2024-01-31", True), ("", 1706659201, True), ("never", "2024-01-31", True), (1706659200, "2024-01-31T00:00:01Z", True),
        (1706659200, "2024-01-31", False), (1706659201, "2024-01-31", False), ("2024-02-01", 1706659200, False), (1706659200, None, False),
        ("2024-01-31", "", False),
    ],
)  # fmt: skip
def test_later_compares_dates_in_any_notation(current: Any, wanted: Any, is_later: bool) -> None:
    assert later(current, wanted) is is_later


def test_kept_otherwise_lists_changed_fields() -> None:
    fields = {
        each.id: each
        for each in (PHONE, OFFICE, PersonField("position", "", Kind.TEXT), PersonField("email", "", Kind.TEXT))
    }
    sent = {
        "phone_number": "+1 (555) 010-0000",
        "office": "Boston",
        "position": "head of IT",
        "email": "Ada@X.example",
        "odd": 1,
        "gone": 2,
    }
    stored = {
        "phone_number": "+15550100000",
        "office": "b",
        "position": "Head Of It",
        "email": "ada@x.example",
        "odd": 2,
    }
    assert kept_otherwise(sent, stored, fields) == ["position"]
    assert kept_otherwise({"position": "x"}, {"position": None}, fields) == ["position"]
    assert kept_otherwise({"position": "Boss"}, {"position": "BOSS"}, fields, ["position"]) == []
    assert kept_otherwise({"position": ""}, {"position": None}, fields) == []


@given(kinds, json_values.filter(lambda value: value is not None))
def test_fit_of_any_value_is_stable_or_rejected(kind: Kind, value: Any) -> None:
    try:
        taken = fit(CUSTOM[kind])(value)
    except ValueRejected:
        return
    assert isinstance(taken, (str, int, float, bool))
    assert orjson.loads(orjson.dumps(taken)) == taken
    assert fit(CUSTOM[kind])(taken) == taken
    assert not differs(CUSTOM[kind], taken, taken, False)


@pytest.mark.parametrize(
    ("kind", "current", "wanted"),
    [
        (Kind.TEXT, "a", "a"), (Kind.TEXT, None, ""), (Kind.TEXT, "", None), (Kind.TEXT, "  ", None), (Kind.TEXT, 7, "7"),
        (Kind.NUMBER, "25", 25), (Kind.NUMBER, 25.0, 25), (Kind.NUMBER, "2.50", 2.5),
        (Kind.BOOLEAN, "1", True), (Kind.BOOLEAN, 1, True), (Kind.BOOLEAN, "0", False), (Kind.BOOLEAN, "false", False),
        (Kind.UNKNOWN, "1", True), (Kind.UNKNOWN, 7, "7"), (Kind.UNKNOWN, "7", 7), (Kind.UNKNOWN, False, False),
        (Kind.DATE, 1706695200, "2024-01-31T10:00:00Z"), (Kind.DATE, "1706695200", "2024-01-31T10:00:00Z"),
        (Kind.DATE, "2024-01-31T10:00:00+00:00", "2024-01-31T10:00:00Z"), (Kind.DATE, "2024-01-31T10:00:00Z", 1706695200),
        (Kind.DATE, "2024-01-31T10:00:00.5Z", "2024-01-31T10:00:00Z"),
        (Kind.UNKNOWN, 1706695200, "2024-01-31T10:00:00Z"), (Kind.UNKNOWN, 25, "25.0"), (Kind.UNKNOWN, 20240131, "20240131"),
        (Kind.UNKNOWN, 1706659200, "20240131"), (Kind.TEXT, "Head of IT", " Head  of IT "), (Kind.TEXT, "Zoe\u0308", "Zo\u00eb"),
        (Kind.TEXT, "a\u00a0b", "a b"), (Kind.TEXT, 1001.0, "1001"), (Kind.TEXT, True, "true"), (Kind.UNKNOWN, "25.0", 25),
    ],
)  # fmt: skip
def test_differs_ignores_notation(kind: Kind, current: Any, wanted: Any) -> None:
    assert not differs(CUSTOM[kind], current, wanted, False)


@pytest.mark.parametrize(
    ("kind", "current", "wanted"),
    [
        (Kind.TEXT, "a", "b"), (Kind.TEXT, "a", "A"), (Kind.TEXT, "7", "07"), (Kind.TEXT, None, "a"), (Kind.TEXT, "a", ""),
        (Kind.TEXT, None, "None"), (Kind.TEXT, 7, "07"), (Kind.UNKNOWN, "7", "07"),
        (Kind.TEXT, "a", None), (Kind.NUMBER, "25", 26), (Kind.NUMBER, "many", 26), (Kind.NUMBER, None, 0),
        (Kind.BOOLEAN, "1", False), (Kind.BOOLEAN, "x", True), (Kind.BOOLEAN, None, False), (Kind.UNKNOWN, "1", False),
        (Kind.DATE, 1706695201, "2024-01-31T10:00:00Z"), (Kind.DATE, "never", "2024-01-31T10:00:00Z"),
        (Kind.UNKNOWN, 7, "8"), (Kind.UNKNOWN, 7, "a"), (Kind.UNKNOWN, 25, "25.7"), (Kind.UNKNOWN, 7, "12e456"),
        (Kind.DATE, "1e999", "2024-01-31T10:00:00Z"), (Kind.DATE, 10**400, "2024-01-31T10:00:00Z"),
    ],
)  # fmt: skip
def test_differs_detects_another_meaning(kind: Kind, current: Any, wanted: Any) -> None:
    assert differs(CUSTOM[kind], current, wanted, False)


def test_differs_ignores_case_only_if_asked() -> None:
    field = CUSTOM[Kind.TEXT]
    assert differs(field, "Ada@acme.example", "ada@acme.example", False)
    assert not differs(field, " Ada@acme.example ", "ada@ACME.example", True)
    assert differs(field, "ada@acme.example", "eve@acme.example", True)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_differs_compares_dates_across_time_zones(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    taken = fit(CUSTOM[Kind.DATE])(moment.isoformat())
    assert taken == moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert not differs(CUSTOM[Kind.DATE], int(moment.timestamp()), taken, False)
    assert differs(CUSTOM[Kind.DATE], int(moment.timestamp()) + 1, taken, False)
