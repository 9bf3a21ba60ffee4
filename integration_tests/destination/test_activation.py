"""Tests data activation: records that Airbyte has mapped already."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_protocol_dataclasses.models import DestinationCatalog
from jsonschema import Draft7Validator
from serpyco_rs import Serializer

from integration_tests.harness.destination_process import config, record, run, state, stream, write
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox

SAAS = {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack"}}


def activate(
    sandbox: Sandbox, name: str, mode: str, people: list[dict[str, Any]], key: str = "email", **more: Any
) -> SyncResult:
    """Write mapped records; the configuration's mapping, filter and mode do not apply."""
    mapped = stream(
        "mapped",
        {field: None for each in people for field in each},
        destination_object_name=name,
        destination_sync_mode=mode,
        sync_mode="incremental",
        primary_key=[[key]],
    )
    settings = config(
        sandbox,
        record_filter="{{ false }}",
        inactive_when="{{ true }}",
        field_mapping=[{"field": "address", "default": "Nowhere"}],
        write_mode="create_only",
        **more,
    )
    return write(settings, [*(record(each, "mapped") for each in people), state({"n": 1}, "mapped")], mapped)


def names(sandbox: Sandbox) -> dict[str, Any]:
    return {each["email"]: each["position"] for each in sandbox.oomnitza.people()}


def test_discover_offers_what_write_takes(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
    output = run("discover", config(sandbox))
    assert output.status == 0
    (message,) = output.of("DESTINATION_CATALOG") if "destination_catalog" in output.text else ()
    catalog = Serializer(DestinationCatalog).load(message)
    operations = {(each.object_name, each.sync_mode.value): each for each in catalog.operations}
    assert set(operations) == {
        ("user", "append"), ("user", "append_dedup"), ("user", "update"), ("saas_user", "append_dedup"), ("saas_user", "soft_delete"),
    }  # fmt: skip
    append = operations["user", "append"]
    assert append.json_schema["properties"]["slack_user_id"]["title"] == "Slack User Id"
    assert ["slack_user_id"] in (append.matching_keys or [])
    assert set(append.json_schema["required"]) == {"username", "email"}, "a role of new people is configured"
    person = {"username": "ada", "email": "ada@acme.example", "slack_user_id": "U1"}
    Draft7Validator(append.json_schema).validate(person)
    assert activate(sandbox, "user", "append", [person], key="slack_user_id").counts("mapped") == {"added": 1}


@pytest.mark.parametrize(
    ("mode", "counts", "expected"),
    [
        ("append", {"added": 1, "skipped": 1}, {"old@acme.example": "Clerk", "new@acme.example": "Boss"}),
        ("append_dedup", {"added": 1, "updated": 1}, {"old@acme.example": "Boss", "new@acme.example": "Boss"}),
        ("update", {"updated": 1, "skipped": 1}, {"old@acme.example": "Boss"}),
    ],
)
def test_people(sandbox: Sandbox, mode: str, counts: dict[str, int], expected: dict[str, str]) -> None:
    sandbox.oomnitza.add_person(username="old", email="old@acme.example", position="Clerk")
    people = [{"username": name, "email": f"{name}@acme.example", "position": "Boss"} for name in ("old", "new")]
    output = activate(sandbox, "user", mode, people)
    assert output.counts("mapped") == counts
    assert names(sandbox) == expected
    assert all(not each["address"] for each in sandbox.oomnitza.people())
    assert output.of("STATE")[0]["destinationStats"]["recordCount"] == 2


def test_saas_users_come_and_go(sandbox: Sandbox) -> None:
    for name in ("ada", "bob", "eve"):
        sandbox.oomnitza.add_person(username=name, email=f"{name}@acme.example")
    before = sandbox.oomnitza.people()
    people = [
        {"email": f"{name}@acme.example", "user_external_id": f"U-{name}", "role": "Admin"}
        for name in ("ada", "bob", "nobody")
    ]

    came = activate(sandbox, "saas_user", "append_dedup", people, **SAAS)
    assert came.counts("mapped") == {"updated": 2, "skipped": 1}
    assert came.report()["mapped"]["saas"]["assigned"] == 2
    users = {each["username"]: each for each in sandbox.oomnitza.saas_users("Slack")}
    assert {name: (each["user_external_id"], each["roles"], each["active"]) for name, each in users.items()} == {
        "ada": ("U-ada", ["Admin"], True),
        "bob": ("U-bob", ["Admin"], True),
    }

    again = activate(sandbox, "saas_user", "append_dedup", people, **SAAS)
    assert again.counts("mapped") == {"unchanged": 2, "skipped": 1}

    # Found by Oomnitza's own id only.
    gone = [{"user_id": users["ada"]["user_id"]}]
    went = activate(sandbox, "saas_user", "soft_delete", gone, key="user_id", **SAAS)
    assert went.counts("mapped") == {"updated": 1}
    assert {each["username"]: each["active"] for each in sandbox.oomnitza.saas_users("Slack")} == {
        "ada": False,
        "bob": True,
    }
    assert sandbox.oomnitza.people() == before, "people themselves are not touched"


def test_object_not_offered_fails_before_any_write(sandbox: Sandbox) -> None:
    kind, message = activate(sandbox, "user", "soft_delete", [{"email": "ada@acme.example"}]).failure()
    assert kind == "config_error"
    assert "has the mode soft_delete of user, which Oomnitza does not offer" in message
    assert {exchange.method for exchange in sandbox.requests} == {"GET"}
