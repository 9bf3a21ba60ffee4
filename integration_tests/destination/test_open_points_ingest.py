"""Tests ingest with every plausible answer to an open point.

See docs/oomnitza-api.md, "Open points".
"""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.api import ingest_runs

from integration_tests.destination.team import empty
from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import complete, config, person, record, state
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox

CROWD = 150
ANSWERS: dict[str, dict[str, Any]] = {
    "pages of thirty": {"max_page": 30, "above_max_page": "capped"},
    "one order, pages of thirty": {"unsorted": "created", "max_page": 30, "above_max_page": "capped"},
    "no count": {"total_count": "absent"},
    "count of the page": {"total_count": "page"},
    "count as a text": {"total_count": "text"},
    "case matters in filters": {"case_sensitive": True},
    "user names taken": {"username_edits": "taken"},
    "run by uuid": {"run_by_uuid": True},
    "all counts of a run": {"run_objects": "all"},
    "other words for a run": {"run_words": ("running", "ok", "not ok")},
    "null for empty": {"empty": "null"},
    "archived hidden": {"archived": "hidden"},
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait for a run's log."""
    monkeypatch.setattr(ingest_runs, "LOG_SECONDS", 0.1)


def crowd(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Add half of the people of many records, with another role; return the records."""
    people = [person(f"p{number:03}", title="Cook") for number in range(CROWD)]
    for number, each in enumerate(people[::2]):
        sandbox.oomnitza.add_person(username=f"sso.{each['name']}", email=each["email"], role=12 if number % 2 else 26)
    return people


def ingest(sandbox: Sandbox, people: list[dict[str, Any]], **more: Any) -> SyncResult:
    """Sync people by ingest, with a role and a position for new ones."""
    method = {"method": "ingest", **more.pop("write_method", {})}
    settings = config(sandbox, write_method=method, default_position="Employee", **more)
    return write(settings, [*map(record, people), state(1), complete()])


@pytest.mark.parametrize("switches", ANSWERS.values(), ids=ANSWERS)
def test_ingest_open_point_keeps_roles_and_counts(quick: Sandbox, switches: dict[str, Any]) -> None:
    """No known person gets the role of new people, and each outcome is counted."""
    empty(quick)
    people = crowd(quick)
    with quick.oomnitza.switches.temporarily(run_polls=0, **switches):
        written = ingest(quick, people)
    assert written.error == "", written.error
    roles = {each["email"]: each["role"] for each in quick.oomnitza.people()}
    assert len(roles) == CROWD
    assert {roles[each["email"]] for each in people[::2]} == {12, 26}
    assert {roles[each["email"]] for each in people[1::2]} == {25}
    report = written.report()["users"]
    assert (report["added"], report["updated"], report["failed"]) == (CROWD // 2, CROWD // 2, 0)


def test_ingest_saas_users_need_the_sync_key_of_the_integration(quick: Sandbox) -> None:
    empty(quick)
    number = quick.oomnitza.add_integration("Slack", saas_sync_key="acme.slack.com")
    method = {"connector_id": number, "saas_sync_key": "acme.slack.com"}
    with quick.oomnitza.switches.temporarily(run_polls=0, saas_needs_connector=True):
        written = ingest(
            quick,
            [person("ada")],
            record_type={"type": "user_and_saas_user", "saas_name": "Slack"},
            write_method=method,
        )
    assert written.error == "", written.error
    assert [user["username"] for user in quick.oomnitza.saas_users("Slack")] == ["ada"]
    assert quick.oomnitza.runs()[-1].sender == str(number)


def test_ingest_run_without_records_is_reported_as_empty(quick: Sandbox) -> None:
    """A sync without records ends as with Oomnitza's own connector."""
    empty(quick)
    written = ingest(quick, [], write_method={"connector_id": 12})
    assert written.error == "", written.error
    (exchange,) = quick.requests.matching(path="add_ready_portion")
    assert (exchange.path, exchange.status) == ("/api/v3/bulk/12/add_ready_portion", 200)


def test_ingest_starts_no_workflows_if_switched_off(quick: Sandbox) -> None:
    empty(quick)
    written = ingest(quick, [person("ada")], trigger_workflows=False)
    assert written.error == "", written.error
    assert quick.oomnitza.workflows == []
