"""Tests connector ingest against the sandbox.

It accepts exactly the requests that Oomnitza's own connector was observed to send.
"""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.api import ingest_runs

from integration_tests.harness import destination_process as process
from integration_tests.harness.destination_inside import PATIENT, write
from integration_tests.harness.destination_process import complete, config, person, record, state, stream
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Fault, Sandbox

SAAS = {"type": "user_and_saas_user", "saas_name": "Slack"}


def settings(sandbox: Sandbox, method: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return config(sandbox, **{"write_method": {"method": "ingest", **(method or {})}, **more})


def sync(sandbox: Sandbox, records: list[dict[str, Any]], *end: dict[str, Any], **more: Any) -> SyncResult:
    sandbox.requests.clear()
    messages = [*map(record, records), *(end or (state({"updated": 1}), complete()))]
    return write(settings(sandbox, **more), messages, retry_policy=PATIENT)


def batches(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [exchange.json for exchange in sandbox.requests.matching(method="POST", path=r"/v3/bulk$")]


@pytest.fixture(autouse=True)
def at_once(sandbox: Sandbox) -> None:
    """End each run before its log is first requested."""
    sandbox.oomnitza.switches.run_polls = 0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait for a run's log."""
    monkeypatch.setattr(ingest_runs, "LOG_SECONDS", 0.1)


def test_cancelled_run_ends_sync_and_acknowledges_no_more(sandbox: Sandbox) -> None:
    sandbox.oomnitza.cancel_runs(after_batches=10)
    each = [message for n in range(30) for message in (record(person(f"p{n:03}")), state({"updated": n}))]
    output = process.write(settings(sandbox, num_workers=1), each)
    failure_type, message = output.failure()
    assert (failure_type, "cancelled this run in Oomnitza" in message) == ("config_error", True)
    assert output.states() == [{"updated": n} for n in range(9)]
    assert sandbox.requests.count(path="finalize") == 0
    assert sandbox.requests.count(method="GET", path=r"/v3/bulk/") == 2


def test_run_cancelled_unseen_ends_sync_with_the_number(sandbox: Sandbox) -> None:
    """Oomnitza is asked whether the run is cancelled after 1 and 10 batches."""
    sandbox.oomnitza.cancel_runs(after_batches=5)
    each = [message for n in range(8) for message in (record(person(f"p{n:03}")), state({"updated": n}))]
    synced = write(settings(sandbox, num_workers=1), [*each, complete()], retry_policy=PATIENT)
    assert "cancelled this run in Oomnitza, which left 3 records unwritten" in synced.error
    assert (len(sandbox.oomnitza.people()), synced.counts()) == (5, {"added": 5, "failed": 3})


def test_first_load_takes_few_requests(sandbox: Sandbox) -> None:
    crowd = [person(f"p{number:04}") for number in range(1000)]
    crowd += [person(f"gone{number:02}", deleted=True) for number in range(50)]
    mixed = sorted(crowd, key=lambda each: each["id"][::-1])  # inactive accounts among the others
    sandbox.oomnitza.switches.run_polls = 2
    synced = sync(sandbox, mixed)
    assert synced.error == ""
    assert synced.counts() == {"added": 1000, "skipped": 50}
    assert len(sandbox.oomnitza.people()) == 1000
    assert all(found["role"] == process.ROLE for found in sandbox.oomnitza.people())
    assert synced.acknowledged() == [{"updated": 1}]
    assert len(batches(sandbox)) == 11, "inactive accounts cost a batch of their own each time"
    assert len(sandbox.requests) <= 30
    assert {run.finalized for run in sandbox.oomnitza.runs()} == {True}


def test_second_sync_keeps_roles(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_person(username="boss", email="BOSS@acme.example", role=1, position="Founder")
    team = [person("boss"), person("ada"), person("bob")]
    assert sync(sandbox, team, default_position="Employee").counts() == {"added": 2, "updated": 1}
    boss = sandbox.oomnitza.person(username="boss")
    assert boss is not None
    assert (boss["role"], boss["position"], boss["first_name"]) == (1, "Founder", "Boss")
    ada = sandbox.oomnitza.person(username="ada")
    assert ada is not None
    assert (ada["role"], ada["position"]) == (25, "Employee")
    sandbox.oomnitza.edit_person(ada["user_id"], role=12)
    team[1]["title"] = "Countess"
    team[2] |= {"deleted": True, "title": "Alumnus"}
    synced = sync(sandbox, [*team, person("gone", deleted=True)], default_position="Employee")
    assert synced.counts() == {"unchanged": 1, "updated": 2, "skipped": 1}
    assert [each["role"] for each in sandbox.oomnitza.people()] == [1, 12, 25]
    assert [each["position"] for each in sandbox.oomnitza.people()] == ["Founder", "Countess", "Alumnus"]


@pytest.mark.parametrize(
    ("mode", "counts"),
    [("create_only", {"added": 1, "skipped": 1}), ("update_only", {"updated": 1, "skipped": 1})],
)
def test_write_modes_are_sent(sandbox: Sandbox, mode: str, counts: dict[str, int]) -> None:
    sandbox.oomnitza.add_person(username="ada", email="ada@acme.example")
    assert sync(sandbox, [person("ada"), person("bob")], write_mode=mode).counts() == counts


def test_rejected_record_is_in_oomnitzas_log_and_counted_once(sandbox: Sandbox) -> None:
    bad = person("bad") | {"name": ["a", "list"]}
    taken = person("cid", email="other@acme.example")
    synced = sync(sandbox, [person("ada"), bad, person("cid"), taken])
    assert synced.counts() == {"added": 2, "failed": 2}
    (run,) = sandbox.oomnitza.runs()
    assert run.objects["failed"] == 2
    assert any("email=bad@acme.example: username" in line for line in run.logs["failed"])
    logged = [line for line in synced.log_lines() if line.startswith("Rejected: ")]
    assert len(logged) == 2
    assert synced.acknowledged() == [{"updated": 1}]


def test_saas_users_of_active_accounts_are_assigned(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_person(username="old", email="old@acme.example")
    method = {"connector_id": 12, "saas_sync_key": "slack-main"}
    synced = sync(sandbox, [person("ada"), person("old", deleted=True)], record_type=SAAS, method=method)
    assert synced.error == ""
    assert [user["username"] for user in sandbox.oomnitza.saas_users("Slack")] == ["ada"]
    sent = {each["EMAIL"]: each.get("SAAS") for batch in batches(sandbox) for each in batch["records"]}
    assert sent == {"ada@acme.example": {"sync_key": "slack-main", "name": "Slack"}, "old@acme.example": None}
    assert any("no user is deactivated" in line for line in synced.log_lines())


@pytest.mark.usefixtures("impatient")
def test_rejected_record_does_not_fail_unreported_ones(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", status=404, path="connector_run_logs", times=None))
    synced = sync(sandbox, [*(person(f"p{n}") for n in range(5)), person("bad") | {"name": ["a", "list"]}])
    assert (synced.error, synced.counts(), synced.acknowledged()) == ("", {"failed": 1}, [{"updated": 1}])
    assert len(sandbox.oomnitza.people()) == 5


def test_custom_fields_go_by_their_internal_id(sandbox: Sandbox) -> None:
    internal = sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", "STR", unique=True)
    users = stream(properties=["id", "name"])
    synced = write(settings(sandbox, sync_keys=["slack_user_id", "email"]), [record(person("ada"))], users)
    assert synced.counts() == {"added": 1}
    assert batches(sandbox)[0]["sync_field"] == [internal, "EMAIL"]
    assert sandbox.oomnitza.people()[0]["slack_user_id"] == "UADA"


def test_run_of_an_integration_uses_its_id(sandbox: Sandbox) -> None:
    sync(sandbox, [person("ada")], method={"connector_id": 12})
    assert [run.connector for run in sandbox.oomnitza.runs()] == ["Slack"]
    synced = sync(sandbox, [person("ada"), person("bob")], method={"connector_id": 13})
    assert "connector_id" in synced.error
    assert synced.failure_type == "config_error"


def test_test_run_writes_nothing(sandbox: Sandbox) -> None:
    synced = sync(sandbox, [person("ada"), person("bad") | {"name": ["a"]}], test_run=True)
    assert synced.error == ""
    assert synced.counts() == {"added": 1, "failed": 1}
    assert sandbox.oomnitza.people() == []
    assert [run.test_run for run in sandbox.oomnitza.runs()] == [True]


def test_faults_leave_nobody_twice(sandbox: Sandbox) -> None:
    for kind, more in (
        ("reset_after", {}),
        ("status", {"processed": True}),
        ("status", {"status": 429, "retry_after": 0}),
    ):
        sandbox.faults.add(Fault(kind, service="oomnitza", method="POST", path=r"/v3/bulk$", nth=2, **more))
    sandbox.faults.add(Fault("status", status=503, path="connector_run_logs"))
    synced = sync(sandbox, [person(f"p{number:03}") for number in range(120)], batch_size=20)
    assert synced.error == ""
    assert len(sandbox.oomnitza.people()) == 120
    assert synced.counts()["added"] == 120


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("path", ["/api/v2/mappings", r"/v3/bulk$", "/v3/bulk/", "finalize", "connector_run_logs"])
def test_redirect_is_followed_nowhere(sandbox: Sandbox, path: str) -> None:
    with Sandbox(people=1) as elsewhere:
        fault = Fault("redirect", location=f"{elsewhere.oomnitza_url}/api/v3/users", times=None, path=path)
        sandbox.faults.add(fault)
        synced = sync(sandbox, [person("ada")])
        assert fault.fired and len(elsewhere.requests) == 0
    unreported = path == "connector_run_logs"  # all records are written, but their outcomes are unknown
    assert synced.failure_type == ("" if unreported else "config_error")


def test_run_of_broken_sync_is_not_finalized(sandbox: Sandbox) -> None:
    begun = {"stream_descriptor": {"name": "users"}, "status": "STARTED"}
    started = {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 0, "stream_status": begun}}
    synced = sync(sandbox, [person("ada"), person("bad") | {"name": ["a"]}], started)
    assert (synced.error, synced.counts()) == ("", {"failed": 1})
    assert sandbox.requests.count(path="finalize") == 0
    assert any("did not read users to the end" in line for line in synced.log_lines())
    sandbox.faults.add(Fault("status", status=401, path=r"/v3/bulk$", nth=2))
    assert (
        sync(sandbox, [person(f"p{n}") for n in range(4)], batch_size=2, num_workers=1).failure_type == "config_error"
    )
    assert sandbox.requests.count(path="finalize") == 0


def test_check_rejects_what_only_rest_can_do(sandbox: Sandbox) -> None:
    only_if_empty = {"field": "phone_number", "value": "phone", "if_empty_only": True}
    more = {"field_mapping": [only_if_empty], "update_sync_keys": True, "on_failed_record": "fail_after_sync"}
    status, message = process.run("check", settings(sandbox, **more)).connection_status()
    assert status == "FAILED"
    assert all(f"({name})" in message for name in ("if_empty_only", "update_sync_keys", "on_failed_record"))
    assert message.count("which only the write method REST can do") == 3


def test_check_rejects_a_key_without_internal_id(sandbox: Sandbox) -> None:
    mapping = [{"field": "user_id", "value": "oid"}]
    more = {"sync_keys": ["user_id"], "write_mode": "update_only", "field_mapping": mapping}
    status, message = process.run("check", settings(sandbox, **more)).connection_status()
    assert (status, "user_id is set by Oomnitza itself" in message) == ("FAILED", True)


def test_check_names_the_defaults_of_new_people(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_field("slack_user_id", "Slack User Id", "STR")
    sandbox.oomnitza.set_field("slack_user_id", internal_id="")
    output = process.run("check", settings(sandbox))
    assert output.connection_status()[0] == "SUCCEEDED"
    assert "default_role: for new people only" in output.logs()


def test_check_names_a_token_that_may_not_list_people(sandbox: Sandbox) -> None:
    token = sandbox.oomnitza.issue_token(denied=["users"])
    credentials = {"auth_type": "api_token", "api_token": token}
    status, message = process.run("check", settings(sandbox, credentials=credentials)).connection_status()
    assert (status, "/api/v3/users" in message) == ("FAILED", True)
    output = process.run("check", settings(sandbox, credentials=credentials, write_mode="create_only"))
    assert output.connection_status()[0] == "SUCCEEDED"
