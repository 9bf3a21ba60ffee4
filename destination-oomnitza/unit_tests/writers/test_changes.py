"""Tests of changes: the fields that a record writes to an existing person."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.config.models import FieldMapping
from destination_oomnitza.mapping.record_mapping import MappedRecord, RecordMapping
from destination_oomnitza.mapping.rules import explicit_rule
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.capabilities import REST
from destination_oomnitza.planning.model import ExistingPeople, PeoplePlan, StreamPlan
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.writers.changes import (
    changed_fields,
    changes_identity,
    fields_kept_otherwise,
    has_other_user_name,
)
from hypothesis import given
from hypothesis import strategies as st

SCHEMA = PersonSchema.parse(
    {
        "role": {"searchhelp": [{"key": "25", "value": "Employee"}, {"key": "1", "value": "Boss"}]},
        "last_seen": {"data_type": "date"},
        "slack_user_id": {"data_type": "text", "unique": "1"},
    }
)
ENTRIES = [
    {"field": "email", "value": "email"},
    {"field": "username", "value": "name"},
    {"field": "slack_user_id", "value": "id"},
    {"field": "position", "value": "title"},
]


def plan_of(
    *entries: dict[str, Any],
    sync_keys: tuple[str, ...] = ("email", "slack_user_id"),
    update_sync_keys: bool = False,
    existing: ExistingPeople = "write",
) -> StreamPlan:
    rules = [explicit_rule(FieldMapping.model_validate(each), SCHEMA) for each in (*ENTRIES, *entries)]
    people = PeoplePlan(creates=True, existing=existing, update_sync_keys=update_sync_keys)
    return StreamPlan(Stream("users"), RecordMapping(rules, sync_keys, SCHEMA.fields), None, people, None, REST)


def mapped(plan: StreamPlan, **record: Any) -> MappedRecord:
    row = plan.mapping({"email": "ada@x.example", **record})
    assert row is not None
    return row


def written(
    person: dict[str, Any], *entries: dict[str, Any], update_sync_keys: bool = False, **record: Any
) -> dict[str, Any]:
    plan = plan_of(*entries, update_sync_keys=update_sync_keys)
    return changed_fields(plan, mapped(plan, **record), {"email": "ada@x.example", **person})


@pytest.mark.parametrize("existing", ["keep", "skip"])
def test_changes_are_none_if_people_are_kept(existing: ExistingPeople) -> None:
    plan = plan_of(existing=existing)
    assert changed_fields(plan, mapped(plan, title="Boss"), {"email": "ada@x.example"}) == {}


def test_changes_leave_the_user_name_alone() -> None:
    assert written({"username": "sso.ada"}, name="ada", title="Boss") == {"position": "Boss"}
    plan = plan_of(sync_keys=("username", "email"), update_sync_keys=True)
    assert changed_fields(plan, mapped(plan, name="ada"), {"username": "sso.ada", "email": "ada@x.example"}) == {}


@pytest.mark.parametrize(("also", "expected"), [(False, {}), (True, {"slack_user_id": "U2"})])
def test_changes_hold_a_further_key_only_if_wanted(also: bool, expected: dict[str, Any]) -> None:
    assert written({"slack_user_id": "U1"}, update_sync_keys=also, id="U2") == expected


def test_changes_hold_the_first_key() -> None:
    assert written({"email": "ada@old.example"}) == {"email": "ada@x.example"}
    assert written({"email": "ADA@X.example"}) == {}


@pytest.mark.parametrize(
    ("there", "comes", "expected"),
    [
        (None, "2024-01-31", "2024-01-31T00:00:00Z"),
        (1706659199, "2024-01-31", "2024-01-31T00:00:00Z"),
        (1706659200, "2024-01-31", None),
        ("2024-02-01T00:00:00Z", "2024-01-31", None),
        (1706659200, 1706659300, 1706659300),
        (1706659200, None, None),
    ],
)
def test_changes_of_a_newest_rule_never_go_back(there: Any, comes: Any, expected: Any) -> None:
    rule = {"field": "last_seen", "value": "seen", "newest": True, "write_empty": True}
    assert written({"last_seen": there}, rule, seen=comes).get("last_seen") == expected


@pytest.mark.parametrize(("there", "expected"), [(None, "Boss"), (" ", "Boss"), ("Clerk", None)])
def test_changes_of_an_if_empty_rule_fill_empty_fields(there: Any, expected: Any) -> None:
    rule = {"field": "position", "value": "title", "if_empty_only": True}
    assert written({"position": there}, rule, title="Boss").get("position") == expected


def test_changes_empty_a_field_only_if_wanted() -> None:
    assert written({"position": "Clerk"}, title="") == {}
    assert written({"position": "Clerk"}, {"field": "position", "value": "title", "write_empty": True}, title="") == {
        "position": ""
    }


@pytest.mark.parametrize("there", [1, "1", "Boss", "boss"])
def test_changes_compare_a_role_by_id_and_name(there: Any) -> None:
    role = {"field": "role", "value": "role"}
    assert written({"role": there}, role, role="Boss") == {}
    assert written({"role": there}, role, role="Employee") == {"role": 25}


@pytest.mark.parametrize(
    ("record_name", "there", "other"),
    [
        ("ada", "sso.ada", True),
        ("Ada", "ada", False),
        ("ada", None, True),
        (None, "ada", False),
        (" ada ", "ADA", False),
    ],
)
def test_has_other_user_name_compares_without_case(record_name: str | None, there: str | None, other: bool) -> None:
    assert has_other_user_name(mapped(plan_of(), name=record_name), {"username": there}) is other


@pytest.mark.parametrize(
    ("there", "changed"),
    [("U1", False), ("u1", False), ("U2", True), (None, False), (" ", False), (7, True)],
)
def test_changes_identity_if_the_first_key_is_another(there: Any, changed: bool) -> None:
    plan = plan_of(sync_keys=("slack_user_id", "email"))
    assert changes_identity(plan, mapped(plan, id="U1"), {"slack_user_id": there, "email": "ada@x.example"}) is changed
    assert not changes_identity(plan, mapped(plan, id=None), {"slack_user_id": there})


def test_changes_identity_compares_a_phone_number_by_its_digits() -> None:
    plan = plan_of({"field": "phone_number", "value": "phone"}, sync_keys=("phone_number", "email"))
    record = mapped(plan, phone="+1 (555) 010-0000")
    assert not changes_identity(plan, record, {"phone_number": "+15550100000"})
    assert changes_identity(plan, record, {"phone_number": "+15550100001"})


def test_fields_kept_otherwise_are_those_of_another_meaning() -> None:
    plan = plan_of(sync_keys=("email", "slack_user_id"))
    sent = {"role": 25, "slack_user_id": "u1", "position": "boss", "phone_number": "+1 555"}
    stored = {"role": "Employee", "slack_user_id": "U1", "position": "Boss", "phone_number": "1555", "email": "other"}
    assert fields_kept_otherwise(plan, sent, stored) == ["position"]
    assert fields_kept_otherwise(plan, sent, {}) == []


values = st.text() | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.sampled_from(["title", "id", "phone", "seen"]), values), st.booleans())
def test_changes_are_none_once_they_are_written(record: dict[str, Any], update_sync_keys: bool) -> None:
    plan = plan_of({"field": "phone_number", "value": "phone", "write_empty": True}, update_sync_keys=update_sync_keys)
    try:
        row = plan.mapping({"email": "ada@x.example", "name": "ada", **record})
    except ValueError:
        return
    assert row is not None
    person: dict[str, Any] = {"email": "Ada@X.example", "username": "ADA", "position": "Clerk", "phone_number": "7"}
    person |= changed_fields(plan, row, person)
    assert changed_fields(plan, row, person) == {}
