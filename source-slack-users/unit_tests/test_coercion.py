"""Tests the coercion of Slack's values into the types of the schemas."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import source_slack_users
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from source_slack_users.coercion import coercions, flag, mapping, moment, record_builder, text, texts, whole

SCHEMAS = Path(source_slack_users.__file__).parent / "schemas"

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@pytest.mark.parametrize(
    ("value", "result"),
    [("a", "a"), ("", None), (5, "5"), (1.5, "1.5"), (True, None), (None, None), (["a"], None), ({"a": 1}, None)],
)
def test_text_of_slacks_value(value: Any, result: str | None) -> None:
    assert text(value) == result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (True, True),
        (1, True),
        (1.0, True),
        ("1", True),
        (" True ", True),
        (False, False),
        (0, False),
        ("0", False),
        ("false", False),
        ("", None),
        ("maybe", None),
        (None, None),
        ([1], None),
        ({}, None),
    ],
)
def test_flag_of_slacks_value(value: Any, result: bool | None) -> None:
    assert flag(value) is result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (5, 5),
        (5.9, 5),
        ("-25200", -25200),
        (" 1500000003 ", 1_500_000_003),
        ("1500000003.5", 1_500_000_003),
        ("soon", None),
        ("1_000", None),
        ("", None),
        (True, None),
        (None, None),
        ([5], None),
        (float("nan"), None),
        (float("inf"), None),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (1 - 2**63, 1 - 2**63),
        ("9" * 30, None),
    ],
)
def test_whole_of_slacks_value(value: Any, result: int | None) -> None:
    assert whole(value) == result
    assert type(whole(value)) is type(result)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        ("1700000000", "2023-11-14T22:13:20Z"),
        (0, None),
        (10**15, None),
        ("soon", None),
        (None, None),
    ],
)
def test_moment_of_slacks_value(value: Any, result: str | None) -> None:
    assert moment(value) == result


def test_moment_is_in_utc_whatever_the_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "EAST-9")
    time.tzset()
    try:
        assert moment(1_700_000_000) == "2023-11-14T22:13:20Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_mapping_of_anything_else_is_none() -> None:
    assert mapping({"a": 1}) == {"a": 1}
    assert [mapping(value) for value in ({}, [], [1], "a", None)] == [None] * 5


def test_texts_leave_out_what_is_not_text() -> None:
    assert texts(["U1", 5, None, "", ["U2"]]) == ["U1", "5"]
    assert [texts(value) for value in ("U1", None, {})] == [None] * 3


def test_record_builder_takes_slacks_names_and_types() -> None:
    build = record_builder("last_logins", {"last_login_at": "date_last", "login_count": "count"})
    record = build({"user_id": "U1", "date_last": "1700000000", "count": "3", "login_count": 9, "ip": ""})
    expected = {"user_id": "U1", "last_login_at": "2023-11-14T22:13:20Z", "login_count": 3, "ip": None}
    assert {name: record[name] for name in expected} == expected
    assert record_builder("last_logins")({"login_count": 3})["login_count"] == 3


@given(ANYTHING)
def test_coercion_of_anything_has_its_type(value: Any) -> None:
    assert isinstance(text(value), str | None)
    assert flag(value) in (True, False, None)
    assert isinstance(whole(value), int | None)
    assert isinstance(moment(value), str | None)


@pytest.mark.parametrize("stream", ["last_logins", "billable_info", "user_groups", "member_activity"])
@given(data=st.data())
def test_record_builder_satisfies_the_schema(stream: str, data: st.DataObject) -> None:
    """Any value fits the schema after coercion, except for the key."""
    schema = json.loads((SCHEMAS / f"{stream}.json").read_text())
    item = data.draw(
        st.dictionaries(st.sampled_from([*schema["properties"], "count", "date_last"]), ANYTHING) | ANYTHING
    )
    keys = {name: "x" for name, field in schema["properties"].items() if "null" not in field["type"]}
    record = record_builder(stream, {"login_count": "count", "last_login_at": "date_last"})(item)
    Draft7Validator(schema).validate(record | keys | {"date": "2026-01-31", "billing_active": True})
    assert list(record) == list(coercions(stream))
