"""Tests of deactivation: missing users, the limit, and data activation."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.destination.saas import MISSING, OVERWRITE, active, overwrite, people, settings, sync, users
from integration_tests.harness import destination_inside
from integration_tests.harness import destination_process as process
from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import complete, lines, person, record, state, stream
from integration_tests.sandbox import Sandbox


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
