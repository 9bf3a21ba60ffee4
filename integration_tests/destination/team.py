"""Defines a team for tests of faults and open points, and the promises of a sync."""

from __future__ import annotations

from collections import Counter
from typing import Any

from integration_tests.harness.destination_process import config, person, record, state
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox

PEOPLE = [person("gone"), *(person(f"new{n}", title="Cook") for n in range(8))]
PEOPLE += [
    person(f"known{n}", title="Boss", role=role) for n, role in enumerate(["member", "admin", "owner", "member"])
]
PEOPLE += [person("gone", deleted=True)]
"""People of the team: eight new, four known; one comes twice, and has left."""

STRICT: dict[str, Any] = {
    **{"unsorted": "shuffled", "total_count": "absent", "max_page": 3, "above_max_page": "capped"},
    **{"case_sensitive": True, "csrf": "demanded", "saas_user_id": False, "creation_answer": "nothing"},
    **{"username_edits": "rejected", "lookup_lag": 1, "meta_status": 404, "token_requests": 25},
    **{"saas_activity": "status", "saas_roles": "list", "normalized": frozenset({"phone", "blanks"})},
}
"""Strictest compatible answers to the open points about Oomnitza."""


def empty(sandbox: Sandbox) -> None:
    """Remove all people, and clear all logs."""
    sandbox.faults.clear()
    sandbox.requests.clear()
    oomnitza = sandbox.oomnitza
    for table in ("people", "saas", "saas_users", "roles", "role_users", "changes", "runs"):
        oomnitza.store.run(f"DELETE FROM {table}")
    for kept in (oomnitza.store.unseen, oomnitza.refuse_edit, oomnitza.workflows, oomnitza.runs_by_portion):
        kept.clear()


def fresh(sandbox: Sandbox) -> dict[str, Any]:
    """Remove all people, add the known ones; return a config for every endpoint."""
    empty(sandbox)
    oomnitza = sandbox.oomnitza
    for number in range(4):
        oomnitza.add_person(username=f"known{number}", email=f"known{number}@acme.example", position="Clerk")
    credentials = {"auth_type": "password", "username": oomnitza.username, "password": oomnitza.password}
    saas = {"type": "user_and_saas_user", "saas_name": "Slack"}
    return config(sandbox, credentials=credentials, record_type=saas, batch_size=3, num_workers=4)


def messages() -> list[Any]:
    """Return fourteen records, with a state after every second."""
    every: list[Any] = []
    for number, each in enumerate(PEOPLE, 1):
        every.append(record(each))
        if number % 2 == 0:
            every.append(state(number))
    return every


def check_promises(sandbox: Sandbox, written: SyncResult) -> None:
    """Check that acknowledged records are there once, and that states are in order."""
    oomnitza = sandbox.oomnitza
    people = {each["email"]: each for each in oomnitza.people()}
    assert len(people) == len(oomnitza.people()), "somebody is twice"
    acknowledged = written.acknowledged()
    assert acknowledged == sorted(acknowledged)
    assert acknowledged == list(range(2, 2 * len(acknowledged) + 1, 2)), "a state was left out"
    saas = {each["email"]: each for each in oomnitza.saas_users("Slack")}
    for each in PEOPLE[: acknowledged[-1] if acknowledged else 0]:
        assert (people[each["email"]].get("position") or "") == each.get("title", "")
        if not each["deleted"]:
            assert saas[each["email"]]["user_external_id"] == each["id"]
            assert len(saas[each["email"]]["roles"]) == 1
    names = Counter(application["saas_name"] for application in oomnitza.applications())
    assert max(names.values(), default=1) == 1, "an application is twice"
    roles = Counter(role["role_external_label"] for role in oomnitza.roles("Slack"))
    assert max(roles.values(), default=1) == 1, "a role is twice"
