"""The DESTINATION_CATALOG: its shape by the Airbyte protocol's own model, its content by the instance's metadata."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_protocol_dataclasses.models import DestinationCatalog, DestinationOperation
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.activation import destination_catalog
from jsonschema import Draft7Validator
from serpyco_rs import Serializer

INSTANCE = PersonSchema.parse(
    {
        "username": {"label": "Username", "data_type": "text", "unique": "1", "optional": "0"},
        "slack_user_id": {"label": "Slack User Id", "data_type": "text", "unique": "1"},
        "badge": {"label": "Badge Number", "data_type": "integer", "unique": "0"},
        "start": {"label": "Start", "data_type": "date", "optional": "0"},
        "remote": {"label": "Remote", "data_type": "boolean"},
        "hr_only": {"label": "HR Only", "editable": "0"},
        "user_id": {"label": "User ID", "unique": "1", "editable": "0"},
    }
)


def operations(has_default_role: bool = True) -> dict[tuple[str, str], DestinationOperation]:
    message = destination_catalog(INSTANCE, has_default_role)
    assert message["type"] == "DESTINATION_CATALOG"
    # serpyco reads the protocol's own dataclasses as the CDK does, and refuses what does not fit.
    catalog = Serializer(DestinationCatalog, omit_none=True).load(message["destination_catalog"])
    assert Serializer(DestinationCatalog, omit_none=True).dump(catalog) == message["destination_catalog"]
    return {(each.object_name, each.sync_mode.value): each for each in catalog.operations}


def test_the_operations() -> None:
    assert list(operations()) == [
        ("user", "append"),
        ("user", "append_dedup"),
        ("user", "update"),
        ("saas_user", "append_dedup"),
        ("saas_user", "soft_delete"),
    ]


def test_the_schemas_are_json_schema_and_take_what_fits() -> None:
    for operation in operations().values():
        Draft7Validator.check_schema(operation.json_schema)
        assert set(operation.json_schema["required"]) <= set(operation.json_schema["properties"])
    user = Draft7Validator(operations()["user", "append"].json_schema)
    person: dict[str, Any] = {"username": "ada", "email": "ada@acme.example", "start": "2024-01-31T00:00:00Z"}
    assert user.is_valid({**person, "badge": 7, "remote": True, "role": 25})
    for wrong in ({"badge": "x"}, {"remote": "x"}, {"hr_only": "x"}, {"user_id": "x"}, {"unknown": "x"}, {"role": 2.5}):
        assert not user.is_valid({**person, **wrong})


def test_titles_are_labels() -> None:
    properties = operations()["user", "append"].json_schema["properties"]
    assert properties["badge"]["title"] == "Badge Number"
    assert properties["username"]["title"] == "Username"


@pytest.mark.parametrize("has_default_role", [True, False])
def test_required_is_what_oomnitza_requires_of_new_people(has_default_role: bool) -> None:
    made = operations(has_default_role)
    needed = ["username", "email", *([] if has_default_role else ["role"]), "start"]
    assert made["user", "append"].json_schema["required"] == needed
    assert made["user", "append_dedup"].json_schema["required"] == needed
    assert made["user", "update"].json_schema["required"] == []


def test_matching_keys_are_the_unique_fields() -> None:
    made = operations()

    def keys(name: str, mode: str) -> set[str]:
        return {key for (key,) in made[name, mode].matching_keys or []}

    assert keys("user", "append") == keys("user", "append_dedup") == {"username", "email", "slack_user_id"}
    assert (
        keys("user", "update") == keys("saas_user", "soft_delete") == {"username", "email", "slack_user_id", "user_id"}
    )
    for operation in made.values():
        assert {key for (key,) in operation.matching_keys or []} <= set(operation.json_schema["properties"])


def test_saas_users_are_found_by_unique_fields_and_have_an_id_and_a_role() -> None:
    properties = operations()["saas_user", "append_dedup"].json_schema["properties"]
    assert set(properties) == {"username", "email", "slack_user_id", "user_id", "user_external_id", "role"}
    assert properties["role"] == {"title": "Role in the application", "type": "string"}


def test_an_instance_that_tells_nothing_has_the_standard_fields() -> None:
    message = destination_catalog(PersonSchema.unknown(), False)
    append = message["destination_catalog"]["operations"][0]
    assert append["json_schema"]["required"] == ["username", "email", "role"]
    assert append["matching_keys"] == [["username"], ["email"]]
