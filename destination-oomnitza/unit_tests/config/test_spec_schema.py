"""Tests of the form: the Airbyte UI can show it, and people can understand it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk.test.standard_tests._spec_lint import find_secret_marking_errors
from airbyte_cdk.utils.airbyte_secrets_utils import get_secrets
from destination_oomnitza.config.models import Config
from destination_oomnitza.config.spec_schema import specification
from jsonschema import Draft7Validator

FORM = specification(Config)

# docs/destination-oomnitza.md: every setting, with one choice of each.
EXAMPLE: dict[str, Any] = {
    "instance_url": "https://acme.oomnitza.com",
    "credentials": {"auth_type": "api_token", "api_token": "made up"},
    "record_type": {"type": "user"},
    "write_mode": "create_and_update",
    "existing_values": "overwrite",
    "sync_keys": ["email"],
    "update_sync_keys": False,
    "on_identity_change": "update",
    "default_role": 25,
    "default_position": "Employee",
    "smart_mapping": True,
    "integration_mapping": 268,
    "field_mapping": [
        {"field": "username", "value": "name"},
        {"field": "position", "value": "title", "default": "Employee"},
        {"field": "phone_number", "value": "phone", "if_empty_only": True, "write_empty": False},
        {"field": "last_seen", "value": "last_login_at", "newest": True},
        {"field": "address", "default": "HQ"},
    ],
    "record_filter": "{{ not record['is_bot'] }}",
    "inactive_when": "deleted",
    "write_method": {
        "method": "rest",
        "assign_roles": True,
        "deactivate_inactive": True,
        "deactivate_missing": False,
        "max_deactivated_percent": 20,
    },
    "streams": [
        {
            "stream": "last_logins",
            "write_mode": "update_only",
            "sync_keys": ["slack_user_id"],
            "record_type": {"type": "user"},
            "field_mapping": [{"field": "slack_last_login", "value": "last_login_at"}],
        }
    ],
    "trigger_workflows": True,
    "on_failed_record": "continue",
    "test_run": False,
    "batch_size": 100,
    "num_workers": 8,
}
CHOICES: list[dict[str, Any]] = [
    {},
    {"credentials": {"auth_type": "password", "username": "airbyte", "password": "made up"}},
    {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack", "saas_id": "7", "external_id": "id", "role": "role"}},
    {"write_method": {"method": "ingest", "connector_name": "CSV_users", "connector_id": 12, "saas_sync_key": "slack-main"}},
    {"default_role": "Employee"},
    {"on_failed_record": "fail_after_sync", "write_mode": "update_only"},
    {"existing_values": "fill_empty", "on_identity_change": "refuse", "trigger_workflows": False},
    {"existing_values": "keep", "streams": [{"stream": "user_groups", "skip": True}]},
    {"streams": [{"stream": "a", "namespace": "b", "record_type": {"type": "as_above"}, "smart_mapping": False}]},
]  # fmt: skip


def properties(schema: Any = FORM, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all properties of the form, through choices and lists."""
    for name, each in schema.get("properties", {}).items():
        yield f"{path}.{name}", each
        yield from properties(each, f"{path}.{name}")
    for option in schema.get("oneOf", []):
        yield from properties(option, f"{path}[{option['title']}]")
    if "items" in schema:
        yield from properties(schema["items"], f"{path}[]")


def nodes(node: Any = FORM) -> Iterator[Any]:
    yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(each)


ALL = dict(properties())


def test_form_is_json_schema() -> None:
    Draft7Validator.check_schema(FORM)


@pytest.mark.parametrize("choice", CHOICES)
def test_documented_configuration_fits_and_is_read(choice: dict[str, Any]) -> None:
    config = {**EXAMPLE, **choice}
    Draft7Validator(FORM).validate(config)
    read = Config.parse(config)
    for name, value in config.items():
        if isinstance(value, (str, int, bool)):
            assert getattr(read, name) == value


def test_defaults_are_the_documented_ones() -> None:
    least = Config.parse({name: EXAMPLE[name] for name in FORM["required"]})
    full = Config.parse(EXAMPLE)
    without = {"default_role", "default_position", "field_mapping", "record_filter", "credentials", "streams"}
    without.add("integration_mapping")
    assert FORM["required"] == ["instance_url", "credentials"]
    for name in set(EXAMPLE) - without:
        assert getattr(least, name) == getattr(full, name), name
    assert (least.default_role, least.default_position, least.record_filter, least.integration_mapping) == (None,) * 4
    assert (least.field_mapping, least.streams) == ([], [])


def test_entry_of_a_stream_has_no_defaults() -> None:
    """Absent settings are as for all streams, so the form must not fill them in."""
    entry = FORM["properties"]["streams"]["items"]
    assert not [name for name, each in entry["properties"].items() if "default" in each]
    (kind,) = entry["properties"]["record_type"]["oneOf"][0]["properties"].values()
    assert kind["const"] == "as_above"


def test_property_has_title_description_order_and_examples() -> None:
    assert len(ALL) > 35
    for path, each in ALL.items():
        assert each["title"][0].isupper(), path
        assert each["description"].endswith("."), path
        assert len(each["description"]) > 20, path
        assert isinstance(each["order"], int), path
        needs_none = each.get("type") == "boolean" or "const" in each or each.get("airbyte_secret") or "oneOf" in each
        assert needs_none or each["examples"], path


def test_examples_and_defaults_are_valid() -> None:
    for path, each in ALL.items():
        for value in [*each.get("examples", []), *([each["default"]] if "default" in each else [])]:
            assert not list(Draft7Validator(each).iter_errors(value)), path


def test_orders_are_unique_and_the_advanced_come_last() -> None:
    places = sorted((each["order"], each.get("group")) for each in FORM["properties"].values())
    assert [order for order, _ in places] == list(range(len(places)))
    groups = [group for _, group in places]
    first = groups.index("advanced")
    assert set(groups[:first]) == {None} and set(groups[first:]) == {"advanced"}
    assert {group["id"] for group in FORM["groups"]} == {"advanced"}


def test_choice_has_a_const_that_its_options_share() -> None:
    choices = [(path, each) for path, each in ALL.items() if "oneOf" in each]
    assert {path for path, _ in choices} == {
        ".credentials",
        ".record_type",
        ".write_method",
        ".streams[].record_type",
    }
    for path, choice in choices:
        assert choice["type"] == "object", path
        by = [{name for name, each in option["properties"].items() if "const" in each} for option in choice["oneOf"]]
        assert len(set.intersection(*by)) == 1, path
        (name,) = by[0]
        assert len({option["properties"][name]["const"] for option in choice["oneOf"]}) == len(choice["oneOf"])
        for option in choice["oneOf"]:
            assert option["type"] == "object" and option["title"] and option["description"].endswith(".")
            assert name in option["required"]
            assert option["properties"][name]["order"] == 0


def test_form_has_nothing_that_the_ui_cannot_show() -> None:
    keys = {key for node in nodes() if isinstance(node, dict) for key in node}
    assert not keys & {"$ref", "allOf", "anyOf", "$defs", "definitions", "discriminator", "not", "if"}
    types = [
        each for node in nodes() if isinstance(node, dict) for each in [node.get("type")] if isinstance(each, list)
    ]
    assert all("null" not in each for each in types)


def test_secrets_are_marked_and_found_by_the_cdk() -> None:
    assert not find_secret_marking_errors(FORM)
    assert get_secrets(FORM, EXAMPLE) == ["made up"]
    secret = {path.rsplit(".", 1)[1] for path, each in ALL.items() if each.get("airbyte_secret")}
    assert secret == {"api_token", "password"}
