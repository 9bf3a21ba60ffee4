"""Tests the streams of logins and billing, which need an administrator's token."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integration_tests.harness.source_process import config, read
from integration_tests.sandbox import Fault, Sandbox
from integration_tests.sandbox.slack.members import is_bot

STREAMS = ("users", "last_logins", "billable_info")


def iso(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def newest(logins: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for login in logins:
        if login["user_id"] not in found or login["date_last"] > found[login["user_id"]]["date_last"]:
            found[login["user_id"]] = login
    return found


def many(sandbox: Sandbox, entries: int) -> list[dict[str, Any]]:
    """Give everyone enough devices for a log of this many entries, newest first."""
    logins = sandbox.slack.workspace.logins
    older = [{**login, "date_last": login["date_last"] - n} for n in range(1, 1000) for login in logins]
    logins[:] = sorted([*logins, *older][:entries], key=lambda login: -int(login["date_last"]))
    return logins


def test_last_logins_are_the_newest_of_each_person(sandbox: Sandbox) -> None:
    many(sandbox, 2500)
    output = read(config(sandbox, sandbox.slack.admin_token), "last_logins")
    assert sandbox.requests.count(path="team.accessLogs") == 3
    expected = newest(sandbox.slack.workspace.logins)
    assert output.status == 0
    assert {r["user_id"]: r for r in output.records("last_logins")} == {
        person: {
            "user_id": person,
            "username": login["username"],
            "last_login_at": iso(login["date_last"]),
            "first_login_at": iso(login["date_first"]),
            "login_count": login["count"],
            "ip": login["ip"],
            "user_agent": login["user_agent"],
            **({"country": login["country"]} if login["country"] else {}),
        }
        for person, login in expected.items()
    }
    assert len(output.records("last_logins")) == len(expected)
    assert output.states("last_logins") == [{"last_login_at": iso(max(x["date_last"] for x in expected.values()))}]


def test_last_logins_stop_at_the_state(sandbox: Sandbox) -> None:
    logins = many(sandbox, 5000)
    since = logins[1500]["date_last"]
    # Small pages apply to lists of people only: a hundred small pages of the log would reach less far back.
    configuration = config(sandbox, sandbox.slack.admin_token, page_size=5)
    output = read(configuration, "last_logins", state={"last_logins": {"last_login_at": iso(since)}})
    recent = newest([login for login in logins if login["date_last"] >= since])
    assert {r["user_id"] for r in output.records("last_logins")} == set(recent)
    assert sandbox.requests.count(path="team.accessLogs") == 2


def test_billable_info_is_that_of_each_person(sandbox: Sandbox) -> None:
    output = read(config(sandbox, sandbox.slack.admin_token, page_size=10), "billable_info")
    people = [m for m in sandbox.slack.members() if not is_bot(m)]
    assert {r["user_id"] for r in output.records("billable_info")} == {m["id"] for m in people}
    assert {r["user_id"] for r in output.records("billable_info") if r["billing_active"]} == {
        m["id"]
        for m in people
        if not m["deleted"] and not m.get("is_ultra_restricted") and not m.get("is_invited_user")
    }


def test_grid_everybody_comes_once_in_each_stream(sandbox: Sandbox) -> None:
    output = read(config(sandbox, sandbox.slack.org_admin_token), *STREAMS)
    assert output.status == 0
    for stream in STREAMS[1:]:
        people = [record["user_id"] for record in output.records(stream)]
        assert len(people) == len(set(people)) > 10
    logins = [login for place in sandbox.slack.grid for login in place.logins]
    assert {r["user_id"]: r["last_login_at"] for r in output.records("last_logins")} == {
        person: iso(login["date_last"]) for person, login in newest(logins).items()
    }


@pytest.mark.parametrize("stream", STREAMS[1:])
def test_smaller_pages_bring_the_same_records(sandbox: Sandbox, stream: str) -> None:
    path = {"last_logins": "team.accessLogs", "billable_info": "team.billableInfo"}[stream]
    configuration = config(sandbox, sandbox.slack.admin_token, page_size=10)
    undisturbed = read(configuration, stream)
    sandbox.faults.add(Fault("limit_required", service="slack", path=path, nth=2))
    output = read(configuration, stream)
    assert output.records(stream) == undisturbed.records(stream)
