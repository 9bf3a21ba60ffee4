"""Tests the destination with every plausible answer to an open point.

See docs/oomnitza-api.md, "Open points".
"""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.destination.team import STRICT, check_promises, fresh, messages
from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import person, record, state
from integration_tests.sandbox import Fault, Sandbox

ANSWERS: dict[str, dict[str, Any]] = {
    "case matters in filters": {"case_sensitive": True},
    "a backslash escapes": {"backslash_escapes": True},
    "unsorted rows in one order": {"unsorted": "created"},
    "pages of two": {"max_page": 2, "above_max_page": "capped"},
    "no count": {"total_count": "absent"},
    "count of the page": {"total_count": "page"},
    "count as a text": {"total_count": "text"},
    "count of all rows": {"total_count": "unfiltered"},
    "no metadata, 403": {"meta_status": 403},
    "no metadata, 404": {"meta_status": 404},
    "flags as words": {"flags": ("true", "false")},
    "null for empty": {"empty": "null"},
    "nothing for empty": {"empty": "absent"},
    "duplicates are 409": {"duplicate_status": 409},
    "csrf demanded": {"csrf": "demanded"},
    "no csrf": {"csrf": "off"},
    "saas created with 200": {"saas_created_status": 200},
    "roles by name": {"saas_roles": "names"},
    "activity as active": {"saas_activity": "active"},
    "activity as is_active": {"saas_activity": "is_active"},
    "activity as status": {"saas_activity": "status"},
    "activity unknown": {"saas_activity": None},
    "no saas_user_id": {"saas_user_id": False},
    "every page whole": {"saas_users_paging": False},
    "assignments answered": {"assign_answer": b"[]"},
    "archived hidden": {"archived": "hidden"},
    "phones and blanks normalized": {"normalized": frozenset({"phone", "blanks"})},
    "created, no user_id": {"creation_answer": "no_user_id"},
    "created, {}": {"creation_answer": "empty"},
    "created, no body": {"creation_answer": "nothing"},
    "user names taken": {"username_edits": "taken"},
    "user names ignored": {"username_edits": "ignored"},
    "lookups lag": {"lookup_lag": 2},
    "token expires at once": {"token_requests": 1},
    "token expires in the middle": {"token_requests": 20},
}
"""Settings of the sandbox's switches."""
ANSWERS["strict"] = STRICT
SHAPES = ("status", "errors", "error", "success", "text", "html")
"""Shapes of a rejection."""


def company(sandbox: Sandbox) -> dict[str, Any]:
    """Return the result of `fresh`; a known person has another user name than here."""
    settings = fresh(sandbox)
    known = sandbox.oomnitza.person(username="known3")
    assert known is not None
    sandbox.oomnitza.edit_person(known["user_id"], username="sso.known3")
    return settings


@pytest.mark.parametrize("switches", ANSWERS.values(), ids=ANSWERS)
def test_open_point_makes_no_difference(quick: Sandbox, switches: dict[str, Any]) -> None:
    """Everyone is there once, by the same user name; a second sync writes nothing."""
    settings = company(quick)
    with quick.oomnitza.switches.temporarily(**switches):
        written = write(settings, messages())
        assert written.error == "", written.error
        report = written.report()["users"]
        assert (report["added"], report["updated"], report["failed"]) == (9, 4, 0)
        check_promises(quick, written)
        assert quick.oomnitza.person(username="sso.known3") is not None
        quick.oomnitza.store.unseen.clear()
        changes = len(quick.oomnitza.changes())
        again = write(settings, messages()[2:]).report()["users"]
        if quick.oomnitza.switches.saas_activity is None:  # then a deactivation is sent in every sync
            again["saas"].pop("deactivated")
        assert (again["unchanged"], any(again["saas"].values())) == (12, False)
        assert len(quick.oomnitza.changes()) == changes


FAULTS = {
    "reset after": Fault("reset_after", method="POST", path="/api/v3/users$", times=4),
    "502 HTML": Fault("html", status=502, nth=3),
    "timeout": Fault("timeout_after", method="POST", path="/api/v3/users$"),
    "500": Fault("status", status=500, processed=True, method="PATCH", path="/api/v3/users/"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("switches", ANSWERS.values(), ids=ANSWERS)
def test_open_point_with_a_fault_keeps_the_promises(quick: Sandbox, switches: dict[str, Any], fault: Fault) -> None:
    settings = company(quick)
    quick.faults.add(Fault(**{**fault.__dict__, "service": "oomnitza", "seen": 0, "fired": 0}))
    with quick.oomnitza.switches.temporarily(**switches):
        written = write(settings, messages())
        assert written.error == "", written.error
        check_promises(quick, written)
        assert written.report()["users"]["failed"] == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_rejected_person_is_reported_in_each_shape(quick: Sandbox, shape: str) -> None:
    """A title that is too long is rejected with a reason; other records are written."""
    settings = {**company(quick), "record_type": {"type": "user"}}
    bad = [person("long", title="x" * 200), person("known0", title="x" * 200)]
    with quick.oomnitza.switches.temporarily(rejections=shape, meta_status=404):
        written = write(settings, [*messages(), *map(record, bad), state(16)])
    assert written.error == ""
    report = written.report()["users"]
    assert (report["added"], report["failed"]) == (9, 2)
    assert sum("position: is longer than 128 characters" in line for line in written.log_lines()) == 2
    assert quick.oomnitza.person(username="long") is None


@pytest.mark.parametrize("nth", [1, 2, 5])
def test_maintenance_page_is_waited_for(quick: Sandbox, nth: int) -> None:
    """A page of HTML with status 200 is retried, whichever request returns it first."""
    settings = company(quick)
    quick.faults.add(Fault("html", service="oomnitza", nth=nth, times=2))
    written = write(settings, messages())
    assert written.error == "", written.error
    check_promises(quick, written)


def test_forbidden_edit_fails_its_record_only(quick: Sandbox) -> None:
    settings = company(quick)
    known = quick.oomnitza.person(username="known1")
    assert known is not None
    quick.oomnitza.refuse_edit[known["user_id"]] = "The role may not edit administrators."
    written = write(settings, messages())
    assert written.error == ""
    report = written.report()["users"]
    assert (report["added"], report["updated"], report["failed"]) == (9, 3, 1)
    assert any("may not edit administrators" in line for line in written.log_lines())


def test_workflows_are_started_unless_switched_off(quick: Sandbox) -> None:
    settings = company(quick)
    assert write({**settings, "trigger_workflows": False}, messages()).error == ""
    assert quick.oomnitza.workflows == []
    assert len(quick.oomnitza.people()) == 13
    assert write(company(quick), messages()).error == ""
    assert len({user_id for what, user_id in quick.oomnitza.workflows if what == "users"}) == 13
