"""Mapping: one record, one row, or a reason why not."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.config.models import FieldMapping
from destination_oomnitza.mapping.expressions import compile_condition
from destination_oomnitza.mapping.record_mapping import (
    SLACK_LABELS,
    RecordMapping,
    RecordRejected,
    Rule,
    explicit_rule,
    smart_rules,
    table,
)
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
ALWAYS = {
    "username": "name",
    "email": "email",
    "first_name": "first_name",
    "last_name": "last_name",
    "phone_number": "phone",
    "position": "title",
}


def metadata(**custom: Any) -> PersonSchema:
    """An instance with some custom fields: id=label, or id={...}."""
    fields = {
        name: told if isinstance(told, dict) else {"label": told, "data_type": "text"} for name, told in custom.items()
    }
    role = {"label": "Role", "searchhelp": [{"key": "25", "value": "Employee"}, {"key": "1", "value": "Boss"}]}
    return PersonSchema.parse({"role": role, **fields})


def sources(rules: list[Rule]) -> dict[str, str | None]:
    return {rule.field.id: rule.expression for rule in rules}


def mapping(*entries: dict[str, Any], instance: PersonSchema | None = None, **more: Any) -> RecordMapping:
    """A mapping by rules alone, with the e-mail address as sync key."""
    instance = instance or metadata()
    rules = [
        explicit_rule(FieldMapping(**entry), instance) for entry in [{"field": "email", "value": "email"}, *entries]
    ]
    return RecordMapping(rules, more.pop("sync_keys", ("email",)), instance.fields, **more)


def fields(made: RecordMapping, **record: Any) -> dict[str, Any]:
    row = made({"email": "ada@acme.example", **record})
    assert row is not None
    return {name: value for name, value in row.fields.items() if name != "email"}


# -- smart mapping: as configuration.md lists, and no further ----------------------------------------------------------


@pytest.mark.parametrize("properties", [(), SLACK_STREAM, ["employee"]])
def test_six_fields_always(properties: list[str]) -> None:
    assert sources(smart_rules(PersonSchema.unknown(), dict.fromkeys(properties))) == ALWAYS
    assert sources(smart_rules(metadata(), dict.fromkeys(properties))) == ALWAYS


@pytest.mark.parametrize(
    ("types", "mapped"),
    [
        ("string", True), (["null", "string"], True), (["object", "string"], True), (None, True), ([], True), (7, True),
        ("object", False), (["null", "object"], False), (["array", "null"], False), (["object", "array"], False),
    ],
)  # fmt: skip
def test_what_holds_no_single_value_is_not_mapped_by_itself(types: Any, mapped: bool) -> None:
    schema = {"team_ids": {"type": types}, "odd": "no schema"}
    rules = sources(smart_rules(metadata(c1="Team Ids", c2="Odd"), schema))
    assert rules == {**ALWAYS, **({"c1": "team_ids"} if mapped else {}), "c2": "odd"}


def test_custom_fields_by_label_or_id_in_letters_and_digits() -> None:
    instance = metadata(
        c1="Display-Name", pronouns="They/Them", c2="STATUS!", c3="real name", c4="Favourite colour", real="x"
    )
    rules = sources(smart_rules(instance, dict.fromkeys(SLACK_STREAM)))
    assert rules == {**ALWAYS, "c1": "display_name", "pronouns": "pronouns", "c2": "status", "c3": "real_name"}


def test_the_labels_of_oomnitzas_own_slack_integration() -> None:
    labels = {f"custom{number}": label for number, label in enumerate(SLACK_LABELS)}
    rules = sources(smart_rules(metadata(**labels), {}))
    assert {labels[name]: source for name, source in rules.items() if name in labels} == {
        "Slack User Id": "id",
        "Is Admin?": "is_admin",
        "Deleted?": "deleted",
        "Is bot user?": "is_bot",
        "Is restricted (guest) user?": "is_restricted",
        "Is ultra restricted (single channel only) user?": "is_ultra_restricted",
        "Skype": "skype",
        "Team ID": "team_id",
    }


def test_no_other_standard_field_by_itself() -> None:
    properties = [
        "role",
        "deleted",
        "suspended",
        "address",
        "external_id",
        "full_name",
        "user_id",
        "last_login_date",
        "manager",
    ]
    instance = metadata(manager={"label": "Manager", "hardcode": "1"})
    assert sources(smart_rules(instance, dict.fromkeys(properties))) == ALWAYS


def test_nothing_that_is_not_editable() -> None:
    instance = metadata(
        skype={"label": "Skype", "editable": "0"}, position={"label": "Position", "editable": "false"}, color="Color"
    )
    expected = {name: source for name, source in ALWAYS.items() if name != "position"}
    assert sources(smart_rules(instance, dict.fromkeys(["skype", "color"]))) == {**expected, "color": "color"}


@pytest.mark.parametrize("label", ["Connector Sync Time", "connector_sync_time"])
def test_the_sync_time_never_by_itself(label: str) -> None:
    assert sources(smart_rules(metadata(connector_sync_time=label, c1=label), dict.fromkeys(SLACK_STREAM))) == ALWAYS


def test_names_of_signs_alone_are_not_the_same() -> None:
    assert sources(smart_rules(metadata(c1="???"), dict.fromkeys(["_", "-"]))) == ALWAYS


@pytest.mark.parametrize("name", ["address.city", "phones[home]", "{{ odd }}", "with space", ""])
def test_a_field_of_the_stream_may_have_any_name(name: str) -> None:
    instance = metadata(c1="address city", c2="phones home", c3="odd", c4="With Space")
    rules = smart_rules(instance, {name: {}})
    made = RecordMapping(rules, ["email"], instance.fields)
    row = made({"email": "ada@acme.example", name: "found"})
    assert row is not None
    assert list(row.fields.values())[1:] == (["found"] if name else [])


# -- rules -------------------------------------------------------------------------------------------------------------


def test_paths_templates_defaults_and_constants() -> None:
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


def test_write_empty_empties_in_the_fields_own_way() -> None:
    instance = metadata(start={"label": "Start", "data_type": "date"})
    made = mapping(
        {"field": "phone_number", "value": "phone", "write_empty": True},
        {"field": "start", "value": "start", "write_empty": True},
        {"field": "position", "value": "title"},
        instance=instance,
    )
    assert fields(made) == {"phone_number": "", "start": None}
    assert fields(made, phone="", start="", title="") == {"phone_number": "", "start": None}


def test_values_fit_their_fields() -> None:
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


def test_booleans_stay_where_the_metadata_does_not_say_text() -> None:
    made = mapping({"field": "is_admin", "value": "is_admin"}, instance=PersonSchema.unknown())
    assert fields(made, is_admin=True) == {"is_admin": True}


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"email": 12345}, "email: is a number, and the field needs text"),
        ({"email": True}, "email: is a boolean"),
        ({"first": ["Ada"]}, "first_name: is a list"),
        ({"first": {"x": 1}}, "first_name: is an object"),
        ({"first": 5}, "first_name: is a number"),
        ({"title": ["a", "b"]}, "position: is a list"),
        ({"role": "Wizard"}, r"role: names no role: there is no role 'Wizard'; there are Employee \(25\), Boss \(1\)"),
        ({"role": ["Boss"]}, "role: is not a role"),
        ({"n": 0}, "address: ZeroDivisionError"),
    ],
)
def test_a_value_that_does_not_fit_refuses_the_record_with_the_fields_name(record: dict[str, Any], told: str) -> None:
    made = mapping(
        {"field": "first_name", "value": "first"},
        {"field": "position", "value": "title"},
        {"field": "role", "value": "role"},
        {"field": "address", "value": "{{ 1 / record['n'] }}"},
    )
    with pytest.raises(RecordRejected, match=told):
        made({"email": "ada@acme.example", "n": 1, **record})


def test_a_refused_record_has_a_name() -> None:
    made = mapping()
    assert made.describe({"email": 12345, "id": "U1"}) == "email=12345"
    assert made.describe({"email": ["x"], "id": "U1"}) == "id=U1"
    assert made.describe({"email": None}) == made.describe("no object") == "a record without a key"
    assert len(made.describe({"email": "x" * 5000})) < 300


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"value": "a..b"}, "is not a path"),
        ({"value": "{{ record['a' }}"}, "the template does not compile"),
        ({"value": "{{ title }}"}, "the template does not compile: it speaks of title"),
        ({"field": "email", "default": 5}, "the default is a number, and the field needs text"),
        ({"field": "role", "default": "Wizard"}, "the default names no role"),
    ],
)
def test_what_is_wrong_with_an_entry_shows_before_any_record(entry: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        explicit_rule(FieldMapping(**{"field": "position", **entry}), metadata())


# -- keys, inactive accounts, new people -------------------------------------------------------------------------------


def test_keys_come_in_order_and_one_is_enough() -> None:
    made = mapping({"field": "username", "value": "name"}, sync_keys=("username", "email"))
    row = made({"name": "ada", "email": "ada@acme.example"})
    assert row is not None and (row.keys, row.key) == (("ada", "ada@acme.example"), "username=ada")
    row = made({"email": "ada@acme.example"})
    assert row is not None and (row.keys, row.key) == ((None, "ada@acme.example"), "email=ada@acme.example")


@pytest.mark.parametrize("email", [None, "", "  "])
def test_a_record_without_a_key_is_no_row(email: str | None) -> None:
    assert mapping({"field": "address", "default": "HQ"})({"email": email, "name": "x"}) is None
    assert mapping({"field": "email", "value": "email", "write_empty": True})({"email": email}) is None


def test_a_key_that_oomnitza_keeps_itself_finds_and_is_not_written() -> None:
    made = mapping({"field": "user_id", "value": "oomnitza_id"}, sync_keys=("user_id", "email"))
    row = made({"oomnitza_id": "u1", "email": "ada@acme.example"})
    assert row is not None and row.keys == ("u1", "ada@acme.example")
    assert row.fields == {"email": "ada@acme.example"}


def test_inactive() -> None:
    made = mapping(inactive=compile_condition("{{ record['status'] == 'TERMINATED' }}"))
    rows = [made({"email": "a@b.example", "status": status}) for status in ("TERMINATED", "ACTIVE", None)]
    assert [row and row.inactive for row in rows] == [True, False, False]
    failing = mapping(inactive=compile_condition("{{ 1 / record['n'] }}"))
    with pytest.raises(RecordRejected, match="inactive_when: ZeroDivisionError"):
        failing({"email": "a@b.example", "n": 0})


def test_new_people_get_the_defaults_where_the_record_has_nothing() -> None:
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
def test_any_record_becomes_a_row_or_none_or_a_reason(record: dict[str, Any]) -> None:
    instance = metadata(c1="Slack User Id", c2="Is Admin?", c3={"label": "Updated", "data_type": "date"})
    made = RecordMapping(smart_rules(instance, dict.fromkeys(SLACK_STREAM)), ["email"], instance.fields)
    before = repr(record)
    try:
        row = made(record)
    except RecordRejected as refused:
        assert ": is " in str(refused)
    else:
        email = record.get("email")
        assert (row is None) == (not isinstance(email, str) or not email.strip())
        assert row is None or (row.fields["email"] == email.strip() and row.key == f"email={email.strip()}")
    assert repr(record) == before


def test_the_table_says_what_is_in_force() -> None:
    made = mapping(
        {"field": "position", "value": "title", "default": "Employee", "if_empty_only": True},
        {"field": "address", "default": "HQ"},
        {"field": "phone_number", "value": "phone", "write_empty": True},
    )
    smart = smart_rules(metadata(), {})[:1]
    lines = table([*smart, *made.rules.values()], {"role": 25}).splitlines()
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    assert cells == [
        ["Oomnitza field", "value", "set by"],
        ["username", "name", "smart mapping"],
        ["email", "email", "your field mapping"],
        ["position", "title, else 'Employee', only if empty", "your field mapping"],
        ["address", "always 'HQ'", "your field mapping"],
        ["phone_number", "phone, empty values too", "your field mapping"],
        ["role", "25, new people only", "default_role"],
    ]
