"""Tests of the mapping: one record, one person, or a reason to reject it."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.config.models import FieldMapping
from destination_oomnitza.mapping.expressions import compile_condition, compile_value
from destination_oomnitza.mapping.record_mapping import RecordMapping, RecordRejected, SaasRules
from destination_oomnitza.mapping.rules import explicit_rule, smart_rules
from destination_oomnitza.person_schema import PersonSchema
from hypothesis import given
from hypothesis import strategies as st

SLACK_STREAM = [
    "id",
    "team_id",
    "name",
    "email",
    "first_name",
    "last_name",
    "real_name",
    "display_name",
    "title",
    "phone",
    "skype",
    "pronouns",
    "deleted",
    "is_admin",
    "is_owner",
    "is_restricted",
    "is_ultra_restricted",
    "is_bot",
    "role",
    "status",
    "updated",
    "connector_sync_time",
    "profile",
]


def metadata(**custom: Any) -> PersonSchema:
    """Return an instance with some custom fields: id=label, or id={...}."""
    fields = {
        name: expected if isinstance(expected, dict) else {"label": expected, "data_type": "text"}
        for name, expected in custom.items()
    }
    role = {"label": "Role", "searchhelp": [{"key": "25", "value": "Employee"}, {"key": "1", "value": "Boss"}]}
    return PersonSchema.parse({"role": role, **fields})


def mapping(*entries: dict[str, Any], instance: PersonSchema | None = None, **more: Any) -> RecordMapping:
    """Return a mapping of these rules, with the e-mail address as sync key."""
    instance = instance or metadata()
    rules = [
        explicit_rule(FieldMapping(**entry), instance) for entry in [{"field": "email", "value": "email"}, *entries]
    ]
    return RecordMapping(rules, more.pop("sync_keys", ("email",)), instance.fields, **more)


def fields(made: RecordMapping, **record: Any) -> dict[str, Any]:
    row = made({"email": "ada@acme.example", **record})
    assert row is not None
    return {name: value for name, value in row.fields.items() if name != "email"}


# -- rules -------------------------------------------------------------------------------------------------------------


def test_mapping_of_paths_templates_defaults_and_constants() -> None:
    made = mapping(
        {"field": "position", "value": "profile.jobs[0].title", "default": "Employee"},
        {"field": "full_name", "value": "{{ record['first'] }} {{ record['last'] }}"},
        {"field": "address", "default": "HQ"},
        {"field": "phone_number", "value": "phone"},
    )
    full = fields(made, profile={"jobs": [{"title": "Engineer"}]}, first="Ada", last="Lovelace", phone="+15551234567")
    assert full == {
        "position": "Engineer",
        "full_name": "Ada Lovelace",
        "address": "HQ",
        "phone_number": "+15551234567",
    }
    assert fields(made, first="Ada", profile={"jobs": [{"title": " "}]}) == {
        "position": "Employee",
        "full_name": "Ada",
        "address": "HQ",
    }


def test_write_empty_writes_the_empty_value_of_the_kind() -> None:
    instance = metadata(start={"label": "Start", "data_type": "date"})
    made = mapping(
        {"field": "phone_number", "value": "phone", "write_empty": True},
        {"field": "start", "value": "start", "write_empty": True},
        {"field": "position", "value": "title"},
        instance=instance,
    )
    assert fields(made) == {"phone_number": "", "start": None}
    assert fields(made, phone="", start="", title="") == {"phone_number": "", "start": None}


def test_mapping_converts_values_to_their_fields() -> None:
    instance = metadata(
        floor={"label": "Floor", "data_type": "integer"},
        remote={"label": "Remote", "data_type": "boolean"},
        note={"label": "Note", "data_type": "text"},
        start={"label": "Start", "data_type": "date"},
    )
    entries = [{"field": name, "value": name} for name in ("floor", "remote", "note", "start", "role")]
    made = mapping(*entries, instance=instance)
    assert fields(made, floor="7", remote="yes", note=7, start="2024-01-31", role="employee") == {
        "floor": 7,
        "remote": True,
        "note": "7",
        "start": "2024-01-31T00:00:00Z",
        "role": 25,
    }
    assert fields(made, note=True) == {"note": "true"}


def test_mapping_keeps_booleans_unless_field_is_text() -> None:
    made = mapping({"field": "is_admin", "value": "is_admin"}, instance=PersonSchema.unknown())
    assert fields(made, is_admin=True) == {"is_admin": True}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"email": 12345}, "email: is a number, and the field needs text"),
        ({"email": True}, "email: is a boolean"),
        ({"first": ["Ada"]}, "first_name: is a list"),
        ({"first": {"x": 1}}, "first_name: is an object"),
        ({"first": 5}, "first_name: is a number"),
        ({"title": ["a", "b"]}, "position: is a list"),
        ({"role": "Wizard"}, r"role: names no role: there is no role 'Wizard'; there are Employee \(25\), Boss \(1\)"),
        ({"role": ["Boss"]}, "role: is not a role"),
        ({"n": 0}, "address: the template fails: ZeroDivisionError"),
    ],
)
def test_mapping_of_unfit_value_rejects_with_field_name(record: dict[str, Any], expected: str) -> None:
    made = mapping(
        {"field": "first_name", "value": "first"},
        {"field": "position", "value": "title"},
        {"field": "role", "value": "role"},
        {"field": "address", "value": "{{ 1 / record['n'] }}"},
    )
    with pytest.raises(RecordRejected, match=expected):
        made({"email": "ada@acme.example", "n": 1, **record})


def test_describe_names_a_rejected_record() -> None:
    made = mapping()
    assert made.describe({"email": 12345, "id": "U1"}) == "email=12345"
    assert made.describe({"email": ["x"], "id": "U1"}) == "id=U1"
    assert made.describe({"email": None}) == made.describe("no object") == "a record without a key"
    assert len(made.describe({"email": "x" * 5000})) < 300


# -- fields that were nulled by an error -------------------------------------------------------------------------------


def nulled(*fields: Any) -> dict[str, Any]:
    return {"changes": [{"field": each, "change": "NULLED", "reason": "SOURCE_SERIALIZATION_ERROR"} for each in fields]}


@pytest.mark.parametrize(
    ("value", "field", "kept"),
    [
        ("phone", "phone", True),
        ("profile.phone", "profile.phone", True),
        ("profile.phone", "profile", True),
        ("profile.phones[0].number", "profile.phones[0]", True),
        ("{{ record['phone'] }}", "phone", True),
        ("{{ phone or '-' }}", "phone", True),
        ("{{ record.values() | first }}", "phone", True),
        ("phone", "phones", False),
        ("profile.phone", "profile.fax", False),
        ("{{ record['phone'] }}", "fax", False),
    ],
)
def test_mapping_of_a_nulled_field_leaves_it_as_it_is(value: str, field: str, kept: bool) -> None:
    made = mapping({"field": "phone_number", "value": value, "write_empty": True, "default": None})
    record = {"email": "ada@acme.example"}
    row = made(record, nulled(field))
    assert row is not None and ("phone_number" in row.fields) is not kept


def test_mapping_of_a_nulled_field_gives_no_default() -> None:
    made = mapping({"field": "position", "value": "title", "default": "Employee"})
    row = made({"email": "ada@acme.example"}, nulled("title"))
    assert row is not None and row.fields == {"email": "ada@acme.example"}
    row = made({"email": "ada@acme.example"}, nulled("name"))
    assert row is not None and row.fields["position"] == "Employee"


@pytest.mark.parametrize(
    "meta",
    [
        {}, {"changes": None}, {"changes": []}, {"changes": [{"field": "title", "change": "TRUNCATED"}]},
        {"changes": [7, {}, {"change": "NULLED"}]},
        {"changes": "odd"}, "odd", {"changes": 5},
    ],
)  # fmt: skip
def test_mapping_reads_over_meta_without_nulled_fields(meta: Any) -> None:
    row = mapping({"field": "position", "value": "title", "default": "Employee"})({"email": "a@b.example"}, meta)
    assert row is not None and row.fields["position"] == "Employee"


# -- keys, inactive accounts, new people -------------------------------------------------------------------------------


def test_mapping_keys_are_in_order_and_one_suffices() -> None:
    made = mapping({"field": "username", "value": "name"}, sync_keys=("username", "email"))
    row = made({"name": "ada", "email": "ada@acme.example"})
    assert row is not None and (row.keys, row.key) == (("ada", "ada@acme.example"), "username=ada")
    row = made({"email": "ada@acme.example"})
    assert row is not None and (row.keys, row.key) == ((None, "ada@acme.example"), "email=ada@acme.example")


@pytest.mark.parametrize("email", [None, "", "  "])
def test_mapping_without_a_key_is_none(email: str | None) -> None:
    assert mapping({"field": "address", "default": "HQ"})({"email": email, "name": "x"}) is None
    assert mapping({"field": "email", "value": "email", "write_empty": True})({"email": email}) is None


@pytest.mark.parametrize("email", ["\ufeffada@acme.example", "ada@acme.example\u200b", "\u00a0ada@acme.example "])
def test_mapping_cleans_the_ends_of_a_key(email: str) -> None:
    row = mapping()({"email": email})
    assert row is not None and (row.keys, row.fields) == (("ada@acme.example",), {"email": "ada@acme.example"})


@pytest.mark.parametrize("email", ["ada\u200b@acme.example", "a\u00adda@acme.example"])
def test_mapping_rejects_a_key_with_an_invisible_character(email: str) -> None:
    with pytest.raises(RecordRejected, match=r"email: contains an invisible character \(U\+(200B|00AD)\)"):
        mapping()({"email": email})
    row = mapping({"field": "position", "value": "title"})({"email": "ada@acme.example", "title": email})
    assert row is not None and row.fields["position"] == email


@pytest.mark.parametrize(
    ("given_id", "taken"), [(1001.0, "1001"), (" U1\u200b", "U1"), (" ", None), (None, None), (10**21, "1" + "0" * 21)]
)
def test_mapping_cleans_the_id_in_the_application(given_id: Any, taken: str | None) -> None:
    row = mapping(saas=SaasRules(compile_value("id"), None))({"email": "ada@acme.example", "id": given_id})
    assert row is not None and row.external_id == taken


def test_mapping_rejects_a_huge_id_in_the_application() -> None:
    made = mapping(saas=SaasRules(compile_value("id"), None))
    with pytest.raises(RecordRejected, match="the SaaS user: the id in the application is a text of 100001 characters"):
        made({"email": "ada@acme.example", "id": "x" * 100_001})


def test_mapping_of_system_key_does_not_write_it() -> None:
    made = mapping({"field": "user_id", "value": "oomnitza_id"}, sync_keys=("user_id", "email"))
    row = made({"oomnitza_id": "u1", "email": "ada@acme.example"})
    assert row is not None and row.keys == ("u1", "ada@acme.example")
    assert row.fields == {"email": "ada@acme.example"}


def test_inactive_condition_marks_the_record() -> None:
    made = mapping(inactive=compile_condition("{{ record['status'] == 'TERMINATED' }}"))
    rows = [made({"email": "a@b.example", "status": status}) for status in ("TERMINATED", "ACTIVE", None)]
    assert [row and row.inactive for row in rows] == [True, False, False]
    failing = mapping(inactive=compile_condition("{{ 1 / record['n'] }}"))
    with pytest.raises(RecordRejected, match="inactive_when: the template fails: ZeroDivisionError"):
        failing({"email": "a@b.example", "n": 0})


def test_new_person_gets_the_defaults_the_record_lacks() -> None:
    made = mapping(
        {"field": "position", "value": "title", "write_empty": True}, defaults={"role": 25, "position": "Employee"}
    )
    row = made({"email": "a@b.example", "title": "Boss"})
    assert row is not None and made.new_person(row) == {"email": "a@b.example", "position": "Boss", "role": 25}
    row = made({"email": "a@b.example"})
    assert row is not None and row.fields["position"] == ""
    assert made.new_person(row) == {"email": "a@b.example", "position": "Employee", "role": 25}


anything = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()) | st.just({})


@given(st.dictionaries(st.sampled_from(SLACK_STREAM), anything))
def test_mapping_of_any_record_maps_skips_or_rejects(record: dict[str, Any]) -> None:
    instance = metadata(c1="Slack User Id", c2="Is Admin?", c3={"label": "Updated", "data_type": "date"})
    made = RecordMapping(smart_rules(instance, dict.fromkeys(SLACK_STREAM)), ["email"], instance.fields)
    before = repr(record)
    try:
        row = made(record)
    except RecordRejected as rejected:
        assert ": is " in str(rejected)
    else:
        email = record.get("email")
        assert (row is None) == (not isinstance(email, str) or not email.strip())
        assert row is None or (row.fields["email"] == email.strip() and row.key == f"email={email.strip()}")
    assert repr(record) == before
