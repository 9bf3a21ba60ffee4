"""Tests the mapping drawn in Oomnitza, with both write methods."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness import destination_process as process
from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import config, person, record, state
from integration_tests.sandbox import Sandbox

REST: dict[str, Any] = {"method": "rest"}
INGEST: dict[str, Any] = {"method": "ingest"}


def drawn(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    """Draw a mapping in Oomnitza, and return the settings that use it."""
    sandbox.oomnitza.switches.run_polls = 0
    office = sandbox.oomnitza.add_field("office", "Office", "STR", choices=[("1", "Boston"), ("2", "Rome")])
    mapping = {
        "USER": {"type": "attribute", "value": "name"},
        "EMAIL": {"type": "attribute", "value": '{{ profile["email"] }}'},
        "FIRST_NAME": {"type": "attribute", "value": "profile.first_SPACE_name"},
        "POSITION": {"type": "value", "value": "Colleague"},
        "PERMISSIONS_ID": {"type": "value", "value": "25"},
        office: {"type": "attribute", "value": "'boston' if is_here else 'Rome'"},
        "ADDRESS": {"type": "catalog_input", "value": "address"},
        **more,
    }
    number = sandbox.oomnitza.add_integration("Drawn", mapping, connector_id=268)
    return {"integration_mapping": number, "smart_mapping": False, "default_role": None}


ADA = {"name": "ada", "profile": {"email": "ada@acme.example", "first name": "Ada"}, "is_here": True}


@pytest.mark.parametrize("method", [REST, INGEST])
def test_drawn_mapping_writes_people(sandbox: Sandbox, method: dict[str, Any]) -> None:
    settings = config(sandbox, **drawn(sandbox), write_method=method)
    synced = write(settings, [record(ADA), state({"n": 1})])
    assert (synced.error, synced.acknowledged(), synced.counts()) == ("", [{"n": 1}], {"added": 1})
    (ada,) = sandbox.oomnitza.people()
    assert {name: ada[name] for name in ("username", "email", "first_name", "position", "office", "address")} == {
        "username": "ada",
        "email": "ada@acme.example",
        "first_name": "Ada",
        "position": "Colleague",
        "office": "Boston",
        "address": "",
    }
    (table,) = [line for line in synced.log_lines() if line.startswith("Mapping of users")]
    assert table.count("drawn in Oomnitza (integration 268)") == 6
    assert any("left out, because inputs of the integration fill them: address" in line for line in synced.log_lines())


def test_entry_of_a_stream_may_have_its_own_integration(sandbox: Sandbox) -> None:
    entry = {"stream": "users", **drawn(sandbox), "default_role": 25}
    synced = write(config(sandbox, streams=[entry]), [record(ADA)])
    assert (synced.error, synced.counts()) == ("", {"added": 1})


@pytest.mark.parametrize("status", [200, 404])
def test_check_of_an_unknown_integration_fails(sandbox: Sandbox, status: int) -> None:
    sandbox.oomnitza.switches.unknown_connector_status = status
    verdict, message = process.run("check", config(sandbox, integration_mapping=999)).connection_status()
    assert verdict == "FAILED"
    assert "Oomnitza has no mapping for the integration 999" in message


def test_check_names_the_field_that_cannot_be_had(sandbox: Sandbox) -> None:
    more = {"PHONE": {"type": "attribute", "value": "{{ phone"}, "F" * 32: {"type": "attribute", "value": "x"}}
    verdict, message = process.run("check", config(sandbox, **drawn(sandbox, **more))).connection_status()
    assert verdict == "FAILED"
    assert "field phone_number: " in message and "F" * 32 in message


def test_role_that_may_not_read_mappings_is_named(sandbox: Sandbox) -> None:
    settings = config(sandbox, **drawn(sandbox))
    settings["credentials"] = {"auth_type": "api_token", "api_token": sandbox.oomnitza.issue_token(denied=["mappings"])}
    synced = write(settings, [record(person("ada"))])
    assert synced.failure_type == "config_error"
    assert "the integration 268" in synced.error
