"""Tests every switch for people, listings and rejections."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.caller import Caller
from integration_tests.sandbox.oomnitza.slack_setup import set_up_slack

ADA = {"username": "ada", "email": "ada@acme.example", "role": 25}
LISTINGS = ("v3/users", "v3/saas", "v3/saas_users", "v3/saas/1/users")


def test_switches_reject_an_unknown_name_or_word(sandbox: Sandbox) -> None:
    switches: Any = sandbox.oomnitza.switches
    with pytest.raises(AttributeError):
        switches.case_sensitiv = True
    with pytest.raises(ValueError, match="'shuffled'"):
        switches.unsorted = "mixed"
    switches.saas_activity = None


def crowd(sandbox: Sandbox, size: int) -> list[str]:
    """Add people, applications and SaaS users, as many of each."""
    oomnitza = sandbox.oomnitza
    people = [oomnitza.add_person(username=f"u{number:02}") for number in range(size)]
    saas_id = oomnitza.add_application("Slack")
    for number, user_id in enumerate(people):
        oomnitza.assign(saas_id, user_id, last_visit=number)
        oomnitza.add_application(f"Application {number}")
    return people


@pytest.mark.parametrize("path", LISTINGS)
def test_unsorted_rows_are_shuffled_at_each_request(api: Caller, path: str) -> None:
    crowd(api.sandbox, 20)
    api.sandbox.oomnitza.switches.unsorted = "shuffled"
    assert len({api("GET", path, params={"limit": 50}).text for _ in range(3)}) == 3
    key = "saas_id" if path == "v3/saas" else "user_id"
    assert len({api("GET", path, params={"limit": 50, "sortby": f"{key} asc"}).text for _ in range(3)}) == 1


@pytest.mark.parametrize("path", LISTINGS)
def test_total_count_is_exact_or_odd(api: Caller, path: str) -> None:
    crowd(api.sandbox, 6)
    total = "7" if path == "v3/saas" else "6"
    key = "saas_id" if path == "v3/saas" else "user_id"
    counts = {}
    for word in ("exact", "absent", "page", "text", "unfiltered"):
        api.sandbox.oomnitza.switches.total_count = word
        params = {"limit": 2} if path.endswith("1/users") else {"limit": 2, "filter": f'{key} ne "0"'}
        counts[word] = api("GET", path, params=params).headers.get("X-Total-Count")
    assert counts == {"exact": total, "absent": None, "page": "2", "text": f"about {total}", "unfiltered": total}


def test_total_count_unfiltered_counts_everybody(api: Caller) -> None:
    crowd(api.sandbox, 6)
    api.sandbox.oomnitza.switches.total_count = "unfiltered"
    found = api("GET", "v3/users", params={"filter": 'username eq "u01"'})
    assert (len(found.json()), found.headers["X-Total-Count"]) == (1, "6")


def test_page_above_the_limit_is_rejected_or_capped(api: Caller) -> None:
    crowd(api.sandbox, 6)
    api.sandbox.oomnitza.switches.max_page = 4
    assert "1 to 4" in api.error(400, "GET", "v3/users", params={"limit": 5})
    api.sandbox.oomnitza.switches.above_max_page = "capped"
    assert len(api("GET", "v3/users", params={"limit": 5}).json()) == 4


def test_archived_people_are_listed_or_hidden(api: Caller) -> None:
    people = crowd(api.sandbox, 2)
    api.sandbox.oomnitza.archive(people[0])
    assert [row["deleted"] for row in api("GET", "v3/users", params={"sortby": "uid"}).json()] == ["1", "0"]
    api.sandbox.oomnitza.switches.archived = "hidden"
    found = api("GET", "v3/users")
    assert ([row["user_id"] for row in found.json()], found.headers["X-Total-Count"]) == ([people[1]], "1")
    api.error(400, "POST", "v3/users", json={**ADA, "username": "u00"})


def test_lookup_lag_hides_a_created_person(api: Caller) -> None:
    """The first two lookups that would find the person miss; others do not count."""
    api.sandbox.oomnitza.switches.lookup_lag = 2
    user_id = api("POST", "v3/users", json=ADA).json()["user_id"]
    ada, bob = ({"filter": f'username eq "{name}"'} for name in ("ada", "bob"))
    assert [len(api("GET", "v3/users", params=params).json()) for params in (bob, bob, bob, ada, ada, ada)] == [
        *(0, 0, 0, 0, 0, 1),
    ]
    assert api("GET", f"v3/users/{user_id}").status_code == 200
    api.error(400, "POST", "v3/users", json=ADA)


def test_username_edit_is_taken_ignored_or_rejected(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    user_id = oomnitza.add_person(username="sso.ada")
    path = f"v3/users/{user_id}"
    oomnitza.switches.username_edits = "rejected"
    assert "username" in api.error(400, "PATCH", path, json={"username": "ada", "position": "Cook"})
    oomnitza.switches.username_edits = "ignored"
    edited = api("PATCH", path, json={"username": "ada", "position": "Cook"}).json()
    assert (edited["username"], edited["position"]) == ("sso.ada", "Cook")
    oomnitza.switches.username_edits = "taken"
    assert api("PATCH", path, json={"username": "ada"}).json()["username"] == "ada"
    oomnitza.switches.username_edits = "rejected"
    oomnitza.edit_person(user_id, username="countess")
    assert oomnitza.people()[0]["username"] == "countess"


def test_unknown_field_is_ignored_if_the_header_allows_it(api: Caller) -> None:
    body = {**ADA, "nickname": "Countess"}
    assert "nickname" in api.error(400, "POST", "v3/users", json=body)
    allowed = {**api.headers, "Oomnitza-Allow-Unknown-Meta-Fields": "1"}
    created = api("POST", "v3/users", headers=allowed, json=body)
    assert (created.status_code, "nickname" in created.json()) == (200, False)
    api.error(400, "POST", "v3/users", headers=allowed, json={**body, "nickname": {"a": 1}})
    bad = {**api.headers, "Oomnitza-Allow-Unknown-Meta-Fields": "yes"}
    api.error(400, "PATCH", f"v3/users/{created.json()['user_id']}", headers=bad, json={"position": "x"})


def test_mandatory_field_is_needed_unless_it_has_a_default(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    oomnitza.add_field("cost_center", "Cost Center", mandatory=True)
    oomnitza.add_field("site", "Site", mandatory=True, default="HQ")
    meta = api("GET", "v3/users/meta").json()
    assert [(meta[name]["optional"], meta[name]["default_value"]) for name in ("cost_center", "site")] == [
        *(("0", None), ("0", "HQ")),
    ]
    assert api.error(400, "POST", "v3/users", json=ADA) == "cost_center: is required"
    created = api("POST", "v3/users", json={**ADA, "cost_center": "7"}).json()
    assert (created["cost_center"], created["site"]) == ("7", "HQ")
    assert "required" in api.error(400, "PATCH", f"v3/users/{created['user_id']}", json={"cost_center": ""})


@pytest.mark.parametrize(
    ("word", "taken"),
    [("either", {"bos", "Boston"}), ("keys", {"bos"}), ("values", {"Boston"})],
)
def test_dropdown_takes_its_list_only(api: Caller, word: str, taken: set[str]) -> None:
    oomnitza = api.sandbox.oomnitza
    oomnitza.add_field("city", "City", "dropdown", choices=[("bos", "Boston"), ("par", "Paris")])
    oomnitza.switches.dropdowns = word
    path = f"v3/users/{oomnitza.add_person()}"
    found = {city for city in ("bos", "Boston", "boston", "London") if api("PATCH", path, json={"city": city}).ok}
    assert found == taken


def test_normalized_values_are_kept_otherwise_than_sent(api: Caller) -> None:
    switches = api.sandbox.oomnitza.switches
    body = {**ADA, "phone_number": "+1 (555) 010-0000", "position": " Head  of IT ", "first_name": "A" * 200}
    assert "first_name: is longer" in api.error(400, "POST", "v3/users", json=body)
    switches.normalized = frozenset({"phone", "blanks", "cut"})
    created = api("POST", "v3/users", json=body).json()
    assert (created["phone_number"], created["position"]) == ("+15550100000", "Head of IT")
    assert len(created["first_name"]) == 128
    switches.normalized = frozenset({"title_case"})
    path = f"v3/users/{created['user_id']}"
    assert api("PATCH", path, json={"position": "head of it"}).json()["position"] == "Head Of It"


@pytest.mark.parametrize("word", ["no_user_id", "empty", "nothing"])
def test_creation_answer_may_lack_the_user_id(api: Caller, word: str) -> None:
    api.sandbox.oomnitza.switches.creation_answer = word
    answer = api("POST", "v3/users", json=ADA)
    assert answer.status_code == 200
    assert answer.content == b"" if word == "nothing" else "user_id" not in answer.json()
    assert len(api.sandbox.oomnitza.people()) == 1


@pytest.mark.parametrize(
    ("word", "status", "content_type"),
    [
        ("status", 400, "application/json"),
        ("errors", 200, "application/json"),
        ("error", 200, "application/json"),
        ("success", 200, "application/json"),
        ("text", 400, "text/plain; charset=utf-8"),
        ("html", 400, "text/html; charset=utf-8"),
    ],
)
def test_rejection_comes_in_each_shape(api: Caller, word: str, status: int, content_type: str) -> None:
    api.sandbox.oomnitza.switches.rejections = word
    answer = api("POST", "v3/users", json={**ADA, "email": "nowhere"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, content_type)
    assert "email: is no e-mail address" in answer.text
    assert api.sandbox.oomnitza.people() == []
    if status == 200:
        body = answer.json()
        assert body.get("success") is False or body.get("error") or body.get("errors")
        assert api("GET", "v3/users", headers={}).status_code == 401
        listing = api("GET", "v3/users", params={"limit": 0})
        assert (listing.status_code, "limit must be" in listing.text) == (200, True)


def test_forbidden_edit_concerns_one_person(api: Caller) -> None:
    people = crowd(api.sandbox, 2)
    api.sandbox.oomnitza.refuse_edit[people[0]] = "The role may not edit administrators."
    assert "administrators" in api.error(403, "PATCH", f"v3/users/{people[0]}", json={"position": "x"})
    assert api("PATCH", f"v3/users/{people[1]}", json={"position": "x"}).status_code == 200


def test_password_token_expires_once(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    oomnitza.switches.token_requests = 2
    good = {"login": oomnitza.username, "password": oomnitza.password}
    statuses = []
    for _ in range(2):
        token = api("POST", "request_token", headers={}, data=good).json()["token"]
        statuses += [api("GET", "v3/users", headers={"Authorization2": token}).status_code for _ in range(4)]
    assert statuses == [200, 200, 401, 401, 200, 200, 200, 200]
    assert api("GET", "v3/users").status_code == 200


def test_workflows_start_unless_the_header_forbids(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    quiet = {**api.headers, "Oomnitza-Not-Trigger-WF": "1"}
    user_id = api("POST", "v3/users", headers=quiet, json=ADA).json()["user_id"]
    api("PATCH", f"v3/users/{user_id}", headers=quiet, json={"position": "x"})
    saas_id = api("POST", "v3/saas", headers=quiet, json={"saas_name": "Slack"}).json()["saas_id"]
    api("POST", f"v3/saas/{saas_id}/users", headers=quiet, json=[{"user_id": user_id, "assign": True}])
    assert oomnitza.workflows == []
    api("PATCH", f"v3/users/{user_id}", json={"position": "y"})
    api("POST", f"v3/saas/{saas_id}/users/{user_id}", json={"user_external_id": "U1"})
    assert oomnitza.workflows == [("users", user_id), ("saas_users", user_id)]
    bad = {**api.headers, "Oomnitza-Not-Trigger-WF": "true"}
    api.error(400, "PATCH", f"v3/users/{user_id}", headers=bad, json={"position": "z"})


def test_mapping_is_read_by_connector_or_by_name(api: Caller) -> None:
    oomnitza = api.sandbox.oomnitza
    drawn = {"EMAIL": {"type": "attribute", "value": "profile.email"}, "POSITION": {"type": "value", "value": "Guest"}}
    number = oomnitza.add_integration("Slack users", drawn)
    oomnitza.mappings["CSV_users"] = {"Mail": "EMAIL", "Name": ["USER", "FULL_NAME"]}
    assert api("GET", f"v2/mappings?connector_id={number}").json() == drawn
    assert api("GET", "v2/mappings?name=CSV_users").json() == oomnitza.mappings["CSV_users"]
    for unknown in ("name=AuthTest", "connector_id=99", "connector_id=12", "connector_id=x"):
        assert api("GET", f"v2/mappings?{unknown}").json() == {}
    oomnitza.switches.unknown_connector_status = 404
    api.error(404, "GET", "v2/mappings?connector_id=99")
    assert api("GET", "v2/mappings?connector_id=12").json() == {}
    for bad in ("", "?connector_id=1&name=x", "?id=1"):
        api.error(400, "GET", f"v2/mappings{bad}")


def test_applications_of_a_person_are_listed(api: Caller) -> None:
    (user_id,) = crowd(api.sandbox, 1)
    api("POST", "v3/saas/1/roles", json={"role_external_label": "Member"})
    role = api.sandbox.oomnitza.roles("Slack")[0]["role_id"]
    api("POST", "v3/saas/1/roles/users", json={"users": [user_id], "roles": [role]})
    (application,) = api("GET", f"v3/users/{user_id}/software/saas").json()
    assert (application["saas_id"], application["saas_name"]) == ("1", "Slack")
    assert [role["role_external_label"] for role in application["roles"]] == ["Member"]
    api.error(404, "GET", "v3/users/nobody/software/saas")
    token = api.sandbox.oomnitza.issue_token(denied=["saas"])
    api.error(403, "GET", f"v3/users/{user_id}/software/saas", headers={"Authorization2": token})


def test_deactivation_takes_the_contract_away(api: Caller) -> None:
    (user_id,) = crowd(api.sandbox, 1)
    number = api.sandbox.oomnitza.assign(2, user_id, contract_id="C1", last_visit=1_700_000_000)
    params = {"filter": f'saas_user_id eq "{number}"'}
    (row,) = api("GET", "v3/saas_users", params=params).json()
    assert (row["contract_id"], row["last_visit"]) == ("C1", 1_700_000_000)
    api("PATCH", "v3/saas_users/deactivate", json={"saas_user_ids": [number]})
    api("PATCH", "v3/saas_users/activate", json={"saas_user_ids": [number]})
    assert api("GET", "v3/saas_users", params=params).json()[0]["contract_id"] == ""


def test_slack_setup_has_fields_and_a_drawn_mapping(api: Caller) -> None:
    number = set_up_slack(api.sandbox.oomnitza)
    meta = api("GET", "v3/users/meta").json()
    assert [meta[name]["data_type"] for name in ("slack_user_id", "slack_last_login", "slack_billing_active")] == [
        *("text", "date", "boolean"),
    ]
    mapping = api("GET", f"v2/mappings?connector_id={number}").json()
    assert mapping[meta["slack_user_id"]["internal_id"]] == {"type": "attribute", "value": "id"}
    assert set(mapping) <= {each["internal_id"] for each in meta.values()}
