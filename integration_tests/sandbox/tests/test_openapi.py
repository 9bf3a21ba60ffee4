"""Tests responses against Oomnitza's OpenAPI document, and the checker itself."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.caller import Caller
from integration_tests.sandbox.oomnitza.openapi import Contract
from integration_tests.sandbox.tests.test_ingest import batch  # one batch, as Oomnitza's connector sends it

ADA = {"username": "ada", "email": "ada@acme.example", "first_name": "Ada", "role": 25}


@pytest.fixture(scope="module")
def contract() -> Contract:
    found = Contract.find()
    if found is None:
        pytest.skip("Oomnitza's OpenAPI document is not beside this checkout")
    return found


def everything(api: Caller) -> None:
    """Make every documented call; each must succeed."""
    portion = batch()["portion"]

    def ask(method: str, path: str, **more: Any) -> Any:
        answer = api(method, path, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    ask("GET", "v2/mappings?name=AuthTest")
    ask("GET", "v3/users/meta")
    restricted = {**api.headers, "Oomnitza-Ignore-Meta-Restriction": "1"}
    ada = ask("POST", "v3/users", headers=restricted, json={**ADA, "slack_user_id": "U1", "is_admin": True})["user_id"]
    bob = ask("POST", "v3/users", json={**ADA, "username": "bob", "email": "bob@acme.example"})["user_id"]
    ask("PATCH", f"v3/users/{ada}", json={"position": "Analyst", "suspended": False})
    ask("GET", f"v3/users/{ada}")
    listing = {"filter": 'email IN ["ada@acme.example"]', "limit": "100", "skip": "0", "sortby": "email asc"}
    ask("GET", "v3/users", params={**listing, "fields": "user_id,email"})
    saas = ask("POST", "v3/saas", json={"saas_name": "Slack"})["saas_id"]
    ask("GET", "v3/saas", params={"filter": 'saas_name eq "Slack"'})
    ask("GET", f"v3/saas/{saas}")
    users = f"v3/saas/{saas}/users"
    ask("POST", users, json=[{"user_id": ada, "assign": True}, {"user_id": bob, "assign": True}])
    ask("POST", f"{users}/{ada}", json={"user_external_id": "U1"})
    ask("GET", users, params={"limit": 100, "skip": 0})
    role = ask("POST", f"v3/saas/{saas}/roles", json={"role_external_label": "Member"})["role_id"]
    ask("GET", f"v3/saas/{saas}/roles")
    ask("POST", f"v3/saas/{saas}/roles/users", json={"users": [ada, bob], "roles": [role]})
    ask("DELETE", f"v3/saas/{saas}/roles/users", json={"users": [bob], "roles": [role]})
    ask("PATCH", f"v3/saas/{saas}/roles/users", json={"users": bob, "roles": [{"role_external_id": "Admin"}]})
    ids = [row["saas_user_id"] for row in ask("GET", users)]
    ask("PATCH", "v3/saas_users/deactivate", json={"saas_user_ids": ids})
    ask("PATCH", "v3/saas_users/activate", json={"saas_user_ids": [*ids, "nobody"]})
    ask("GET", "v3/saas_users", params={"filter": f'user_id eq "{ada}"'})
    ask("POST", "v3/bulk", json=batch({"USER": "ada", "EMAIL": "ada@acme.example"}))
    ask("GET", f"v3/bulk/{portion}")
    ask("POST", f"v3/bulk/{portion}/finalize", json={})
    (run,) = ask("GET", "v3/connector_run_logs/connector_CSV_users", params={"limit": "10", "skip": "0"})
    for _ in range(3):
        ask("GET", f"v3/connector_run_logs/connectors/{run['portion_id']}")
    ask("GET", f"v3/users/{ada}/software/saas")


@pytest.mark.parametrize("switched", [False, True], ids=["as usual", "switched"])
def test_answers_fit_the_openapi_document(sandbox: Sandbox, contract: Contract, switched: bool) -> None:
    sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", unique=True, editable=False)
    sandbox.oomnitza.add_field("is_admin", "Is Admin?", "boolean")
    if switched:
        switches = sandbox.oomnitza.switches
        switches.flags, switches.empty, switches.saas_roles = ("true", "false"), "absent", "list"
        switches.saas_activity, switches.saas_created_status = "status", 200
    everything(Caller(sandbox))
    assert contract.problems(sandbox.requests) == []
    assert sandbox.requests.count() > 25


@pytest.mark.parametrize(
    ("method", "path", "more", "problem"),
    [
        ("GET", "v3/people", {}, "no such operation"),
        ("PUT", "v3/users/1", {"json": ADA}, "no such operation"),
        ("GET", "v3/users?search=x", {}, "unknown parameter 'search'"),
        ("GET", "v3/users", {"json": ADA}, "takes no body"),
        ("GET", "v3/users", {"headers": {"Authorization": "Bearer x"}}, "no header Authorization2"),
        ("POST", "v3/users", {"data": "username=ada"}, "not declared as JSON"),
        ("POST", "v3/users", {"json": {**ADA, "role": "25"}}, "role: '25' is not of type 'integer'"),
        ("POST", "v3/users", {"json": [ADA]}, "is not of type 'object'"),
        ("POST", "v3/saas/1/users", {"json": [{"user_id": "1"}]}, "'assign' is a required property"),
        ("POST", "v3/saas/1/roles", {"json": {}}, "'role_external_label' is a required property"),
        ("POST", "v3/saas/1/roles/users", {"json": {"users": "1", "roles": []}}, "users: '1' is not of type 'array'"),
        ("PATCH", "v3/saas_users/activate", {"json": {"saas_user_ids": [1]}}, "1 is not of type 'string'"),
    ],
)
def test_contract_finds_a_bad_request(
    api: Caller, contract: Contract, *, method: str, path: str, more: dict[str, Any], problem: str
) -> None:
    api(method, path, **more)
    assert any(problem in found for found in contract.problems(api.sandbox.requests))


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("v3/users", '[{"role": "25"}]', "0/role: '25' is not of type 'integer'"),
        ("v3/users", "{}", "is not of type 'array'"),
        ("v3/users/1", '{"email": null}', "email: None is not of type 'string'"),
        (
            "v3/users/meta",
            '{"email": {"unique": "1", "uid": 1}}',
            "'dropdown_help_text_enabled' is a required property",
        ),
        ("v3/saas", '[{"saas_name": "Slack"}]', "'hash' is a required property"),
        ("v3/saas/1/users", '[{"user_id": "1"}]', "'email' is a required property"),
        ("v3/saas/1/roles", '[{"role_id": "1"}]', "'users_count' is a required property"),
        ("v3/connector_run_logs/connectors/1", '{"objects": {"added": "1"}}', "objects/added"),
    ],
)
def test_contract_finds_a_bad_answer(api: Caller, contract: Contract, path: str, body: str, problem: str) -> None:
    api("GET", path)
    exchange = api.sandbox.requests[0]
    exchange.status, exchange.answer = 200, body.encode()
    assert any(problem in found for found in contract.problems([exchange]))
