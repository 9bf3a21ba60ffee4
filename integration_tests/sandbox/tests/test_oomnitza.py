"""Tests authentication, and the values of people that are accepted or rejected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.caller import Caller

ADA = {"username": "ada", "email": "ada@acme.example", "first_name": "Ada", "last_name": "Lovelace", "role": 25}


def test_token_in_another_header_is_rejected(api: Caller) -> None:
    token = api.sandbox.oomnitza.token
    probe = "v2/mappings?name=AuthTest"
    assert api("GET", probe).status_code == 200
    api.error(401, "GET", probe, headers={})
    api.error(401, "GET", probe, headers={"Authorization2": "nonsense"})
    api.error(401, "GET", probe, headers={"Authorization": token})
    api.error(401, "GET", probe, headers={"Authorization": f"Bearer {token}", "Authorization2": token})
    api.error(401, "GET", f"{probe}&token={token}")
    api.error(400, "GET", "v2/mappings")


def test_token_revoked_or_without_access_is_rejected(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    reader = {"Authorization2": oomnitza.issue_token(denied=["users:write", "saas"])}
    assert api("GET", "v3/users", headers=reader).status_code == 200
    assert "users" in api.error(403, "POST", "v3/users", headers=reader, json=ADA)
    api.error(403, "GET", "v3/saas", headers=reader)
    oomnitza.deny("users")
    api.error(403, "GET", "v3/users")
    oomnitza.revoke_token()
    api.error(401, "GET", "v3/users")


def test_password_is_exchanged_for_a_token(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    good = {"login": oomnitza.username, "password": oomnitza.password}
    token = api("POST", "request_token", headers={}, data=good).json()["token"]
    assert api("GET", "v3/users", headers={"Authorization2": token}).status_code == 200
    api.error(401, "POST", "request_token", headers={}, data={**good, "password": "wrong"})
    api.error(400, "POST", "request_token", headers={}, json=good)
    api.error(400, "POST", "request_token", headers={}, data={"login": "x"})


def test_csrf_token_demanded_but_missing_is_rejected(api: Caller) -> None:
    api.sandbox.oomnitza.switches.csrf = "demanded"
    csrf = api("GET", "v3/users").headers["X-CSRF-Token"]
    api.error(403, "POST", "v3/users", json=ADA)
    api.error(403, "POST", "v3/users", headers={**api.headers, "X-CSRF-Token": "wrong"}, json=ADA)
    assert api("POST", "v3/users", headers={**api.headers, "X-CSRF-Token": csrf}, json=ADA).status_code == 200
    api.sandbox.oomnitza.switches.csrf = "off"
    assert "X-CSRF-Token" not in api("GET", "v3/users").headers


def test_person_is_created_read_and_edited(api: Caller) -> None:
    created = api("POST", "v3/users", json=ADA).json()
    assert created["full_name"] == "Ada Lovelace"
    assert ADA.items() <= created.items()
    path = f"v3/users/{created['user_id']}"
    assert api("GET", path).json() == created
    edited = api("PATCH", path, json={"position": "Analyst", "last_name": "King"}).json()
    assert (edited["position"], edited["full_name"], edited["version"]) == ("Analyst", "Ada King", "2")
    assert api("PATCH", path, json={"position": ""}).json()["position"] == ""
    actions = [(change["action"], change["fields"]) for change in api.sandbox.oomnitza.changes()]
    assert actions == [("added", sorted(ADA)), ("updated", ["last_name", "position"]), ("updated", ["position"])]
    api.error(404, "GET", "v3/users/nobody")
    api.error(404, "PATCH", "v3/users/nobody", json={"position": "x"})
    api.error(405, "DELETE", path)
    api.error(404, "GET", "v3/people")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nickname": "x"}, "nickname"),
        ({"user_id": "x"}, "user_id: is read-only"),
        ({"full_name": "x"}, "full_name: is read-only"),
        ({"change_date": 1}, "change_date: is read-only"),
        ({"email": 5}, "email: must be a text"),
        ({"email": "nowhere"}, "email: is no e-mail address"),
        ({"first_name": ["Ada"]}, "first_name: must be a text"),
        ({"position": "x" * 129}, "position: is longer"),
        ({"suspended": "no"}, "suspended: must be true or false"),
        ({"role": "25"}, "role: must be an integer"),
        ({"role": 99}, "role: has no value 99"),
        ({"role": True}, "role: must be an integer"),
        ({"username": ""}, "username: is required"),
        ({"role": None}, "role: is required"),
    ],
)
def test_person_with_a_wrong_value_is_rejected(api: Caller, change: dict[str, Any], reason: str) -> None:
    user_id = api.sandbox.oomnitza.add_person(username="bob")
    assert reason in api.error(400, "POST", "v3/users", json={**ADA, **change})
    assert reason in api.error(400, "PATCH", f"v3/users/{user_id}", json=change)
    assert [person["username"] for person in api.sandbox.oomnitza.people()] == ["bob"]


def test_person_without_required_or_unique_is_rejected(api: Caller) -> None:
    for name in ("username", "email", "role"):
        assert f"{name}: is required" in api.error(400, "POST", "v3/users", json={k: ADA[k] for k in ADA if k != name})
    api.sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
    assert api("POST", "v3/users", json={**ADA, "slack_user_id": "U1"}).status_code == 200
    bob = {**ADA, "username": "bob", "email": "bob@acme.example"}
    assert "ada" in api.error(400, "POST", "v3/users", json={**bob, "username": "ADA"}).lower()
    api.error(400, "POST", "v3/users", json={**bob, "email": "Ada@ACME.example"})
    api.error(400, "POST", "v3/users", json={**bob, "slack_user_id": "u1"})
    api.sandbox.oomnitza.switches.duplicate_status = 409
    api.error(409, "POST", "v3/users", json={**bob, "slack_user_id": "u1"})
    user_id = api("POST", "v3/users", json=bob).json()["user_id"]
    api.error(409, "PATCH", f"v3/users/{user_id}", json={"email": "ada@acme.example"})
    assert api("PATCH", f"v3/users/{user_id}", json={"email": "BOB@acme.example"}).status_code == 200
    twin = api.sandbox.oomnitza.add_person(twin=True, username="ada", email="ada@acme.example")
    assert twin != user_id


def test_custom_field_of_another_type_is_rejected(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    oomnitza.add_field("floor", "Floor", "integer")
    oomnitza.add_field("is_admin", "Is Admin?", "boolean")
    oomnitza.add_field("since", "Since", "date")
    oomnitza.add_field("badge", "Badge", editable=False)
    oomnitza.add_field("colour", "Colour", "dropdown", choices=[("r", "Red"), ("g", "Green")])
    good = {**ADA, "floor": 3, "is_admin": True, "since": "2024-01-02T03:04:05Z", "colour": "Red"}
    created = api("POST", "v3/users", json=good).json()
    assert (created["floor"], created["is_admin"], created["since"], created["badge"]) == (3, True, 1704164645, "")
    path = f"v3/users/{created['user_id']}"
    for bad in ({"floor": "3"}, {"is_admin": "true"}, {"since": "2024-01-02"}, {"colour": "b"}, {"badge": "7"}, {}):
        api.error(400, "PATCH", path, json=bad)
    allowed = {**api.headers, "Oomnitza-Ignore-Meta-Restriction": "1"}
    assert api("PATCH", path, headers=allowed, json={"badge": "7"}).json()["badge"] == "7"
    api.error(400, "PATCH", path, headers=allowed, json={"full_name": "x"})
    api.error(400, "PATCH", path, headers={**allowed, "Oomnitza-Ignore-Meta-Restriction": "yes"}, json={"badge": "8"})
    assert api("GET", "v3/users", params={"filter": "is_admin eq true and floor gt 2"}).json() == [
        api("GET", path).json()
    ]


def test_body_that_is_no_json_object_is_rejected(api: Caller) -> None:
    json_type = {**api.headers, "Content-Type": "application/json"}
    api.error(415, "POST", "v3/users", data="username=ada")
    api.error(400, "POST", "v3/users", headers=json_type, data="{")
    api.error(400, "POST", "v3/users", headers=json_type, data="[]")


def test_metadata_describes_every_field(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    internal = oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
    meta = api("GET", "v3/users/meta").json()
    assert len(internal) == 32
    assert meta["slack_user_id"]["internal_id"] == internal
    assert (meta["slack_user_id"]["unique"], meta["user_id"]["editable"], meta["email"]["optional"]) == ("1", "0", "0")
    assert [meta[name]["internal_id"] for name in ("username", "email", "role")] == ["USER", "EMAIL", "PERMISSIONS_ID"]
    assert {"key": "25", "value": "Employee", "help_text": ""} in meta["role"]["searchhelp"]
    oomnitza.switches.flags = ("true", "false")
    oomnitza.set_field("slack_user_id", unique=False, label="Other")
    changed = api("GET", "v3/users/meta").json()["slack_user_id"]
    assert (changed["unique"], changed["editable"], changed["label"]) == ("false", "true", "Other")
    for status in (403, 404):
        oomnitza.switches.meta_status = status
        api.error(status, "GET", "v3/users/meta")


def test_listing_pages_sorts_and_picks_fields(api: Caller) -> None:
    for number in range(130):
        api.sandbox.oomnitza.add_person(username=f"u{number:03}", last_name="A" if number % 2 else "B")
    first = api("GET", "v3/users")
    assert (len(first.json()), first.headers["X-Total-Count"]) == (100, "130")
    rest = api("GET", "v3/users", params={"limit": 100, "skip": 100})
    assert (len(rest.json()), rest.headers["X-Total-Count"]) == (30, "130")
    params = {"sortby": "last_name asc,username desc", "fields": "username", "limit": 2}
    assert api("GET", "v3/users", params=params).json() == [{"username": "u129"}, {"username": "u127"}]
    batch = ", ".join(f'"U{number:03}"' for number in range(0, 130, 2))
    found = api("GET", "v3/users", params={"filter": f"username IN [{batch}]"})
    assert (len(found.json()), found.headers["X-Total-Count"]) == (65, "65")
    for bad in (
        {"limit": 2001}, {"limit": 0}, {"limit": "x"}, {"skip": -1}, {"sortby": "nickname"}, {"fields": "nickname"},
        {"filter": 'nickname eq "x"'}, {"filter": 'username eq "x'}, {"search": "x"},
    ):  # fmt: skip
        api.error(400, "GET", "v3/users", params=bad)


def test_url_too_long_is_rejected(api: Caller) -> None:
    answer = api("GET", "v3/users", params={"filter": f'username eq "{"x" * 8000}"'})
    assert (answer.status_code, answer.headers["Content-Type"]) == (414, "text/html; charset=utf-8")
    assert api("GET", "v3/users", params={"filter": f'username eq "{"x" * 7800}"'}).json() == []


@pytest.mark.parametrize(("word", "shown"), [("empty", {"position": ""}), ("null", {"position": None}), ("absent", {})])
def test_empty_value_comes_in_each_shape(api: Caller, word: str, shown: dict[str, Any]) -> None:
    api.sandbox.oomnitza.switches.empty = word
    api.sandbox.oomnitza.add_person(username="ada")
    (person,) = api("GET", "v3/users").json()
    assert {name: person[name] for name in ("position",) if name in person} == shown


def test_filter_case_sensitive_if_switched_on(api: Caller) -> None:
    api.sandbox.oomnitza.add_person(username="Ada")
    assert len(api("GET", "v3/users", params={"filter": 'username eq "ada"'}).json()) == 1
    api.sandbox.oomnitza.switches.case_sensitive = True
    assert api("GET", "v3/users", params={"filter": 'username eq "ada"'}).json() == []
    assert len(api("GET", "v3/users", params={"filter": 'username IN ["Ada"]'}).json()) == 1


def test_store_keeps_everything_after_a_restart(tmp_path: Path) -> None:
    with Sandbox(people=10, path=tmp_path) as sandbox:
        sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
        assert Caller(sandbox)("POST", "v3/users", json={**ADA, "slack_user_id": "U1"}).ok
        before, token = sandbox.oomnitza.people(), sandbox.oomnitza.token
    with Sandbox(people=10, path=tmp_path) as sandbox:
        assert sandbox.oomnitza.people() == before
        assert sandbox.oomnitza.token == token
        bob = {**ADA, "username": "bob", "email": "bob@acme.example", "slack_user_id": "u1"}
        Caller(sandbox).error(400, "POST", "v3/users", json=bob)
        assert Caller(sandbox)("POST", "v3/users", json={**bob, "slack_user_id": "U2"}).json()["uid"] == 2
