"""Tests connector ingest: shapes, matching, and a run's log."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.caller import Caller

PORTION = "6c84fb90-12c4-11e1-840d-7b25c5ee775a"
LOG = f"v3/connector_run_logs/connectors/{PORTION}"
ADA = {"USER": "ada", "EMAIL": "ada@acme.example", "FIRST_NAME": "Ada", "PERMISSIONS_ID": "25"}
BOB = {"USER": "bob", "EMAIL": "bob@acme.example", "POSITION": "Builder", "PERMISSIONS_ID": "25"}


@pytest.fixture(autouse=True)
def by_uuid(sandbox: Sandbox) -> None:
    """Find a run's log by its UUID, with all counts."""
    sandbox.oomnitza.switches.run_by_uuid, sandbox.oomnitza.switches.run_objects = True, "all"


def batch(*records: dict[str, Any], **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "connector_version": "1.0.0", "sync_field": ["EMAIL"], "records": list(records), "portion": PORTION,
        "data_type": "users", "insert_only": False, "update_only": False, "error": None, "test_run": False,
        "multi_str_input_value": None, "connector_name": "CSV_users",
    }  # fmt: skip
    body.update(changes)
    return {name: value for name, value in body.items() if value is not ...}


def finish(api: Caller) -> dict[str, Any]:
    """Finalize a run, and poll its log until the run has ended."""
    assert api("POST", f"v3/bulk/{PORTION}/finalize", json={}).status_code == 200
    for _ in range(5):
        log: dict[str, Any] = api("GET", LOG).json()
        if log["status"] != "Processing":
            return log
        assert (log["objects"]["added"], log["logs"]) == (0, {})
    raise AssertionError("the run never ended")


def test_run_counts_each_outcome(api: Caller) -> None:
    sent = [batch(ADA, BOB), batch({**ADA, "EMAIL": "ADA@acme.example"}, {**BOB, "POSITION": "Architect"}), batch(BOB)]
    for body in sent:
        assert api("POST", "v3/bulk", json=body).json() == {}
    assert api("GET", f"v3/bulk/{PORTION}").json() == {"canceled": False}
    assert api("GET", LOG).json()["objects"]["processing"] == 5
    log = finish(api)
    expected = {"added": 2, "updated": 3, "skipped": 0, "unchanged": 0, "failed": 0, "canceled": 0, "processing": 0}
    assert log["objects"] == expected
    assert log["logs"]["added"] == ["ada@acme.example", "bob@acme.example"]
    assert [p["position"] for p in api.sandbox.oomnitza.people()] == ["", "Builder"]
    assert api("POST", "v3/bulk", json=batch(ADA)).status_code == 400, "a finalized portion took a batch"


def test_run_modes_skip_people(api: Caller) -> None:
    api.sandbox.oomnitza.add_person(username="ada", email="ada@acme.example", first_name="Ada")
    portions = [str(uuid.uuid4()) for _ in range(3)]
    api("POST", "v3/bulk", json=batch(ADA, BOB, update_only=True, portion=portions[0]))
    api("POST", "v3/bulk", json=batch({**ADA, "FIRST_NAME": "A."}, BOB, insert_only=True, portion=portions[1]))
    api("POST", "v3/bulk", json=batch({**ADA, "FIRST_NAME": "A."}, test_run=True, portion=portions[2]))
    outcomes = [{name: n for name, n in run.objects.items() if n} for run in api.sandbox.oomnitza.runs()]
    assert outcomes == [{"unchanged": 1, "skipped": 1}, {"skipped": 1, "added": 1}, {"updated": 1}]
    assert [p["first_name"] for p in api.sandbox.oomnitza.people()] == ["Ada", ""]
    api.error(400, "POST", "v3/bulk", json=batch(ADA, portion=portions[0]))


def test_failed_record_is_logged_with_the_reason(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    oomnitza.add_person(username="taken")
    oomnitza.add_person(username="t1", email="twin@acme.example")
    oomnitza.add_person(username="t2", email="twin@acme.example", twin=True)
    records = [
        {**ADA, "USER": "taken"},
        {**ADA, "PERMISSIONS_ID": "99"},
        {**ADA, "FIRST_NAME": ["Ada"]},
        {name: value for name, value in ADA.items() if name != "PERMISSIONS_ID"},
        {"USER": "nobody"},
        {**ADA, "EMAIL": "twin@acme.example"},
        {**ADA, "FULL_NAME": "Ada"},
    ]
    api("POST", "v3/bulk", json=batch(*records))
    api("POST", "v3/bulk", json=batch(ADA, error="the template failed"))
    log = finish(api)
    assert log["objects"]["failed"] == 8
    reasons = ["in use", "has no value 99", "single value", "role: is required", "no value of a sync field",
               "more than one", "read-only", "the template failed"]  # fmt: skip
    assert all(reason in line for reason, line in zip(reasons, log["logs"]["failed"], strict=True))
    assert len(oomnitza.people()) == 3


def test_sync_fields_find_in_their_order(api: Caller) -> None:
    internal = api.sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
    api.sandbox.oomnitza.add_person(username="ada", email="old@acme.example", slack_user_id="U1")
    record = {**ADA, internal: "U1"}
    api("POST", "v3/bulk", json=batch(record, sync_field=["EMAIL", internal]))
    (person,) = api.sandbox.oomnitza.people()
    assert (person["email"], person["slack_user_id"]) == ("ada@acme.example", "U1")


def test_ingest_assigns_saas_users(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    saas_id = oomnitza.add_application("Zoom")
    sender = {"connector_name": ..., "connector_id": 12}
    for record, saas in ((ADA, {"name": "Slack"}), (BOB, {"selected_saas_id": saas_id}), (ADA, {"name": "Slack"})):
        api("POST", "v3/bulk", json=batch({**record, "SAAS": {"sync_key": "acme", **saas}}, **sender))
    assert [row["username"] for row in oomnitza.saas_users("Slack")] == ["ada"]
    assert [row["username"] for row in oomnitza.saas_users("Zoom")] == ["bob"]
    assert len(oomnitza.applications()) == 2


def test_ingest_saas_without_integration_is_rejected(api: Caller) -> None:
    api.sandbox.oomnitza.switches.saas_needs_connector = True
    record = {**ADA, "SAAS": {"sync_key": "acme", "name": "Slack"}}
    assert "connector_id" in api.error(400, "POST", "v3/bulk", json=batch(record))
    number = api.sandbox.oomnitza.add_integration("Slack", saas_sync_key="acme")
    sender = {"connector_name": ..., "connector_id": number}
    assert api("POST", "v3/bulk", json=batch(record, **sender)).status_code == 200
    record["SAAS"] = {"sync_key": "EMAIL"}
    assert "sync_key" in api.error(400, "POST", "v3/bulk", json=batch(record, **sender))


def test_ingest_keeps_the_username_of_a_person(api: Caller) -> None:
    """A user name is ignored, because Oomnitza's connector sends it for everyone."""
    api.sandbox.oomnitza.add_person(username="sso.ada", email="ada@acme.example")
    api.sandbox.oomnitza.switches.username_edits = "rejected"
    api("POST", "v3/bulk", json=batch(ADA))
    (person,) = api.sandbox.oomnitza.people()
    assert (person["username"], person["first_name"]) == ("sso.ada", "Ada")


def test_ingest_failed_record_may_have_any_names(api: Caller) -> None:
    """A record that was not mapped may have any names, as its source sent it."""
    raw = {"id": "U1", "profile": {"email": "ada@acme.example"}}
    assert api("POST", "v3/bulk", json=batch(raw, error="no email")).status_code == 200
    assert finish(api)["logs"]["failed"] == ["no sync value: no email"]


def test_ingest_fatal_error_ends_the_run(api: Caller) -> None:
    api("POST", "v3/bulk", json=batch(ADA))
    api("POST", "v3/bulk", json=batch({}, error="Slack is down", error_type="Fatal Error"))
    log = finish(api)
    assert (log["logs"]["Fatal Error"], log["objects"]["added"], log["objects"]["failed"]) == (["Slack is down"], 1, 0)
    for bad in ({"error_type": "Fatal Error"}, {"error": "x", "error_type": "fatal"}):
        api.error(400, "POST", "v3/bulk", json=batch({}, **bad))


@pytest.mark.parametrize(
    ("body", "failed"),
    [
        ({"is_empty_run": True, "multi_str_input_value": None}, []),
        ({"added": 1}, []),
        ({"failed": 1, "error_message": "no page", "test_run": False, "multi_str_input_value": None}, ["no page"]),
    ],
)
def test_ready_portion_is_a_whole_run(api: Caller, body: dict[str, Any], failed: list[str]) -> None:
    body = {"correlation_id": PORTION, **body}
    assert api("POST", "v3/bulk/12/add_ready_portion", json=body).status_code == 200
    api.sandbox.oomnitza.switches.run_polls = 0
    log, status = api("GET", LOG).json(), "Completed with errors" if failed else "Completed"
    assert (log["connector"], log["status"], log["logs"]["failed"]) == ("Slack", status, failed)
    api.error(400, "POST", "v3/bulk/12/add_ready_portion", json=body)
    api.error(404, "POST", "v3/bulk/99/add_ready_portion", json={**body, "correlation_id": str(uuid.uuid4())})
    api.error(404, "POST", "v3/bulk/CSV_users/add_ready_portion", json=body)
    api.error(400, "POST", "v3/bulk/12/add_ready_portion", json={"correlation_id": PORTION})


def test_run_logs_are_listed_by_connector(api: Caller) -> None:
    portions = [str(uuid.uuid4()) for _ in range(3)]
    for portion in portions[:2]:
        api("POST", "v3/bulk", json=batch(ADA, portion=portion))
    api("POST", "v3/bulk", json=batch(BOB, portion=portions[2], connector_name=..., connector_id=12))
    named = api("GET", "v3/connector_run_logs/connector_CSV_users?sortby=portion_id").json()
    assert [row["portion_correlation_id"] for row in named] == portions[:2]
    (row,) = api("GET", "v3/connector_run_logs/12").json()
    assert (row["connector"], row["portion_correlation_id"], row["status"]) == ("Slack", portions[2], "Processing")
    params = {"filter": f'portion_correlation_id eq "{portions[1]}"', "limit": "10", "sortby": "portion_id desc"}
    found = api("GET", "v3/connector_run_logs/connector_CSV_users", params=params)
    assert [row["portion_id"] for row in found.json()] == [named[1]["portion_id"]]
    assert found.headers["X-Total-Count"] == "1"
    for unknown in ("13", "connector_LDAP", "Slack"):
        api.error(404, "GET", f"v3/connector_run_logs/{unknown}")


def test_run_log_by_uuid_can_be_switched_off(api: Caller) -> None:
    api("POST", "v3/bulk", json=batch(ADA))
    assert api("GET", LOG).status_code == 200
    api.sandbox.oomnitza.switches.run_by_uuid = False
    api.error(404, "GET", LOG)
    (row,) = api("GET", "v3/connector_run_logs/connector_CSV_users").json()
    api("POST", f"v3/bulk/{PORTION}/finalize", json={})
    path = f"v3/connector_run_logs/connectors/{row['portion_id']}"
    assert [api("GET", path).json()["objects"]["added"] for _ in range(3)] == [0, 0, 1]
    api.sandbox.oomnitza.switches.run_objects = "nonzero"
    assert api("GET", path).json()["objects"] == {"added": 1}


def test_canceled_run_writes_nothing_more(api: Caller) -> None:
    api.sandbox.oomnitza.cancel_runs(after_batches=1)
    assert api("GET", f"v3/bulk/{PORTION}").json() == {"canceled": False}
    api("POST", "v3/bulk", json=batch(ADA))
    assert api("GET", f"v3/bulk/{PORTION}").json() == {"canceled": True}
    api("POST", "v3/bulk", json=batch(BOB))
    assert [p["username"] for p in api.sandbox.oomnitza.people()] == ["ada"]
    assert finish(api)["objects"]["canceled"] == 1


def test_run_log_may_never_end(api: Caller) -> None:
    api.error(404, "GET", LOG)
    api.error(404, "POST", f"v3/bulk/{PORTION}/finalize", json={})
    api.sandbox.oomnitza.switches.run_polls = -1
    api("POST", "v3/bulk", json=batch(ADA))
    api("POST", f"v3/bulk/{PORTION}/finalize", json={})
    assert {api("GET", LOG).json()["status"] for _ in range(10)} == {"Processing"}


@pytest.mark.parametrize(
    "changes",
    [
        {"portion": "one"},
        {"portion": ...},
        {"data_type": "assets"},
        {"insert_only": True, "update_only": True},
        {"insert_only": 0},
        {"sync_field": []},
        {"sync_field": "EMAIL"},
        {"sync_field": ["email"]},
        {"records": []},
        {"records": [{"email": "ada@acme.example"}]},
        {"records": ["ada"]},
        {"records": [ADA, BOB], "error": "one of them"},
        {"records": [{**ADA, "SAAS": {"name": "Slack"}}]},
        {"records": [{**ADA, "SAAS": {"sync_key": "EMAIL", "id": "1"}}]},
        {"connector_name": ...},
        {"connector_name": ""},
        {"connector_id": 12},
        {"connector_name": ..., "connector_id": "12"},
        {"connector_name": ..., "connector_id": 13},
        {"comment": "x"},
        {"connector_version": 1},
    ],
)
def test_batch_of_another_shape_is_rejected(api: Caller, changes: dict[str, Any]) -> None:
    api.error(400, "POST", "v3/bulk", json=batch(ADA, **changes))
    assert api.sandbox.oomnitza.people() == []
    assert api("POST", "v3/bulk", json=batch(ADA, connector_name=..., connector_id=12)).status_code == 200
