"""Tests people with SaaS users, including open points, faults and missing users."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from integration_tests.harness import destination_inside
from integration_tests.harness import destination_process as process
from integration_tests.harness.destination_inside import PATIENT, write
from integration_tests.harness.destination_process import complete, config, lines, person, record, state, stream
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Fault, Sandbox

SAAS = {"type": "user_and_saas_user", "saas_name": "Slack"}
OVERWRITE = stream(destination_sync_mode="overwrite")
MISSING = {"method": "rest", "deactivate_missing": True}


def settings(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    return config(sandbox, **{"record_type": SAAS, **more})


def people(number: int, **more: Any) -> list[dict[str, Any]]:
    return [person(f"p{each:03}", **more) for each in range(number)]


def sync(sandbox: Sandbox, records: list[dict[str, Any]], *end: dict[str, Any], **more: Any) -> SyncResult:
    """Write records and a state of `users`; log the requests of this sync only."""
    sandbox.requests.clear()
    streams = more.pop("streams", ())
    messages = [*map(record, records), state({"updated": 1}), *end]
    return write(settings(sandbox, **more), messages, *streams, retry_policy=PATIENT)


def users(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    found = {user["username"]: user for user in sandbox.oomnitza.saas_users("Slack")}
    assert len(found) == len(sandbox.oomnitza.saas_users("Slack")), "somebody is assigned twice"
    return found


def writes(sandbox: Sandbox) -> list[tuple[str, str]]:
    exchanges = sandbox.requests.matching(service="oomnitza")
    return [(each.method, each.path) for each in exchanges if each.method != "GET"]


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


# Missing users


def overwrite(sandbox: Sandbox, records: list[dict[str, Any]], *end: dict[str, Any], **more: Any) -> SyncResult:
    return sync(sandbox, records, *(end or (complete(),)), **{"streams": (OVERWRITE,), "write_method": MISSING, **more})


def active(sandbox: Sandbox) -> int:
    return sum(user["active"] for user in users(sandbox).values())


@pytest.mark.parametrize("activity", ["deactivated", None])
def test_missing_users_alone_are_deactivated_once(sandbox: Sandbox, activity: str | None) -> None:
    sandbox.oomnitza.switches.saas_activity = activity
    overwrite(sandbox, people(20))
    outsider = sandbox.oomnitza.add_person(username="zoe", email="zoe@acme.example")
    sandbox.oomnitza.assign(sandbox.oomnitza.add_application("Zoom"), outsider)
    synced = overwrite(sandbox, people(18))
    assert synced.saas() == {"deactivated": 2}
    assert [name for name, user in users(sandbox).items() if not user["active"]] == ["p018", "p019"]
    assert sandbox.oomnitza.saas_users("Zoom")[0]["active"]
    again = overwrite(sandbox, people(18))
    assert again.saas() == ({} if activity else {"deactivated": 2})
    assert len(users(sandbox)) == 20, "somebody was unassigned"


@pytest.mark.parametrize("why", ["increment", "rejected", "empty", "append", "off"])
def test_missing_users_are_left_active(sandbox: Sandbox, why: str) -> None:
    overwrite(sandbox, people(20))
    records = people(0 if why == "empty" else 18)
    if why == "rejected":
        records[0] = person("p000", email=["a", "list"])
    modes = {"increment": {"sync_mode": "incremental"}, "append": {"destination_sync_mode": "append"}}.get(why, {})
    synced = overwrite(
        sandbox,
        records,
        complete(),
        streams=(stream(**{"destination_sync_mode": "overwrite", **modes}),),
        write_method={**MISSING, "deactivate_missing": why != "off"},
    )
    assert synced.error == ""
    assert active(sandbox) == 20


def test_missing_beyond_the_limit_fails_and_deactivates_none(sandbox: Sandbox) -> None:
    overwrite(sandbox, people(60))
    synced = overwrite(sandbox, people(47))
    assert (
        "0 of the 60 active SaaS users of Slack were deactivated, and 13 missing from the source were not"
        in synced.error
    )
    assert "at most 12 may be" in synced.error
    assert synced.failure_type == "config_error"
    assert active(sandbox) == 60
    synced = overwrite(sandbox, people(47), write_method={**MISSING, "max_deactivated_percent": 25})
    assert synced.saas() == {"deactivated": 13}


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_inactive_beyond_the_limit_stay_active_and_sync_fails(sandbox: Sandbox, mode: str) -> None:
    """A reversed `inactive_when` deactivates up to the limit; people are written."""
    how = {"streams": (stream(destination_sync_mode=mode),), "write_method": MISSING}
    sync(sandbox, people(200), complete(), **how)
    wrong = sync(sandbox, people(200, title="Cook"), complete(), inactive_when="{{ not record['deleted'] }}", **how)
    assert active(sandbox) == 160
    assert (wrong.failure_type, wrong.saas()) == ("config_error", {"deactivated": 40})
    assert (
        "40 of the 200 active SaaS users of Slack were deactivated, and 160 inactive accounts were not: at most 40"
        in wrong.error
    )
    assert wrong.counts() == {"updated": 200}
    assert {each["position"] for each in sandbox.oomnitza.people()} == {"Cook"}
    assert not wrong.acknowledged(), "the next sync must bring them again"
    sync(sandbox, people(200), complete(), **how)
    assert active(sandbox) == 200


def test_limit_holds_for_all_reasons_together(sandbox: Sandbox) -> None:
    """Inactive accounts are deactivated before missing ones, in any order of records."""
    overwrite(sandbox, people(60))
    team = [*people(47), *(person(f"p{number:03}", deleted=True) for number in range(47, 55))]
    for records in (team, team[::-1]):
        synced = overwrite(sandbox, records)
        assert "8 of the 60 active SaaS users" in synced.error
        assert "5 missing from the source" in synced.error
        assert active(sandbox) == 52
        overwrite(sandbox, people(60))


def status(kind: str) -> dict[str, Any]:
    message = complete()
    message["trace"]["stream_status"]["status"] = kind
    return message


def test_second_attempt_starts_from_the_beginning(sandbox: Sandbox) -> None:
    overwrite(sandbox, people(20))
    page = [*map(record, people(10)), state({"page": 2})]
    for broken in ([status("STARTED"), *page], [status("STARTED"), *page, status("INCOMPLETE")]):
        first = write(settings(sandbox, write_method=MISSING), broken, OVERWRITE)
        assert (first.error, first.acknowledged()) == ("", []), "the platform would go on from this state"
    too_many = overwrite(sandbox, people(9), state({"page": 2}), complete())
    assert too_many.acknowledged() == []
    whole = overwrite(sandbox, people(19), state({"page": 2}), complete())
    assert (whole.acknowledged(), whole.saas()) == ([{"updated": 1}, {"page": 2}], {"deactivated": 1})


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_missing_users_stay_if_another_stream_broke_off(sandbox: Sandbox, mode: str) -> None:
    both = (OVERWRITE, stream("guests", destination_sync_mode=mode))
    begun = status("STARTED")
    begun["trace"]["stream_status"]["stream_descriptor"]["name"] = "guests"
    everybody = [*map(record, people(20)), state({"done": True}), complete(), begun]
    first = write(settings(sandbox, write_method=MISSING), everybody, *both)
    assert (first.error, first.acknowledged()) == ("", [])
    guests = [record(person, "guests") for person in people(17)]
    write(settings(sandbox, write_method=MISSING), [complete(), *guests, complete("guests")], *both)
    assert active(sandbox) == 20, "of users nobody came, because all of them had come before"


@pytest.mark.parametrize("namespace", [None, "hr"])
@pytest.mark.parametrize("cut", ["within the data", "before the stream"])
def test_user_of_a_cut_record_is_not_missing(sandbox: Sandbox, namespace: str | None, cut: str) -> None:
    of_namespace = stream(destination_sync_mode="overwrite")
    of_namespace["stream"]["namespace"] = namespace
    whole = complete()
    whole["trace"]["stream_status"]["stream_descriptor"]["namespace"] = namespace
    records = [record(person | {"namespace": "prod", "type": "member"}) for person in people(20)]
    for each in records:
        each["record"] |= {"namespace": namespace}
    assert (
        destination_inside.write(settings(sandbox, write_method=MISSING), [*records, whole], of_namespace).error == ""
    )
    line = lines([records[-1]])
    end = line.index(b'"email"') if cut == "within the data" else line.index(b'"stream"')
    synced = destination_inside.write(
        settings(sandbox, write_method=MISSING), [*records[:-1], [line[:end]], whole], of_namespace
    )
    (counts,) = synced.report().values()
    assert counts["failed"] == (cut == "within the data")
    assert active(sandbox) == 20


def test_filtered_and_skipped_records_count_as_appearing(sandbox: Sandbox) -> None:
    overwrite(sandbox, people(20))
    team = people(20)
    team[0]["is_bot"] = True  # filtered
    team[1] |= {"email": None}  # no sync key, and active
    team[2] |= {"email": None, "is_bot": True, "name": ["no", "name"]}  # filtered, and it could not even be mapped
    synced = overwrite(sandbox, team[:19], record_filter="{{ not record['is_bot'] }}")
    assert synced.counts() == {"unchanged": 16, "skipped": 3}
    assert [name for name, user in users(sandbox).items() if not user["active"]] == ["p019"]
    synced = overwrite(sandbox, people(20), write_mode="create_only")
    assert synced.counts() == {"skipped": 20}
    assert active(sandbox) == 19, "whom the mode leaves alone is not missing"


def test_empty_stream_deactivates_no_one(sandbox: Sandbox) -> None:
    both = (OVERWRITE, stream("guests", destination_sync_mode="overwrite"))
    overwrite(sandbox, people(20), streams=both)
    synced = overwrite(sandbox, people(18), complete(), streams=both)
    assert active(sandbox) == 20
    assert any("the source may not have read all of its people" in line for line in synced.log_lines())


# Data activation

LEAVERS = stream(
    "leavers",
    ["email"],
    destination_sync_mode="soft_delete",
    destination_object_name="saas_user",
    primary_key=[["email"]],
)


def test_soft_delete_deactivates(sandbox: Sandbox) -> None:
    sync(sandbox, [person("ada"), person("bob")])
    output = process.write(
        settings(sandbox), [record({"email": f"{name}@acme.example"}, "leavers") for name in ("bob", "eve")], LEAVERS
    )
    assert output.counts("leavers") == {"updated": 1, "skipped": 1}
    assert output.report()["leavers"]["saas"]["deactivated"] == 1
    assert [user["active"] for user in users(sandbox).values()] == [True, False]


def test_soft_delete_beyond_the_limit_fails_after_ten_people(sandbox: Sandbox) -> None:
    sync(sandbox, people(30))
    messages = [record({"email": each["email"]}, "leavers") for each in people(30)]
    synced = write(settings(sandbox), [*messages, state(1, "leavers")], LEAVERS)
    assert (synced.failure_type, synced.acknowledged()) == ("config_error", [])
    assert "10 of the 30 active SaaS users" in synced.error
    assert active(sandbox) == 20


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
