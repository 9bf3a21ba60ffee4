"""Tests of rules: smart mapping, field mapping, and their origins."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.config.models import FieldMapping
from destination_oomnitza.mapping.record_mapping import RecordMapping
from destination_oomnitza.mapping.rules import SLACK_LABELS, Rule, explicit_rule, smart_rules
from destination_oomnitza.person_schema import PersonSchema

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
    """Return an instance with some custom fields: id=label, or id={...}."""
    fields = {
        name: expected if isinstance(expected, dict) else {"label": expected, "data_type": "text"}
        for name, expected in custom.items()
    }
    role = {"label": "Role", "searchhelp": [{"key": "25", "value": "Employee"}, {"key": "1", "value": "Boss"}]}
    return PersonSchema.parse({"role": role, **fields})


def sources(rules: list[Rule]) -> dict[str, str | None]:
    return {rule.field.id: rule.expression for rule in rules}


# -- smart mapping: as documented, and no more -------------------------------------------------------------


@pytest.mark.parametrize("properties", [(), SLACK_STREAM, ["employee"]])
def test_smart_rules_always_map_six_fields(properties: list[str]) -> None:
    assert sources(smart_rules(PersonSchema.unknown(), dict.fromkeys(properties))) == ALWAYS
    assert sources(smart_rules(metadata(), dict.fromkeys(properties))) == ALWAYS


@pytest.mark.parametrize(
    ("types", "mapped"),
    [
        ("string", True), (["null", "string"], True), (["object", "string"], True), (None, True), ([], True), (7, True),
        ("object", False), (["null", "object"], False), (["array", "null"], False), (["object", "array"], False),
        (["object", "array", "null"], False),
    ],
)  # fmt: skip
def test_smart_rules_ignore_objects_and_lists(types: Any, mapped: bool) -> None:
    schema = {"team_ids": {"type": types}, "odd": "no schema"}
    rules = sources(smart_rules(metadata(c1="Team Ids", c2="Odd"), schema))
    assert rules == {**ALWAYS, **({"c1": "team_ids"} if mapped else {}), "c2": "odd"}


def test_smart_rules_match_label_or_id_by_letters_and_digits() -> None:
    instance = metadata(
        c1="Display-Name", pronouns="They/Them", c2="STATUS!", c3="real name", c4="Favourite colour", real="x"
    )
    rules = sources(smart_rules(instance, dict.fromkeys(SLACK_STREAM)))
    assert rules == {**ALWAYS, "c1": "display_name", "pronouns": "pronouns", "c2": "status", "c3": "real_name"}


def test_smart_rules_match_labels_of_slack_integration() -> None:
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


def test_smart_rules_map_no_other_standard_field() -> None:
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


def test_smart_rules_ignore_uneditable_fields() -> None:
    instance = metadata(
        skype={"label": "Skype", "editable": "0"}, position={"label": "Position", "editable": "false"}, color="Color"
    )
    expected = {name: source for name, source in ALWAYS.items() if name != "position"}
    assert sources(smart_rules(instance, dict.fromkeys(["skype", "color"]))) == {**expected, "color": "color"}


@pytest.mark.parametrize("label", ["Connector Sync Time", "connector_sync_time"])
def test_smart_rules_never_map_the_sync_time(label: str) -> None:
    assert sources(smart_rules(metadata(connector_sync_time=label, c1=label), dict.fromkeys(SLACK_STREAM))) == ALWAYS


def test_smart_rules_ignore_names_without_letters() -> None:
    assert sources(smart_rules(metadata(c1="???"), dict.fromkeys(["_", "-"]))) == ALWAYS


@pytest.mark.parametrize("name", ["address.city", "phones[home]", "{{ odd }}", "with space", ""])
def test_smart_rules_accept_any_stream_field_name(name: str) -> None:
    instance = metadata(c1="address city", c2="phones home", c3="odd", c4="With Space")
    rules = smart_rules(instance, {name: {}})
    made = RecordMapping(rules, ["email"], instance.fields)
    row = made({"email": "ada@acme.example", name: "found"})
    assert row is not None
    assert list(row.fields.values())[1:] == (["found"] if name else [])


def test_explicit_rule_has_everything_of_its_entry() -> None:
    flags = {"if_empty_only": True, "write_empty": True, "newest": True}
    rule = explicit_rule(FieldMapping(field="badge", value="profile.badge", default=7, **flags), metadata())
    assert (rule.field.id, rule.expression, rule.default, rule.reads) == (
        "badge",
        "profile.badge",
        7,
        {"profile.badge"},
    )
    assert {name: getattr(rule, name) for name in flags} == flags
    assert rule.origin == "your field mapping"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"value": "a..b"}, "is not a path"),
        ({"value": "{{ record['a' }}"}, "the template does not compile"),
        ({"value": "{{ title() }}"}, r"the template does not compile: it calls title\(\), which does not exist"),
        ({"field": "office", "default": "Rome"}, "the default is not in the field's list: Boston, Berlin"),
        ({"default": "x" * 129}, "the default is a text of 129 characters, and the field takes 128"),
        ({"field": "email", "default": 5}, "the default is a number, and the field needs text"),
        ({"field": "role", "default": "Wizard"}, "the default names no role"),
    ],
)
def test_explicit_rule_invalid_is_value_error(entry: dict[str, Any], expected: str) -> None:
    offices = [{"key": "1", "value": "Boston"}, {"key": "2", "value": "Berlin"}]
    instance = metadata(office={"data_type": "dropdown", "searchhelp": offices}, position={"length": "128"})
    with pytest.raises(ValueError, match=expected):
        explicit_rule(FieldMapping(**{"field": "position", **entry}), instance)


@pytest.mark.parametrize(
    ("properties", "source"),
    [
        ({"user_id": {}, "last_login_at": {}}, "user_id"),
        ({"id": {}, "user_id": {}}, "id"),
        ({"id": {}}, "id"),
        ({"name": {}}, "id"),
    ],
)
def test_smart_rules_of_logins_read_user_id(properties: dict[str, Any], source: str) -> None:
    schema = metadata(slack_user_id={"label": "Slack User Id"})
    (rule,) = [rule for rule in smart_rules(schema, properties) if rule.field.id == "slack_user_id"]
    assert (rule.expression, rule.reads) == (source, {source})


@pytest.mark.parametrize(
    ("record", "value"), [({"user_id": "U1"}, "U1"), ({"id": "U2", "user_id": "U1"}, "U2"), ({}, None)]
)
def test_smart_rules_without_schema_read_either_id(record: dict[str, Any], value: Any) -> None:
    schema = metadata(slack_user_id={"label": "Slack User Id"})
    (rule,) = [rule for rule in smart_rules(schema, {}) if rule.field.id == "slack_user_id"]
    assert rule.value is not None and rule.value(record) == value
