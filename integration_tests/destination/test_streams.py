"""Tests settings of single streams: several streams in one connection."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import config, person, record, state, stream
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox

STREAMS = [
    {
        "stream": "last_logins",
        "write_mode": "update_only",
        "sync_keys": ["slack_user_id"],
        "record_type": {"type": "user"},
        "field_mapping": [{"field": "slack_last_login", "value": "last_login_at"}],
    },
    {"stream": "user_groups", "skip": True},
]
REST: dict[str, Any] = {"method": "rest"}
INGEST: dict[str, Any] = {"method": "ingest"}


def sync(sandbox: Sandbox, **settings: Any) -> SyncResult:
    """Write two people, two logins (one of a stranger), and a group, with states."""
    sandbox.oomnitza.switches.run_polls = 0
    sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", "STR", unique=True)
    sandbox.oomnitza.add_field("slack_last_login", "Slack Last Login", "STR")
    sandbox.oomnitza.add_person(username="ada", email="ada@acme.example", slack_user_id="UADA")
    logins = [{"user_id": f"U{name}", "last_login_at": "2026-07-01T08:00:00Z"} for name in ("ADA", "STRANGER")]
    messages = [
        *(record(each, "last_logins") for each in logins),
        state({"n": 1}, "last_logins"),
        record({"id": "S1", "name": "a-team", "email": "a-team@acme.example"}, "user_groups"),
        state({"n": 2}, "user_groups"),
        record(person("bob")),
        state({"n": 3}),
    ]
    streams = [stream(name) for name in ("last_logins", "user_groups", "users")]
    return write(config(sandbox, streams=STREAMS, **settings), messages, *streams)


@pytest.mark.parametrize("method", [REST, INGEST])
def test_streams_each_written_by_its_entry(sandbox: Sandbox, method: dict[str, Any]) -> None:
    synced = sync(sandbox, write_method=method)
    assert (synced.error, synced.acknowledged()) == ("", [{"n": 1}, {"n": 2}, {"n": 3}])
    assert synced.counts("last_logins") == {"updated": 1, "skipped": 1}
    assert synced.counts("users") == {"added": 1}
    people = {each["username"]: each for each in sandbox.oomnitza.people()}
    assert people.keys() == {"ada", "bob"}
    assert people["ada"]["slack_last_login"] == "2026-07-01T08:00:00Z"


def test_skipped_stream_counts_and_acknowledges(sandbox: Sandbox) -> None:
    synced = sync(sandbox)
    assert synced.counts("user_groups")["skipped"] == 1
    assert {"n": 2} in synced.acknowledged()
    assert any("Nothing of user_groups is written" in line for line in synced.log_lines())


def test_test_run_shows_each_mapping_once(sandbox: Sandbox) -> None:
    synced = sync(sandbox, test_run=True)
    logins, users = [line for line in synced.log_lines() if line.startswith("Mapping of")]
    assert logins.startswith("Mapping of last_logins, with its first record:")
    assert users.startswith("Mapping of users, with its first record:")
    assert "UADA" in logins
    assert "slack_last_login" in logins and "slack_last_login" not in users
    assert synced.counts("last_logins") == {"updated": 1, "skipped": 1}
    assert len(sandbox.oomnitza.people()) == 1


def test_entry_without_stream_is_warned_of(sandbox: Sandbox) -> None:
    synced = write(config(sandbox, streams=STREAMS), [record(person("ada"))])
    assert synced.error == ""
    warned = [line for line in synced.log_lines() if "the connection has no stream" in line]
    assert ["last_logins" in line for line in warned] == [True, False]


def test_streams_of_two_applications_keep_both(sandbox: Sandbox) -> None:
    """Streams of one application share it, whatever the case; a third has its own."""
    names = {"users": "Slack", "guests": "SLACK", "callers": "Zoom"}
    entries = [
        {"stream": name, "record_type": {"type": "user_and_saas_user", "saas_name": saas}}
        for name, saas in names.items()
    ]
    messages = [record(person(name), name) for name in names]
    synced = write(config(sandbox, streams=entries), messages, *map(stream, names))
    assert synced.error == ""
    assert {each["saas_name"] for each in sandbox.oomnitza.applications()} == {"Slack", "Zoom"}
    assert sorted(user["username"] for user in sandbox.oomnitza.saas_users("Slack")) == ["guests", "users"]
    assert [user["username"] for user in sandbox.oomnitza.saas_users("Zoom")] == ["callers"]
