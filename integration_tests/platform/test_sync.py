"""Tests both connectors together, through a pipe and by `make demo`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness import destination_process as destination
from integration_tests.harness import source_process as source
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.openapi import Contract
from integration_tests.sandbox.slack.members import is_bot

ROOT = Path(__file__).parents[2]


def users_stream(sandbox: Sandbox) -> dict[str, Any]:
    """Return the stream `users` as the source describes and the bundle configures it."""
    (catalog,) = source.run("discover", source.config(sandbox)).of("CATALOG")
    (stream,) = [each for each in catalog["streams"] if each["name"] == "users"]
    return {
        "stream": stream,
        "sync_mode": "incremental",
        "destination_sync_mode": "append_dedup",
        "primary_key": [["id"]],
    }


def sync(sandbox: Sandbox, state: dict[str, Any] | None = None, **settings: Any) -> tuple[SyncResult, dict[str, Any]]:
    """Run one sync, and return the destination's messages and its last state."""
    read = source.read(source.config(sandbox), state=state and {"users": state})
    assert read.status == 0, read.text
    written = destination.run(
        "write",
        destination.config(sandbox, **settings),
        stdin=read.text.encode(),
        catalog={"streams": [users_stream(sandbox)]},
    )
    assert written.status == 0, written.text
    return written, written.states()[-1]


def expected_people(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Return the people expected in Oomnitza by address, from Slack's own pages."""
    return {
        member["profile"]["email"].lower(): member
        for member in sandbox.slack.members()
        if not member["deleted"] and not is_bot(member) and member["profile"].get("email")
    }


def test_people_arrive_once_as_in_slack(sandbox: Sandbox) -> None:
    written, _ = sync(sandbox)
    people = {person["email"].lower(): person for person in sandbox.oomnitza.people()}
    expected = expected_people(sandbox)
    assert len(people) == len(sandbox.oomnitza.people()), "somebody is twice"
    assert people.keys() == expected.keys()
    for email, member in expected.items():
        person = people[email]
        assert person["username"] == member["name"].strip()
        assert (person["position"] or "") == (member["profile"].get("title") or "")
        given = {name: member["profile"].get(name) for name in ("first_name", "last_name")}
        if any(given.values()):
            assert {name: person[name] or None for name in given} == {name: at or None for name, at in given.items()}
        else:
            whole = " ".join(filter(None, (person["first_name"], person["last_name"])))
            real_name = member["profile"].get("real_name") or member.get("real_name") or ""
            assert whole.split() == str(real_name).split()  # one is a number
        assert (person["phone_number"] or "") == (member["profile"].get("phone") or "")
        assert person["role"] == destination.ROLE
    assert written.counts()["added"] == len(expected)


def test_second_sync_writes_changed_people_only(sandbox: Sandbox) -> None:
    _, state = sync(sandbox)
    emails = list(expected_people(sandbox))
    members = expected_people(sandbox)
    before = {person["email"].lower(): person for person in sandbox.oomnitza.people()}
    for email in emails[:3]:
        sandbox.slack.set_title(members[email]["id"], "Gatekeeper")
    sandbox.slack.deactivate(members[emails[3]]["id"], keep_email=True)
    sandbox.slack.join(real_name="Louis Tully", email="louis.tully@acme.example")
    sandbox.requests.clear()

    written, later = sync(sandbox, state)

    writes = [exchange for exchange in sandbox.requests.matching(service="oomnitza") if exchange.method != "GET"]
    assert sorted(exchange.method for exchange in writes) == ["PATCH"] * 3 + ["POST"]
    assert all(exchange.json == {"position": "Gatekeeper"} for exchange in writes if exchange.method == "PATCH")
    after = {person["email"].lower(): person for person in sandbox.oomnitza.people()}
    assert {email for email in before if before[email]["position"] != after[email]["position"]} == set(emails[:3])
    assert after.keys() - before.keys() == {"louis.tully@acme.example"}
    assert emails[3] in after, "nobody is ever deleted"
    assert written.counts()["added"] == 1
    assert written.counts()["updated"] == 3
    assert later["updated"] > state["updated"]


def test_repeated_sync_changes_nothing(sandbox: Sandbox) -> None:
    sync(sandbox)
    sandbox.requests.clear()
    written, _ = sync(sandbox)
    asked = sandbox.requests.matching(service="oomnitza")
    assert {exchange.method for exchange in asked} == {"GET"}
    assert len([exchange for exchange in asked if "filter" in exchange.query]) == 1, "sixty people are one batch"
    assert written.counts().keys() == {"unchanged", "skipped"}


def test_user_name_and_password_do_as_well_as_a_token(sandbox: Sandbox) -> None:
    credentials = {
        "auth_type": "password",
        "username": sandbox.oomnitza.username,
        "password": sandbox.oomnitza.password,
    }
    written, _ = sync(sandbox, credentials=credentials)
    assert written.counts()["added"] == len(expected_people(sandbox))
    assert sandbox.oomnitza.password not in written.text


def test_requests_and_responses_match_oomnitzas_document(sandbox: Sandbox) -> None:
    contract = Contract.find()
    if contract is None:
        pytest.skip("Oomnitza's OpenAPI document is not beside this checkout")
    settings = {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack"}}
    _, state = sync(sandbox, **settings)
    active = list(expected_people(sandbox).values())
    sandbox.slack.set_title(active[0]["id"], "Keymaster")
    sandbox.slack.deactivate(active[1]["id"], keep_email=True)
    sync(sandbox, state, **settings)
    exchanges = sandbox.requests.matching(service="oomnitza")
    assert {exchange.method for exchange in exchanges} == {"GET", "POST", "PATCH"}
    assert contract.problems(exchanges) == []


def test_demo_runs_and_prints_results(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    demo = subprocess.run(
        [sys.executable, "-m", "integration_tests.tools.demo"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "250 members - 17 bots, which the source leaves out = 233 records" in demo.stdout
    assert demo.stdout.count(" -> Head of Ghostbusting") == 5
    assert (tmp_path / ".sandbox" / "demo" / "connectors.log").exists()
    assert demo.stderr == ""
