"""Tests of data activation: plans, and the catalog by the protocol's own model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airbyte_protocol_dataclasses.models import DestinationCatalog, DestinationOperation
from destination_oomnitza.mapping.record_mapping import RecordRejected
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.activation import destination_catalog
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import Stream
from jsonschema import Draft7Validator
from serpyco_rs import Serializer

Plan = Callable[..., StreamPlan]
Mistakes = Callable[..., str]

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
    # serpyco reads the protocol's dataclasses as the CDK does, and rejects other documents.
    catalog = Serializer(DestinationCatalog, omit_none=True).load(message["destination_catalog"])
    assert Serializer(DestinationCatalog, omit_none=True).dump(catalog) == message["destination_catalog"]
    return {(each.object_name, each.sync_mode.value): each for each in catalog.operations}


def test_catalog_lists_the_operations() -> None:
    assert list(operations()) == [
        ("user", "append"),
        ("user", "append_dedup"),
        ("user", "update"),
        ("saas_user", "append_dedup"),
        ("saas_user", "soft_delete"),
    ]


def test_catalog_schema_accepts_valid_records() -> None:
    for operation in operations().values():
        Draft7Validator.check_schema(operation.json_schema)
        assert set(operation.json_schema["required"]) <= set(operation.json_schema["properties"])
    user = Draft7Validator(operations()["user", "append"].json_schema)
    person: dict[str, Any] = {"username": "ada", "email": "ada@acme.example", "start": "2024-01-31T00:00:00Z"}
    assert user.is_valid({**person, "badge": 7, "remote": True, "role": 25})
    for wrong in ({"badge": "x"}, {"remote": "x"}, {"hr_only": "x"}, {"user_id": "x"}, {"unknown": "x"}, {"role": 2.5}):
        assert not user.is_valid({**person, **wrong})


def test_catalog_titles_are_labels() -> None:
    properties = operations()["user", "append"].json_schema["properties"]
    assert properties["badge"]["title"] == "Badge Number"
    assert properties["username"]["title"] == "Username"


@pytest.mark.parametrize("has_default_role", [True, False])
def test_catalog_requires_mandatory_fields(has_default_role: bool) -> None:
    made = operations(has_default_role)
    needed = ["username", "email", *([] if has_default_role else ["role"]), "start"]
    assert made["user", "append"].json_schema["required"] == needed
    assert made["user", "append_dedup"].json_schema["required"] == needed
    assert made["user", "update"].json_schema["required"] == []


def test_catalog_matching_keys_are_the_unique_fields() -> None:
    made = operations()

    def keys(name: str, mode: str) -> set[str]:
        return {key for (key,) in made[name, mode].matching_keys or []}

    assert keys("user", "append") == keys("user", "append_dedup") == {"username", "email", "slack_user_id"}
    assert (
        keys("user", "update") == keys("saas_user", "soft_delete") == {"username", "email", "slack_user_id", "user_id"}
    )
    for operation in made.values():
        assert {key for (key,) in operation.matching_keys or []} <= set(operation.json_schema["properties"])


def test_catalog_saas_user_has_unique_fields_id_and_role() -> None:
    properties = operations()["saas_user", "append_dedup"].json_schema["properties"]
    assert set(properties) == {"username", "email", "slack_user_id", "user_id", "user_external_id", "role"}
    assert properties["role"] == {"title": "Role in the application", "type": "string"}


def test_catalog_without_metadata_has_the_standard_fields() -> None:
    message = destination_catalog(PersonSchema.unknown(), False)
    append = message["destination_catalog"]["operations"][0]
    assert append["json_schema"]["required"] == ["username", "email", "role"]
    assert append["matching_keys"] == [["username"], ["email"]]


def activation(name: str, mode: str, *properties: str, key: str = "email") -> Stream:
    return Stream("mapped", None, "incremental", mode, {name: {} for name in properties} or None, (key,), name)


SAAS: dict[str, Any] = {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack"}}


@pytest.mark.parametrize(
    ("mode", "creates", "existing"),
    [("append", True, "skip"), ("append_dedup", True, "write"), ("update", False, "write")],
)
def test_user_mode_of_the_stream_decides(plan: Plan, mode: str, creates: bool, existing: str) -> None:
    made = plan(
        activation("user", mode, "username", "email", "badge"),
        write_mode="create_only",
        sync_keys=["username"],
        on_identity_change="refuse",
    )
    assert made.people is not None and made.saas is None
    assert (made.creates, made.existing, made.people.update_sync_keys) == (creates, existing, True)
    assert made.mapping.sync_keys == ("email",)
    assert made.people.on_identity_change == "refuse"
    row = made.mapping(
        {"username": "ada", "email": "ada@acme.example", "badge": "7", "name": "not mapped", "deleted": True}
    )
    assert row is not None and row.fields == {"username": "ada", "email": "ada@acme.example", "badge": 7}
    assert not row.inactive


def test_user_without_schema_takes_fields_as_they_come(plan: Plan) -> None:
    made = plan(activation("user", "append_dedup"), default_role=None)
    row = made.mapping({"email": "a@b.example", "position": "Boss", "role": "Boss", "unknown": 1})
    assert row is not None and row.fields == {"email": "a@b.example", "position": "Boss", "role": 1}


@pytest.mark.parametrize("mode", ["append_dedup", "soft_delete"])
def test_saas_user_people_are_only_found(plan: Plan, mode: str) -> None:
    made = plan(activation("saas_user", mode, "email", "user_external_id", "role"), **SAAS)
    assert made.people is None and (made.creates, made.existing) == (False, "keep")
    assert made.saas is not None and made.saas.application.saas_name == "Slack"
    assert made.saas.deactivates_all == (mode == "soft_delete")
    row = made.mapping({"email": "a@b.example", "user_external_id": "U1", "role": "admin"})
    assert row is not None and (row.fields, row.external_id, row.role) == ({"email": "a@b.example"}, "U1", "admin")


def test_saas_user_key_of_oomnitza_itself_only_finds(plan: Plan) -> None:
    made = plan(activation("saas_user", "append_dedup", "user_id", "role", key="user_id"), **SAAS)
    row = made.mapping({"user_id": "u1", "role": "admin"})
    assert row is not None and (row.keys, row.fields) == (("u1",), {})


@pytest.mark.parametrize("name", ["user", "saas_user"])
def test_clear_data_is_planned_and_rejects_records(plan: Plan, name: str) -> None:
    """Airbyte's "Clear data" sends a stream as overwrite, without records."""
    made = plan(activation(name, "overwrite", "email"), **SAAS)
    assert made.people is None and made.saas is None
    with pytest.raises(RecordRejected, match=f"offers no overwrite of {name}"):
        made.mapping({"email": "a@b.example"})


@pytest.mark.parametrize(
    ("stream", "sentence"),
    [
        (
            activation("asset", "append"),
            "has the mode append of asset, which Oomnitza does not offer; choose one of append of user, ",
        ),
        (activation("user", "soft_delete", "email"), "has the mode soft_delete of user, which Oomnitza does not offer"),
        (
            activation("saas_user", "append_dedup", "email"),
            "writes SaaS users: choose User plus SaaS user (record_type)",
        ),
        (
            activation("user", "update", "email", "postion"),
            "The stream mapped: Oomnitza has no field postion for people. Did you mean position?",
        ),
        (activation("user", "append", "email"), "To add people, Oomnitza needs a user name (username)"),
        (activation("user", "update", "badge", key="badge"), "Sync keys (sync_keys): badge is not unique"),
        (activation("user", "update", "email", "user_id"), "user_id is set by Oomnitza itself"),
        (activation("user", "append", "username", "email", "user_id"), "user_id is set by Oomnitza itself"),
    ],
)
def test_activation_mistake_is_named(mistakes: Mistakes, stream: Stream, sentence: str) -> None:
    assert sentence in mistakes(stream)
