"""Tests SaaS applications, with every switch."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.caller import Caller


@pytest.fixture
def people(sandbox: Sandbox) -> list[str]:
    return [sandbox.oomnitza.add_person(username=f"person{number}") for number in range(5)]


@pytest.fixture
def slack(sandbox: Sandbox, people: list[str]) -> str:
    """Add an application with the first three people assigned, in this order."""
    sandbox.oomnitza.switches.unsorted = "created"
    saas_id = sandbox.oomnitza.add_application("Slack")
    for number, user_id in enumerate(people[:3]):
        sandbox.oomnitza.assign(saas_id, user_id, f"U{number}")
    return saas_id


def test_application_is_created_and_listed(api: Caller) -> None:
    created = api("POST", "v3/saas", json={"saas_name": "Slack"})
    assert (created.status_code, created.json()) == (201, {"saas_id": "1"})
    api.sandbox.oomnitza.switches.saas_created_status = 200
    assert api("POST", "v3/saas", json={"saas_name": "Zoom"}).status_code == 200
    found = api("GET", "v3/saas", params={"filter": 'saas_name eq "slack"'})
    assert ([row["saas_id"] for row in found.json()], found.headers["X-Total-Count"]) == ([1], "1")
    assert api("GET", "v3/saas/1").json()["saas_name"] == "Slack"
    for bad in ({}, {"saas_name": ""}, {"saas_name": 5}, {"saas_name": "x", "saas_id": "9"}):
        api.error(400, "POST", "v3/saas", json=bad)
    api.error(400, "GET", "v3/saas", params={"filter": 'name eq "Slack"'})
    for path in ("v3/saas/9", "v3/saas/x", "v3/saas/9/users", "v3/saas/9/roles"):
        api.error(404, "GET", path)


def test_assignment_of_many_is_repeatable(api: Caller, slack: str, people: list[str]) -> None:
    path = f"v3/saas/{slack}/users"
    answer = api("POST", path, json=[{"user_id": user_id, "assign": True} for user_id in people])
    assert (answer.status_code, answer.content) == (200, b"")
    assert len(api.sandbox.oomnitza.saas_users("Slack")) == 5
    assert api("POST", path, json=[{"user_id": people[0], "assign": False}]).status_code == 200
    assert [row["user_id"] for row in api.sandbox.oomnitza.saas_users("Slack")] == people[1:]
    unknown = [{"user_id": people[0], "assign": True}, {"user_id": "nobody", "assign": True}]
    assert "nobody" in api.error(400, "POST", path, json=unknown)
    assert len(api.sandbox.oomnitza.saas_users("Slack")) == 4, "half of a refused batch was taken"
    for bad in (
        [],
        {},
        ["x"],
        [{"user_id": people[0]}],
        [{"user_id": people[0], "assign": "yes"}],
        [{"user_id": 5, "assign": True}],
    ):
        api.error(400, "POST", path, json=bad)  # fmt: skip


def test_saas_users_come_in_each_shape(api: Caller, slack: str, people: list[str]) -> None:
    switches, path = api.sandbox.oomnitza.switches, f"v3/saas/{slack}/users"
    row = api("GET", path).json()[0]
    assert (row["user_id"], row["user_external_id"], row["deactivated"]) == (people[0], "U0", False)
    assert row["roles"] == {"role_id": "", "role_external_id": "", "role_external_label": ""}
    assert row["saas_user_id"] not in people
    for field, active in (("active", True), ("is_active", True), ("status", "active")):
        switches.saas_activity = field
        assert api("GET", path).json()[0][field] == active
    switches.saas_activity, switches.saas_user_id, switches.saas_roles = None, False, "list"
    row = api("GET", path).json()[0]
    assert row["roles"] == []
    assert not {"saas_user_id", "deactivated", "active", "is_active", "status"} & set(row)


def test_saas_users_paged_unless_switched_off(api: Caller, slack: str, people: list[str]) -> None:
    def page(**params: Any) -> list[str]:
        return [row["user_id"] for row in api("GET", f"v3/saas/{slack}/users", params=params).json()]

    assert page(limit=2) == people[:2]
    assert page(limit=2, skip=2) == [people[2]]
    assert page(limit=2, skip=4) == []
    api.sandbox.oomnitza.switches.saas_users_paging = False
    assert page(limit=2, skip=2) == people[:3]
    everywhere = api("GET", "v3/saas_users", params={"filter": f'user_id eq "{people[1]}"'}).json()
    assert [row["user_external_id"] for row in everywhere] == ["U1"]


def test_external_id_of_an_unassigned_user_is_an_error(api: Caller, slack: str, people: list[str]) -> None:
    path = f"v3/saas/{slack}/users/{people[0]}"
    assert api("POST", path, json={"user_external_id": "U9"}).json() == {"user_external_id": "U9", "errors": []}
    assert api.sandbox.oomnitza.saas_users("Slack")[0]["user_external_id"] == "U9"
    stranger = api("POST", f"v3/saas/{slack}/users/{people[4]}", json={"user_external_id": "U9"}).json()
    assert "not assigned" in stranger["errors"][0]
    api.error(404, "POST", f"v3/saas/{slack}/users/nobody", json={"user_external_id": "U9"})
    for bad in ({}, {"user_external_id": 9}, {"user_external_id": "U9", "role": "x"}):
        api.error(400, "POST", path, json=bad)


def test_roles_are_given_and_taken(api: Caller, slack: str, people: list[str]) -> None:
    path, given = f"v3/saas/{slack}/roles", f"v3/saas/{slack}/roles/users"
    made = api("POST", path, json={"role_external_label": "Member"})
    assert made.status_code == 201
    member = made.json()["role_id"]
    admin = api("POST", path, json={"role_external_label": "Admin"}).json()["role_id"]
    assert api("POST", given, json={"users": people[:2], "roles": [member]}).json()["errors"] == []
    assert [role["users_count"] for role in api("GET", path).json()] == [2, 0]
    assert api("POST", given, json={"users": people[:1], "roles": [admin]}).status_code == 200
    api.sandbox.oomnitza.switches.saas_roles = "list"
    labels = [r["role_external_label"] for r in api("GET", f"v3/saas/{slack}/users").json()[0]["roles"]]
    assert labels == ["Member", "Admin"]
    taken = api("DELETE", given, json={"users": people[:2], "roles": [member]})
    assert (taken.status_code, taken.content) == (204, b"")
    assert [row["roles"] for row in api.sandbox.oomnitza.saas_users("Slack")] == [["Admin"], [], []]
    for users, roles, reason in (
        (people[4:], [member], "not assigned"),
        (people[:1], ["nothing"], "no role"),
        (["nobody"], [member], "no user"),
        (people[0], [member], "lists"),
        ([], [member], "lists"),
    ):
        assert reason in api.error(400, "POST", given, json={"users": users, "roles": roles})
    for bad in ({}, {"role_external_label": ""}, {"role_external_label": "x", "users_count": 1}):
        api.error(400, "POST", path, json=bad)


def test_roles_are_overwritten_and_may_come_twice(api: Caller, slack: str, people: list[str]) -> None:
    path = f"v3/saas/{slack}/roles/users"
    for label in ("Admin", "Guest"):
        role = {"role_external_id": label.lower(), "role_external_label": label}
        assert api("PATCH", path, json={"users": people[0], "roles": [role]}).status_code == 200
    assert api.sandbox.oomnitza.saas_users("Slack")[0]["roles"] == ["Guest"]
    assert [role["role_external_id"] for role in api.sandbox.oomnitza.roles("Slack")] == ["admin", "guest"]
    good = {"role_external_id": "guest"}
    for users, roles in ((people[4], [good]), (people[:1], [good]), (people[0], good), (people[0], [{"role": "x"}])):
        api.error(400, "PATCH", path, json={"users": users, "roles": roles})
    for _ in range(2):
        api("POST", f"v3/saas/{slack}/roles", json={"role_external_label": "Member"})
        api("POST", "v3/saas", json={"saas_name": "Slack"})
    labels = [role["role_external_label"] for role in api.sandbox.oomnitza.roles("Slack")]
    assert labels.count("Member") == 2
    assert len(api.sandbox.oomnitza.applications()) == 3


def test_activity_reports_an_error_for_each_user(api: Caller, slack: str, people: list[str]) -> None:
    oomnitza = api.sandbox.oomnitza
    ids = [row["saas_user_id"] for row in oomnitza.saas_users("Slack")]
    oomnitza.refuse_activity[people[2]] = "The last administrator stays."
    answers = api("PATCH", "v3/saas_users/deactivate", json={"saas_user_ids": [*ids, people[0]]}).json()
    assert [answer["error"] for answer in answers[:2]] == [None, None]
    assert answers[2] == {"saas_user_id": ids[2], "error": "The last administrator stays."}
    assert "no SaaS user" in answers[3]["error"]
    assert [row["active"] for row in oomnitza.saas_users("Slack")] == [False, False, True]
    assert api("GET", f"v3/saas/{slack}/users").json()[0]["deactivated"] is True
    api("PATCH", "v3/saas_users/activate", json={"saas_user_ids": ids[:1]})
    oomnitza.switches.saas_user_id = False
    again = api("PATCH", "v3/saas_users/activate", json={"saas_user_ids": [people[1]]}).json()
    assert again == [{"saas_user_id": people[1], "error": None}]
    assert [row["active"] for row in oomnitza.saas_users("Slack")] == [True, True, True]
    for bad in ({}, {"saas_user_ids": []}, {"saas_user_ids": "x"}, {"saas_user_ids": [1]}, ["x"]):
        api.error(400, "PATCH", "v3/saas_users/activate", json=bad)
