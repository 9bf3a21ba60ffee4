"""Tests the settings of the form with the connector as a process, over HTTP."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from airbyte_cdk.models import Status
from destination_oomnitza import DestinationOomnitza

from integration_tests.harness import destination_inside
from integration_tests.harness.destination_process import config, person, record, run, state, stream, write
from integration_tests.sandbox import Sandbox

SLACK = ["id", "name", "email", "first_name", "last_name", "title", "phone", "is_admin", "connector_sync_time"]


def patches(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [exchange.json for exchange in sandbox.requests.matching("oomnitza", "PATCH")]


def sync(*arguments: Any) -> tuple[dict[str, int], str]:
    """Write within this process, and return the outcomes and the log."""
    written = destination_inside.write(*arguments)
    assert written.error == ""
    counts = written.report()["users"]
    return {name: number for name, number in counts.items() if isinstance(number, int) and number}, "\n".join(
        written.log_lines()
    )


def only_reads(sandbox: Sandbox) -> bool:
    return {exchange.method for exchange in sandbox.requests} == {"GET"}


# -- check -------------------------------------------------------------------------------------------------------------


def failed_check(sandbox: Sandbox, **more: Any) -> str:
    """Return the message of a check that fails."""
    status = DestinationOomnitza().check(logging.getLogger("airbyte"), config(sandbox, **more))
    assert status.status is Status.FAILED
    assert sandbox.oomnitza.token not in str(status.message)
    return str(status.message)


def test_check_names_the_entry_and_what_is_wrong_with_it(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_field("badge", "Badge", "integer")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"field_mapping": [{"field": "postion", "value": "title"}]}, "has no field postion for people. Did you mean position?"),
        ({"field_mapping": [{"field": "position", "value": "{{ record['x' }}"}]}, "entry for position: the template does not compile"),
        ({"sync_keys": ["external_id"]}, "Sync keys (sync_keys): external_id is not mapped"),
        ({"sync_keys": ["badge"], "field_mapping": [{"field": "badge", "value": "n"}]}, "badge is not unique"),
        ({"default_role": "Wizard"}, "there is no role 'Wizard'; there are System Administrator (1), "),
        ({"default_role": None}, "Oomnitza needs a role"),
        ({"record_filter": "{% if %}"}, "(record_filter) does not compile"),
        ({"inactive_when": "a..b"}, "(inactive_when) does not compile"),
        ({"sync_keys": []}, "Sync keys (sync_keys) is empty"),
        ({"write_mode": "upsert"}, "Create or update (write_mode) must be one of"),
        ({"batch_size": 0}, "Records per batch (batch_size) must be at least 1."),
        ({"instance_url": "http://acme.oomnitza.com"}, "must begin with https://"),
        ({"credentials": {"auth_type": "api_token", "token": "x"}}, "(credentials.api_token) is missing"),
    ]  # fmt: skip
    for more, logged in cases:
        assert logged in failed_check(sandbox, **more)
    assert only_reads(sandbox)


def test_write_rejects_what_check_rejects(sandbox: Sandbox) -> None:
    kind, message = write(config(sandbox, default_role="Wizard"), [record(person("ada"))]).failure()
    assert kind == "config_error" and "there is no role 'Wizard'" in message
    assert not sandbox.oomnitza.people()


def test_check_shows_the_mapping_in_force_and_writes_nothing(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
    output = run(
        "check", config(sandbox, default_role="employee", field_mapping=[{"field": "position", "value": "job"}])
    )
    assert output.connection_status()[0] == "SUCCEEDED"
    table = [line.split("  ") for line in output.logs("INFO").splitlines()]
    rows = {tuple(cell.strip() for cell in line if cell.strip()) for line in table}
    assert {
        ("slack_user_id", "id", "smart mapping"),
        ("email", "email", "smart mapping"),
        ("position", "job", "your field mapping"),
        ("role", "25, new people only", "default_role"),
    } <= rows
    assert only_reads(sandbox)


# -- values ------------------------------------------------------------------------------------------------------------


def test_entries_of_each_kind_are_written(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
    sandbox.oomnitza.add_field("shirt", "T-Shirt")
    sandbox.oomnitza.add_field("start", "Start", "date")
    sandbox.oomnitza.add_field("admin", "Is Admin?", "boolean")
    sandbox.oomnitza.add_field("floor", "Floor", "integer")
    sandbox.oomnitza.add_field("synced", "Connector Sync Time")
    known = sandbox.oomnitza.add_person(
        email="BOB@acme.example", username="bob", phone_number="+1555", address="Old", shirt="L"
    )
    empty = sandbox.oomnitza.add_person(email="cid@acme.example", username="cid", phone_number="")
    mapping = [
        {"field": "shirt", "value": "profile.fields[0].value", "write_empty": True},
        {"field": "start", "value": "start"},
        {"field": "floor", "value": "{{ record['floor'] * 2 }}"},
        {"field": "address", "default": "HQ"},
        {"field": "phone_number", "value": "phone", "if_empty_only": True},
        {"field": "position", "value": "title", "default": "Employee"},
        {"field": "role", "value": "{{ 'System Administrator' if record['is_admin'] else 'Contractor' }}"},
    ]
    people = [
        person("ada", is_admin=True, floor=3, start="2024-01-31T10:00:00+02:00", phone="+15551234567", title="Boss",
               profile={"fields": [{"value": "M"}]}, connector_sync_time="2026-01-01T00:00:00Z"),
        person("bob", is_admin=False, floor=4, start="2023-05-01", phone="+4900", connector_sync_time="2026-01-01T00:00:00Z"),
        person("cid", is_admin=False, floor=5, start="2023-05-01", phone="+4911"),
    ]  # fmt: skip
    settings = config(sandbox, default_role=None, field_mapping=mapping)
    messages = [record(each) for each in people]
    assert sync(settings, messages, stream(properties=SLACK))[0] == {"added": 1, "updated": 2}

    ada, bob, cid = (
        sandbox.oomnitza.person(**at) for at in ({"username": "ada"}, {"user_id": known}, {"user_id": empty})
    )
    assert ada is not None and bob is not None and cid is not None
    expected = {
        "slack_user_id": "UADA", "shirt": "M", "start": 1706688000, "admin": True, "floor": 6, "address": "HQ",
        "phone_number": "+15551234567", "position": "Boss", "role": 1, "synced": "",
    }  # fmt: skip
    assert {name: ada[name] for name in expected} == expected
    assert cid["phone_number"] == "+4911", "the field was empty"
    # Bob's address differed in case alone, his phone number was filled, and his shirt is cleared.
    expected = {
        "email": "BOB@acme.example",
        "phone_number": "+1555",
        "shirt": "",
        "address": "HQ",
        "role": 26,
        "position": "Employee",
    }
    assert {name: bob[name] for name in expected} == expected

    sandbox.requests.clear()
    assert sync(settings, messages, stream(properties=SLACK))[0] == {"unchanged": 3}
    assert only_reads(sandbox)


@pytest.mark.parametrize("mode", ["create_and_update", "update_only"])
def test_needed_field_that_is_not_writable_fails_check(sandbox: Sandbox, mode: str) -> None:
    sandbox.oomnitza.set_field("email", editable=False)
    settings = config(sandbox, write_mode=mode, field_mapping=[{"field": "email", "value": "email"}])
    status, message = run("check", settings).connection_status()
    if mode == "update_only":
        assert status == "SUCCEEDED", "people are found by it all the same"
    else:
        assert (status, "email is set by Oomnitza itself" in message) == ("FAILED", True)


@pytest.mark.parametrize(
    "switches",
    [
        {"flags": ("true", "false"), "empty": "null", "case_sensitive": True},
        {"meta_status": 404, "empty": "absent", "backslash_escapes": True},
    ],
)
def test_whatever_is_open_a_second_sync_changes_nothing(sandbox: Sandbox, switches: dict[str, Any]) -> None:
    for name, value in switches.items():
        setattr(sandbox.oomnitza.switches, name, value)
    sandbox.oomnitza.add_field("shirt", "Shirt")
    sandbox.oomnitza.add_field("start", "Start", "date")
    sandbox.oomnitza.add_field("admin", "Admin", "boolean")
    names = ["start", "admin", "shirt", "position"]
    settings = config(sandbox, field_mapping=[{"field": name, "value": name, "write_empty": True} for name in names])
    ada = person("Ada", start="2024-01-31T00:00:00Z", admin=True, shirt="M")
    assert sync(settings, [record(ada)])[0] == {"added": 1}
    assert sync(settings, [record(ada)])[0] == {"unchanged": 1}


def test_records_of_wrong_types_are_refused_one_by_one(sandbox: Sandbox) -> None:
    bad = [
        person("a", email=12345),
        person("b", first_name=["B"]),
        person("c", last_name={"x": 1}),
        {**person("d"), "name": True},
        person("e", floor=0),
    ]
    settings = config(sandbox, field_mapping=[{"field": "address", "value": "{{ 1 // record['floor'] }}"}])
    good = [person(name, floor=1) for name in ("x", "y")]
    output = write(settings, [record({"floor": 1, **each}) for each in [good[0], *bad, good[1]]] + [state({"n": 1})])
    assert output.status == 0
    assert output.counts() == {"added": 2, "failed": 5}
    errors = output.logs("ERROR")
    for logged in (
        "email=12345: email: is a number, and the field needs text",
        "email=b@acme.example: first_name: is a list, and the field needs text",
        "email=c@acme.example: last_name: is an object",
        "email=d@acme.example: username: is a boolean",
        "email=e@acme.example: address: the template fails: ZeroDivisionError",
    ):
        assert logged in errors
    (kept,) = output.of("STATE")
    assert kept["destinationStats"] == {"recordCount": 2.0, "rejectedRecordCount": 5.0}
    assert {each["username"] for each in sandbox.oomnitza.people()} == {"x", "y"}


def test_meta_restriction_is_lifted_only_if_needed(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_field("cost_centre", "Cost Centre", editable=False)
    settings = config(sandbox, field_mapping=[{"field": "cost_centre", "value": "cc"}])
    messages = [record(person("ada", cc="A1")), record(person("bob"))]
    assert sync(settings, messages, stream(properties=["cost_centre"]))[0] == {"added": 2}
    lifted = {
        exchange.json["username"]: exchange.headers.get("oomnitza-ignore-meta-restriction")
        for exchange in sandbox.requests.matching("oomnitza", "POST", "/users$")
    }
    assert lifted == {"ada": "1", "bob": None}


# -- who is who --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("update_sync_keys", [False, True])
def test_first_key_that_finds_a_person_wins(sandbox: Sandbox, update_sync_keys: bool) -> None:
    sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
    by_id = sandbox.oomnitza.add_person(username="old-ada", email="ada.old@acme.example", slack_user_id="UADA")
    by_email = sandbox.oomnitza.add_person(username="bob", email="bob@acme.example", slack_user_id="UOLD")
    neither = sandbox.oomnitza.add_person(username="eve", email="eve@acme.example")
    settings = config(sandbox, sync_keys=["slack_user_id", "email"], update_sync_keys=update_sync_keys)
    messages = [record(person(name)) for name in ("ada", "bob", "new")]
    assert sync(settings, messages)[0] == {"added": 1, "updated": 2}
    ada = sandbox.oomnitza.person(user_id=by_id)
    bob = sandbox.oomnitza.person(user_id=by_email)
    assert ada is not None and bob is not None
    # A person found by the first key gets the second with update_sync_keys only; one found by the second gets the first.
    assert (ada["username"], ada["email"]) == (
        "old-ada",
        "ada@acme.example" if update_sync_keys else "ada.old@acme.example",
    )
    assert bob["slack_user_id"] == "UBOB"
    assert sandbox.oomnitza.person(user_id=neither, username="eve")


def test_value_of_two_people_rejects_the_record(sandbox: Sandbox) -> None:
    for _ in range(2):
        sandbox.oomnitza.add_person(email="twin@acme.example", twin=True)
    sandbox.oomnitza.add_person(username="victim", email="victim@acme.example", position="Safe")
    odd = [
        "x' or email ne '@acme.example",
        'x"] or email ne "@a.example',
        "both\"'@a.example",
        "tail\\",
        "n\n@a.example",
    ]
    emails = ["twin@acme.example", *odd, "o'neil@acme.example"]
    messages = [record(person(f"p{number}", email=email, title="Hit")) for number, email in enumerate(emails)]
    counts, log = sync(config(sandbox), messages)
    assert counts["failed"] >= 4
    assert "email=twin@acme.example: 2 people in Oomnitza have this email; it must be one" in log
    assert "both single and double quotes" in log
    victim = sandbox.oomnitza.person(username="victim")
    assert victim is not None and victim["position"] == "Safe"
    assert sandbox.oomnitza.person(email="o'neil@acme.example")
    assert not patches(sandbox)


def test_filter_and_inactive_template_are_applied(sandbox: Sandbox) -> None:
    settings = config(
        sandbox,
        record_filter="{{ not record['is_bot'] and record['email'] }}",
        inactive_when="{{ record['status'] != 'on' }}",
    )
    people = [person("bot", is_bot=True, status="on"), person("off", status="off"), person("on", status="on")]
    assert sync(settings, [record(each) for each in people])[0] == {"added": 1, "skipped": 2}
    assert [each["username"] for each in sandbox.oomnitza.people()] == ["on"]


# -- a test run --------------------------------------------------------------------------------------------------------


def test_test_run_reports_changes_and_writes_nothing(sandbox: Sandbox) -> None:
    saas = {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack"}}
    for number in range(6):
        sandbox.oomnitza.add_person(
            username=f"old{number}",
            email=f"old{number}@acme.example",
            position="Clerk",
            first_name=f"Old{number}",
            last_name="Example",
        )
    people = [person(f"old{number}", title="Boss" if number < 4 else "Clerk") for number in range(6)]
    people += [person(f"new{number}", title="Joiner") for number in range(9)] + [person("gone", deleted=True)]
    messages = [*map(record, people), state({"n": 1})]
    before = sandbox.oomnitza.people()

    trial = write(config(sandbox, test_run=True, **saas), messages)
    assert trial.status == 0
    assert only_reads(sandbox)
    assert sandbox.oomnitza.people() == before and not sandbox.oomnitza.applications()
    assert trial.counts() == {"added": 9, "updated": 4, "unchanged": 2, "skipped": 1}
    assert not trial.of("STATE"), "a state is an acknowledgement, and nothing was written"
    logged = trial.logs("INFO")
    assert "Test run: nothing was written" in logged
    assert (
        "position: Clerk -> Boss" in logged and "username: (empty) -> new" in logged and "role: (empty) -> 25" in logged
    )
    assert logged.count("would be updated:") + logged.count("would be added:") == 10

    real = write(config(sandbox, **saas), messages)
    assert real.report() == trial.report()
    assert real.of("STATE")
