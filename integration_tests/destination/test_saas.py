"""Tests of people with SaaS users, including open points and faults."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from integration_tests.destination.saas import SAAS, people, settings, sync, users, writes
from integration_tests.harness import destination_process as process
from integration_tests.harness.destination_process import person
from integration_tests.sandbox import Fault, Sandbox


@pytest.mark.parametrize(
    ("activity", "shape"),
    [
        ("deactivated", "object"),
        ("active", "list"),
        ("is_active", "without_ids"),
        ("status", "names"),
        (None, "object"),
        (None, "names"),
    ],
)
def test_saas_users_for_each_open_answer(sandbox: Sandbox, activity: str | None, shape: str) -> None:
    switches = sandbox.oomnitza.switches
    switches.saas_activity, switches.saas_roles = activity, shape
    even = shape != "object"
    switches.saas_user_id, switches.saas_users_paging, switches.saas_created_status = even, even, 200 if even else 201
    team = [
        person("ada", role="primary_owner"),
        person("bob", role="multi_channel_guest"),
        person("cid"),
        person("dan"),
    ]

    first = sync(sandbox, team)
    assert first.counts() == {"added": 4}
    assert first.saas() == {"assigned": 4, "roles_changed": 4}
    assert {name: (user["user_external_id"], user["roles"]) for name, user in users(sandbox).items()} == {
        "ada": ("UADA", ["Primary Owner"]),
        "bob": ("UBOB", ["Multi-Channel Guest"]),
        "cid": ("UCID", ["Member"]),
        "dan": ("UDAN", ["Member"]),
    }

    assert sync(sandbox, team).counts() == {"unchanged": 4}
    assert writes(sandbox) == []

    changed = [{**team[0], "role": "member"}, {**team[1], "role": "admin"}, team[2], {**team[3], "deleted": True}]
    second = sync(sandbox, changed)
    assert second.saas() == {"roles_changed": 2, "deactivated": 1}
    assert [user["roles"] for user in users(sandbox).values()] == [["Member"], ["Admin"], ["Member"], ["Member"]]
    assert [user["active"] for user in users(sandbox).values()] == [True, True, True, False]

    third = sync(sandbox, changed)
    assert third.saas() == ({} if activity else {"deactivated": 1}), (
        "where nothing reports it, it is sent in every sync"
    )
    back = sync(sandbox, [changed[3] | {"deleted": False}])
    assert back.saas() == ({"activated": 1} if activity else {})
    assert users(sandbox)["dan"]["active"] is bool(activity)
    assert len(sandbox.oomnitza.applications()) == 1
    assert len(sandbox.oomnitza.roles("Slack")) == 4


def test_many_people_in_few_requests_and_nothing_the_second_time(sandbox: Sandbox) -> None:
    roles = ("member", "member", "admin", "single_channel_guest")
    crowd = [person(f"p{number:03}", role=roles[number % 4]) for number in range(300)]
    sync(sandbox, crowd)
    paths = [path.partition("/v3/")[2] for _, path in writes(sandbox)]
    assert paths.count("saas") == 1, "the application was created twice"
    assert paths.count("saas/1/users") == 3
    assert paths.count("saas/1/roles") == 3, "a role was created twice"
    assert paths.count("saas/1/roles/users") == 9
    assert [role["users_count"] for role in sandbox.oomnitza.roles("Slack")] in (
        [150, 75, 75],
        [75, 150, 75],
        [75, 75, 150],
    )

    sync(sandbox, crowd)
    assert writes(sandbox) == []
    both = len(sandbox.requests)
    sync(sandbox, crowd, record_type={"type": "user"})
    assert both - len(sandbox.requests) <= 4  # the application, its users, and a last page


@pytest.mark.parametrize("kind", ["truncated", "reset_after", "status"])
@pytest.mark.parametrize("path", [r"/v3/saas$", r"/saas/\d+/roles$"])
def test_application_and_roles_are_created_once(sandbox: Sandbox, kind: str, path: str) -> None:
    sandbox.faults.add(Fault(kind, service="oomnitza", method="POST", path=path, processed=kind == "status"))
    synced = sync(sandbox, people(40), batch_size=5)
    assert synced.error == ""
    assert len(users(sandbox)) == 40
    assert len(sandbox.oomnitza.applications()) == 1
    assert [role["role_external_label"] for role in sandbox.oomnitza.roles("Slack")] == ["Member"]


def test_rejected_person_does_not_fail_the_batch(sandbox: Sandbox) -> None:
    team = people(20)
    sync(sandbox, team)
    bad = users(sandbox)["p007"]["user_id"]
    sandbox.faults.add(Fault("status", status=400, path="roles/users", request_body=bad, times=None))
    synced = sync(sandbox, [each | {"role": "admin"} for each in team])
    assert synced.counts() == {"unchanged": 19, "failed": 1}
    assert synced.saas() == {"roles_changed": 19}
    assert any("email=p007@acme.example: SaaS user: its role could not be set" in line for line in synced.log_lines())
    assert synced.acknowledged() == [{"updated": 1}]


def test_errors_of_single_people_are_counted_with_the_reason(sandbox: Sandbox) -> None:
    team = people(4)
    sync(sandbox, team)
    sandbox.oomnitza.refuse_activity[users(sandbox)["p001"]["user_id"]] = "The last administrator stays."
    synced = sync(sandbox, [each | {"deleted": True} for each in team])
    assert synced.counts() == {"unchanged": 3, "failed": 1}
    assert synced.saas() == {"deactivated": 3}
    assert any("could not be deactivated: The last administrator stays." in line for line in synced.log_lines())


def test_unassigned_inactive_account_stays_unassigned(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_person(username="old", email="old@acme.example")
    synced = sync(sandbox, [person("old", deleted=True), person("never", deleted=True), person("ada")])
    assert synced.counts()["skipped"] == 1
    assert users(sandbox).keys() == {"ada"}
    assert sandbox.oomnitza.person(email="never@acme.example") is None


def test_leaver_without_address_is_deactivated(sandbox: Sandbox) -> None:
    sync(sandbox, [person("ada"), person("bob")])
    synced = sync(sandbox, [person("ada"), person("bob", deleted=True, email=None)])
    assert synced.counts() == {"unchanged": 1, "skipped": 1}
    assert synced.saas() == {"deactivated": 1}
    assert not users(sandbox)["bob"]["active"]


def test_leavers_newer_account_in_a_later_batch_decides(sandbox: Sandbox) -> None:
    sync(sandbox, [person("ada"), person("bob")])
    old = {**person("ada", deleted=True), "email": None}
    new = [person("bob"), {**person("ada"), "id": "UNEW"}]
    assert sync(sandbox, [old, *new], batch_size=1).saas() == {}
    assert not [exchange for exchange in writes(sandbox) if "activate" in str(exchange)]
    assert (users(sandbox)["ada"]["active"], users(sandbox)["ada"]["user_external_id"]) == (True, "UNEW")


def test_switches_turn_parts_off(sandbox: Sandbox) -> None:
    off = {"method": "rest", "assign_roles": False, "deactivate_inactive": False}
    sync(sandbox, [person("ada"), person("bob")], write_method=off)
    synced = sync(sandbox, [person("ada", role="admin"), person("bob", deleted=True)], write_method=off)
    assert synced.saas() == {}
    assert sandbox.oomnitza.roles("Slack") == []
    assert all(user["active"] for user in users(sandbox).values())


def test_application_in_another_case_is_the_one(sandbox: Sandbox) -> None:
    sandbox.oomnitza.switches.case_sensitive = True
    sandbox.oomnitza.add_application("SLACK")
    sync(sandbox, [person("ada")])
    assert [each["saas_name"] for each in sandbox.oomnitza.applications()] == ["SLACK"]


def test_application_of_two_first_syncs_is_the_one_in_use(sandbox: Sandbox) -> None:
    """The application that the slower sync created stays empty and unused."""
    first, _ = [sandbox.oomnitza.add_application("Slack") for _ in range(2)]
    for _ in range(2):
        assert sync(sandbox, [person("ada")]).error == ""
    assert {str(user["saas_id"]) for user in sandbox.oomnitza.saas_users("Slack")} == {first}


def test_application_two_in_use_must_be_named(sandbox: Sandbox) -> None:
    ids = [sandbox.oomnitza.add_application("Slack") for _ in range(2)]
    for saas_id in ids:
        sync(sandbox, [person("ada")], record_type={**SAAS, "saas_id": saas_id})
    synced = sync(sandbox, [person("ada")])
    assert "record_type.saas_id" in synced.error
    assert synced.failure_type == "config_error"
    assert synced.acknowledged() == []
    status, message = process.run("check", settings(sandbox)).connection_status()
    assert (status, "record_type.saas_id" in message) == ("FAILED", True)


def test_test_run_reports_saas_changes_and_writes_nothing(sandbox: Sandbox) -> None:
    synced = sync(sandbox, [person("ada"), person("bob", deleted=True)], test_run=True)
    assert synced.counts() == {"added": 1, "skipped": 1}
    assert synced.saas() == {"assigned": 1, "roles_changed": 1}
    assert writes(sandbox) == []
    assert sandbox.oomnitza.applications() == []


def test_state_waits_for_people_and_saas_users(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", status=401, path=r"/saas/\d+/users$", method="POST", times=None))
    synced = sync(sandbox, people(3))
    assert len(sandbox.oomnitza.people()) == 3
    assert synced.acknowledged() == []
    assert synced.failure_type == "config_error"


def test_faults_leave_no_duplicates_and_no_gaps(sandbox: Sandbox) -> None:
    sandbox.faults.random(seed=3, rate=0.02, service="oomnitza")
    team = people(120)
    synced = sync(sandbox, team, batch_size=20)
    assert synced.error == ""
    sandbox.faults.clear()
    assert {person["username"] for person in sandbox.oomnitza.people()} == {each["name"] for each in team}
    assert len(sandbox.oomnitza.people()) == len(users(sandbox)) == 120
    assert all(user["roles"] == ["Member"] and user["user_external_id"] for user in users(sandbox).values())
    assert len(sandbox.oomnitza.applications()) == 1
    sync(sandbox, team, batch_size=20)
    assert writes(sandbox) == []


def test_first_syncs_at_once_share_one_application(sandbox: Sandbox) -> None:
    """Two first syncs at once share one application, and later syncs find it."""
    crowd = [person(f"p{number:02}") for number in range(20)]
    sandbox.latency = 0.005
    with ThreadPoolExecutor(2) as pool:
        for synced in pool.map(lambda _: sync(sandbox, crowd, batch_size=5), range(2)):
            assert synced.error == ""
    sandbox.latency = 0.0
    assert len(sandbox.oomnitza.people()) == 20
    assert len({user["saas_id"] for user in sandbox.oomnitza.saas_users("Slack")}) == 1
    again = sync(sandbox, crowd)
    assert (again.error, again.counts()) == ("", {"unchanged": 20})
