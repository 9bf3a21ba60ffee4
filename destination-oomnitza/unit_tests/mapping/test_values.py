"""Values: what a field takes, and when two values are the same."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from destination_oomnitza.mapping.values import ValueRejected, differs, fit
from destination_oomnitza.person_schema import Kind, PersonField
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
    ("value", "told"),
    [
        (5, "is a number"), (1.5, "is a number"), (True, "is a boolean"), (["a"], "is a list"), ({"a": 1}, "is an object"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", list(Kind))
def test_names_must_be_text_whatever_the_metadata_says(name: str, value: Any, told: str, kind: Kind) -> None:
    with pytest.raises(ValueRejected, match=f"{told}, and the field needs text"):
        fit(PersonField(name, name, kind))(value)
    assert fit(PersonField(name, name, kind))(" Ada ") == "Ada"


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        (Kind.TEXT, "+15551234567", "+15551234567"),
        (Kind.TEXT, "007", "007"),
        (Kind.TEXT, " kept ", " kept "),
        (Kind.TEXT, 7, "7"),
        (Kind.TEXT, 7.5, "7.5"),
        (Kind.TEXT, True, "true"),
        (Kind.TEXT, False, "false"),
        (Kind.UNKNOWN, 7, 7),
        (Kind.UNKNOWN, "7", "7"),
        (Kind.UNKNOWN, True, True),
        (Kind.NUMBER, "25", 25),
        (Kind.NUMBER, " -2.5 ", -2.5),
        (Kind.NUMBER, 25.0, 25),
        (Kind.NUMBER, "1e3", 1000),
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
        (Kind.BOOLEAN, 0.0, False),
        (Kind.DATE, "2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
        (Kind.DATE, "2024-01-31T10:00:00.1234567+02:00", "2024-01-31T08:00:00Z"),
        (Kind.DATE, "2024-01-31 10:00:00", "2024-01-31T10:00:00Z"),
        (Kind.DATE, "2024-01-31", "2024-01-31T00:00:00Z"),
        (Kind.DATE, "20240131", "2024-01-31T00:00:00Z"),
        (Kind.DATE, "1965-04-01", "1965-04-01T00:00:00Z"),
        (Kind.DATE, "1706659200", "2024-01-31T00:00:00Z"),
        (Kind.DATE, 1706659200, 1706659200),
    ],
)
def test_values_become_what_their_field_takes(kind: Kind, value: Any, taken: Any) -> None:
    result = fit(CUSTOM[kind])(value)
    assert result == taken and type(result) is type(taken)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[(kind, value) for kind in Kind for value in (["a"], {"a": 1})],
        (Kind.NUMBER, "seven"), (Kind.NUMBER, "1_000"), (Kind.NUMBER, "nan"), (Kind.NUMBER, "inf"), (Kind.NUMBER, "1e999"),
        (Kind.NUMBER, True), (Kind.NUMBER, "9" * 5000),
        (Kind.BOOLEAN, "maybe"), (Kind.BOOLEAN, 2),
        (Kind.DATE, "soon"), (Kind.DATE, "2024-13-01"), (Kind.DATE, "2023-02-30"), (Kind.DATE, True),
        (Kind.DATE, 1706659200000), (Kind.DATE, "1706659200000"), (Kind.DATE, "0001-01-01"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_without_quoting_it(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueRejected, match=r"^is (a|an|text)\b.*, and (the|a) field") as caught:
        fit(CUSTOM[kind])(value)
    assert str(value) not in str(caught.value)


@given(kinds, json_values.filter(lambda value: value is not None))
def test_any_value_fits_or_is_refused_and_what_fits_is_plain_and_stays(kind: Kind, value: Any) -> None:
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
        (Kind.UNKNOWN, 1706659200, "20240131"),
    ],
)  # fmt: skip
def test_the_same_in_another_notation_is_no_difference(kind: Kind, current: Any, wanted: Any) -> None:
    assert not differs(CUSTOM[kind], current, wanted, False)


@pytest.mark.parametrize(
    ("kind", "current", "wanted"),
    [
        (Kind.TEXT, "a", "b"), (Kind.TEXT, "a", "A"), (Kind.TEXT, "7", "07"), (Kind.TEXT, None, "a"), (Kind.TEXT, "a", ""),
        (Kind.TEXT, "a", None), (Kind.NUMBER, "25", 26), (Kind.NUMBER, "many", 26), (Kind.NUMBER, None, 0),
        (Kind.BOOLEAN, "1", False), (Kind.BOOLEAN, "x", True), (Kind.BOOLEAN, None, False), (Kind.UNKNOWN, "1", False),
        (Kind.DATE, 1706695201, "2024-01-31T10:00:00Z"), (Kind.DATE, "never", "2024-01-31T10:00:00Z"),
        (Kind.UNKNOWN, 7, "8"), (Kind.UNKNOWN, 7, "a"), (Kind.UNKNOWN, 25, "25.7"), (Kind.UNKNOWN, 7, "12e456"),
        (Kind.DATE, "1e999", "2024-01-31T10:00:00Z"), (Kind.DATE, 10**400, "2024-01-31T10:00:00Z"),
    ],
)  # fmt: skip
def test_another_meaning_is_a_difference(kind: Kind, current: Any, wanted: Any) -> None:
    assert differs(CUSTOM[kind], current, wanted, False)


def test_case_counts_only_where_it_is_said_to() -> None:
    field = CUSTOM[Kind.TEXT]
    assert differs(field, "Ada@acme.example", "ada@acme.example", False)
    assert not differs(field, " Ada@acme.example ", "ada@ACME.example", True)
    assert differs(field, "ada@acme.example", "eve@acme.example", True)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_the_same_in_every_time_zone(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    taken = fit(CUSTOM[Kind.DATE])(moment.isoformat())
    assert taken == moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert not differs(CUSTOM[Kind.DATE], int(moment.timestamp()), taken, False)
    assert differs(CUSTOM[Kind.DATE], int(moment.timestamp()) + 1, taken, False)
