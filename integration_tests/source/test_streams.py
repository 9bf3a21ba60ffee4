"""Tests the streams over HTTP, each with its own scope and plan.

One without them fails by itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft7Validator

from integration_tests.harness.source_process import config, read, run
from integration_tests.sandbox import Fault, Sandbox
from integration_tests.sandbox.slack.analytics import day_activity, today
from integration_tests.sandbox.slack.members import is_bot

STREAMS = ("users", "last_logins", "billable_info", "user_groups", "member_activity")
SCOPES = {
    "last_logins": "admin",
    "billable_info": "admin",
    "user_groups": "usergroups:read",
    "member_activity": "admin.analytics:read",
}
LABELS = {"Xf0SANDBOX1": "Employee number", "Xf0SANDBOX2": "Manager", "Xf0SANDBOX3": "Badge"}


def activity(sandbox: Sandbox, days_ago: int, *, organization: bool = False) -> list[dict[str, Any]]:
    places = sandbox.slack.grid if organization else [sandbox.slack.workspace]
    return list(day_activity(places, today() - timedelta(days_ago)))


def test_streams_without_their_scopes_fail_apart(sandbox: Sandbox) -> None:
    output = read(config(sandbox), "billable_info", "user_groups", "users", "last_logins", "member_activity")
    assert output.status == 1
    for stream, scope in SCOPES.items():
        (error,) = output.errors(stream)
        assert error["failure_type"] == "config_error"
        assert f"lacks the scope {scope}" in error["message"]
        assert output.statuses(stream)[-1] == "INCOMPLETE"
        assert output.states(stream) == []
    assert output.statuses("users")[-1] == "COMPLETE"
    assert len(output.by_id()) > 50
    assert len(output.states("users")) == 1


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        ("last_logins", "paid Slack plan"),
        ("billable_info", "paid Slack plan"),
        ("user_groups", "plan has no user groups"),
        ("member_activity", "Business+ or Enterprise"),
    ],
)
def test_stream_without_its_plan_fails_apart(sandbox: Sandbox, stream: str, reason: str) -> None:
    sandbox.slack.workspace.paid = sandbox.slack.workspace.analytics = False
    output = read(config(sandbox, sandbox.slack.admin_token), stream, "users")
    (error,) = output.errors(stream)
    assert error["failure_type"] == "config_error"
    assert reason in error["message"]
    assert output.statuses("users")[-1] == "COMPLETE"


def test_streams_with_an_administrators_token_are_whole(sandbox: Sandbox) -> None:
    output = read(config(sandbox, sandbox.slack.admin_token), *STREAMS)
    assert output.status == 0
    assert [output.statuses(stream)[-1] for stream in STREAMS] == ["COMPLETE"] * len(STREAMS)
    assert all(output.records(stream) for stream in STREAMS)


@pytest.mark.parametrize("organization", [False, True])
def test_records_satisfy_the_discovered_schemas(sandbox: Sandbox, organization: bool) -> None:
    token = sandbox.slack.org_admin_token if organization else sandbox.slack.admin_token
    configuration = config(sandbox, token, include_bots=True, include_custom_fields=True)
    (catalog,) = run("discover", configuration).of("CATALOG")
    output = read(configuration, *STREAMS)
    for stream in catalog["streams"]:
        validator = Draft7Validator(stream["json_schema"], format_checker=Draft7Validator.FORMAT_CHECKER)
        records = output.records(stream["name"])
        assert records
        for record in records:
            # The CDK leaves out what is null.
            validator.validate(dict.fromkeys(stream["json_schema"]["properties"]) | record)


def test_user_groups_name_their_people(sandbox: Sandbox) -> None:
    output = read(config(sandbox, sandbox.slack.issue_token(["usergroups:read"])), "user_groups")
    groups = [group for group in sandbox.slack.workspace.groups if not group["date_delete"]]
    assert [(group["id"], group["users"]) for group in output.records("user_groups")] == [
        (group["id"], group["users"]) for group in groups
    ]
    assert {type(group["user_count"]) for group in output.records("user_groups")} == {int}


def test_user_groups_of_a_grid_are_those_of_each_workspace(sandbox: Sandbox) -> None:
    output = read(config(sandbox, sandbox.slack.org_admin_token), "user_groups")
    assert {group["team_id"] for group in output.records("user_groups")} == set(sandbox.slack.team_ids)


def test_member_activity_is_that_of_30_days(sandbox: Sandbox) -> None:
    output = read(config(sandbox, sandbox.slack.admin_token), "member_activity")
    days = {(today() - timedelta(days)).isoformat() for days in range(2, 32)}
    assert {record["date"] for record in output.records("member_activity")} == days
    expected = {(line["user_id"], line["date"]): line for days in range(2, 32) for line in activity(sandbox, days)}
    found = {(record["user_id"], record["date"]): record for record in output.records("member_activity")}
    assert found.keys() == expected.keys()
    for key, line in expected.items():
        record = found[key]
        assert (record["billable_seat"], record["active"]) == (line["is_billable_seat"], line["is_active"])
        assert record["messages_posted"] == line["messages_posted_count"]
        assert record["search_count"] == line["search_count"]
    assert output.states("member_activity") == [{"date": max(days)}]


def test_member_activity_goes_on_after_its_state(sandbox: Sandbox) -> None:
    state = {"member_activity": {"date": (today() - timedelta(4)).isoformat()}}
    output = read(config(sandbox, sandbox.slack.org_admin_token), "member_activity", state=state)
    expected = [line["user_id"] for days in (2, 3) for line in activity(sandbox, days, organization=True)]
    assert [record["user_id"] for record in output.records("member_activity")] == expected
    assert sandbox.requests.count(path="admin.analytics.getFile") == 3


def test_member_activity_of_a_cut_file_is_read_again(sandbox: Sandbox) -> None:
    state = {"member_activity": {"date": (today() - timedelta(3)).isoformat()}}
    fault = sandbox.faults.add(Fault("truncated", service="slack", path="getFile", nth=2))
    output = read(config(sandbox, sandbox.slack.admin_token), "member_activity", state=state)
    assert fault.fired == 1
    assert output.status == 0
    assert len(output.records("member_activity")) == len(activity(sandbox, 2))


@pytest.mark.parametrize("listed", [True, False])
def test_custom_fields_are_those_of_the_profiles(sandbox: Sandbox, listed: bool) -> None:
    """Custom fields come from the profiles, whether or not Slack lists them."""
    sandbox.slack.switches.fields_listed = listed
    person = next(m["id"] for m in sandbox.slack.members() if not is_bot(m) and not m["deleted"])
    fields = {"Xf0SANDBOX2": {"value": "U1", "alt": ""}, "Xf0SANDBOX3": {"value": "7", "alt": ""}}
    sandbox.slack.set_profile(person, fields=fields)
    token = sandbox.slack.issue_token(["users:read", "users:read.email", "users.profile:read"])
    people = read(config(sandbox, token, include_custom_fields=True)).by_id()
    for member in sandbox.slack.members():
        if member["id"] in people:
            values = {LABELS[field]: content["value"] for field, content in (member["profile"]["fields"] or {}).items()}
            assert people[member["id"]].get("custom_fields", {}) == values
    assert people[person]["custom_fields"] == {"Manager": "U1", "Badge": "7"}
    unlisted = {m["id"] for m in sandbox.slack.members() if not listed or m["profile"]["fields"] is None} & set(people)
    assert sandbox.requests.count(path="users.profile.get") == len(unlisted)
    assert sandbox.requests.count(path="team.profile.get") == 1


def test_custom_fields_keep_slacks_pace(sandbox: Sandbox) -> None:
    """A request is repeated after HTTP 429, when and as often as Slack asks."""
    sandbox.slack.switches.fields_listed = False
    sandbox.slack.switches.calls["users.profile.get"] = 10
    token = sandbox.slack.issue_token(["users:read", "users:read.email", "users.profile:read"])
    output = read(config(sandbox, token, include_custom_fields=True))
    assert output.status == 0
    assert sandbox.requests.count(path="users.profile.get", status=429) >= 4
    logged = " ".join(log["message"] for log in output.of("LOG"))
    assert f"custom fields of {len(output.records())} of the next {len(output.records())} people" in logged
    assert "about 1 minute:" in logged


def test_custom_fields_without_the_scope_fail_check_and_read(sandbox: Sandbox) -> None:
    status, message = run("check", config(sandbox, include_custom_fields=True)).connection_status()
    assert status == "FAILED"
    assert "lacks the scope users.profile:read" in message
    output = read(config(sandbox, include_custom_fields=True))
    (error,) = output.errors("users")
    assert error["failure_type"] == "config_error"
    assert "lacks the scope users.profile:read" in error["message"]


@pytest.mark.parametrize("numbered", [True, False])
def test_last_logins_are_whole_with_numbers_or_cursors(sandbox: Sandbox, numbered: bool) -> None:
    sandbox.slack.switches.numbered_logs = numbered
    logins = sandbox.slack.workspace.logins
    older = [{**login, "date_last": login["date_last"] - n} for n in range(1, 40) for login in logins[1:]]
    last = {**logins[0], "user_id": "ULAST", "date_last": min(login["date_last"] for login in older) - 1}
    logins[:] = [*sorted([*logins, *older], key=lambda login: -int(login["date_last"])), last]
    output = read(config(sandbox, sandbox.slack.admin_token), "last_logins")
    assert {login["user_id"] for login in output.records("last_logins")} == {login["user_id"] for login in logins}
    assert sandbox.requests.count(path="team.accessLogs") > 2
