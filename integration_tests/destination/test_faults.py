"""Tests faults of Oomnitza at every endpoint and method.

Acknowledged records are there, no person is there twice, and states are in order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from integration_tests.destination.team import STRICT, check_promises, fresh, messages
from integration_tests.harness.destination_inside import AT_ONCE, write
from integration_tests.sandbox import Fault, Sandbox
from integration_tests.tools.soak import soak

ENDPOINTS = [
    ("POST", "/api/request_token"),
    ("GET", "/api/v2/mappings"),
    ("GET", "/api/v3/users/meta"),
    ("GET", "/api/v3/users"),
    ("POST", "/api/v3/users"),
    ("PATCH", "/api/v3/users/[^/]+"),
    ("GET", "/api/v3/saas"),
    ("POST", "/api/v3/saas"),
    ("GET", "/api/v3/saas/[^/]+/users"),
    ("POST", "/api/v3/saas/[^/]+/users"),
    ("POST", "/api/v3/saas/[^/]+/users/[^/]+"),
    ("GET", "/api/v3/saas/[^/]+/roles"),
    ("POST", "/api/v3/saas/[^/]+/roles"),
    ("POST", "/api/v3/saas/[^/]+/roles/users"),
    ("PATCH", "/api/v3/saas_users/deactivate"),
]
"""Endpoints of a sync of people and SaaS users over REST."""

PASSING = {
    "429": Fault("status", status=429, retry_after=1),
    "503": Fault("status", status=503, retry_after=1),
    "500": Fault("status", status=500),
    "500, processed": Fault("status", status=500, processed=True),
    "502 HTML": Fault("html", status=502),
    "504 HTML, processed": Fault("html", status=504, processed=True),
    "reset before": Fault("reset_before"),
    "reset after": Fault("reset_after"),
    "truncated": Fault("truncated"),
    "time-out before": Fault("timeout_before"),
    "time-out after": Fault("timeout_after"),
}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Sandbox]:
    """Start another host, which must never receive a request."""
    with Sandbox(people=1) as sandbox:
        yield sandbox


def whole(method: str, path: str) -> dict[str, Any]:
    return {"service": "oomnitza", "method": method, "path": f"^{path}$"}


def test_sync_uses_every_endpoint(quick: Sandbox) -> None:
    settings = fresh(quick)
    written = write(settings, messages())
    assert written.error == ""
    assert written.report()["users"]["added"] == 9
    assert written.report()["users"]["updated"] == 4
    check_promises(quick, written)
    used = {(each.method, each.path) for each in quick.requests}
    for method, path in used:
        assert any(method == m and re.fullmatch(p, path) for m, p in ENDPOINTS), f"{method} {path} is not tested"
    for method, path in ENDPOINTS:
        assert any(method == m and re.fullmatch(path, p) for m, p in used), f"{method} {path} is not used"
    again = write(settings, messages()[2:])
    assert again.report()["users"]["unchanged"] == 12
    assert not any(again.report()["users"]["saas"].values())


@pytest.mark.parametrize("instance", [{}, STRICT], ids=["plain", "strict"])
@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_transient_fault_is_retried(
    quick: Sandbox, *, method: str, path: str, fault: Fault, instance: dict[str, Any]
) -> None:
    """A fault at any endpoint is retried, with the plainest and strictest instance."""
    settings = fresh(quick)
    struck = deepcopy(fault)
    struck.__dict__.update(whole(method, path))
    quick.faults.add(struck)
    with quick.oomnitza.switches.temporarily(**instance):
        written = write(settings, messages())
    assert struck.fired == 1
    assert written.error == "", written.error
    assert written.acknowledged() == [2, 4, 6, 8, 10, 12, 14]
    check_promises(quick, written)
    report = written.report()["users"]
    assert (report["added"], report["updated"], report["failed"]) == (9, 4, 0)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_lasting_fault_ends_the_sync_as_transient(quick: Sandbox, method: str, path: str) -> None:
    settings = fresh(quick)
    quick.faults.add(Fault("reset_after", nth=2 if path == "/api/v3/users" else 1, times=None, **whole(method, path)))
    written = write(settings, messages(), retry_policy=AT_ONCE)
    assert written.failure_type == "transient_error"
    check_promises(quick, written)
    quick.faults.clear()
    rest = write(settings, messages())
    assert rest.error == ""
    check_promises(quick, rest)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_token_rejected_at_one_endpoint_ends_the_sync(quick: Sandbox, method: str, path: str) -> None:
    """The password is exchanged once more, and then no request is repeated."""
    settings = fresh(quick)
    quick.faults.add(Fault("status", status=401, times=None, **whole(method, path)))
    written = write(settings, messages())
    assert written.failure_type == "config_error"
    added = len(quick.oomnitza.people()) - 4
    report = written.report()["users"]
    assert report["added"] + report["failed"] >= added >= report["added"], "the report lacks what was written"
    asked = Counter((each.path, each.raw_query, each.body) for each in quick.requests if each.fault)
    assert max(asked.values()) <= 2
    assert quick.requests.count(path="request_token") <= 1 + settings["num_workers"]
    check_promises(quick, written)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_token_expired_is_renewed(quick: Sandbox, method: str, path: str) -> None:
    settings = fresh(quick)
    quick.faults.add(Fault("status", status=401, **whole(method, path)))
    written = write(settings, messages())
    if path in ("/api/request_token", "/api/v2/mappings"):
        assert written.failure_type == "config_error"  # a token that was never accepted
        return
    assert written.error == "", written.error
    assert written.acknowledged() == [2, 4, 6, 8, 10, 12, 14]
    check_promises(quick, written)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_forbidden_write_concerns_its_records(quick: Sandbox, method: str, path: str) -> None:
    settings = fresh(quick)
    quick.faults.add(Fault("status", status=403, times=None, **whole(method, path)))
    written = write(settings, messages())
    if path in ("/api/v2/mappings", "/api/v3/users/meta"):
        assert written.error == ""  # a role without access to the metadata can still sync
    elif method == "GET" or path in ("/api/request_token", "/api/v3/saas"):
        assert written.failure_type == "config_error"
        check_promises(quick, written)
    else:
        failed = written.report()["users"]["failed"]
        assert 0 < failed < 14 if written.error == "" else failed == 14, written.error


def test_forbidden_writes_all_of_them_end_the_sync(quick: Sandbox) -> None:
    settings = {**fresh(quick), "record_type": {"type": "user"}}
    for method in ("POST", "PATCH"):
        quick.faults.add(Fault("status", status=403, times=None, **whole(method, "/api/v3/users.*")))
    written = write(settings, messages())
    assert written.failure_type == "config_error"
    assert "each of 13 writes was answered with HTTP 403" in str(written.error)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_redirect_is_not_followed(quick: Sandbox, elsewhere: Sandbox, method: str, path: str) -> None:
    settings = fresh(quick)
    location = f"{elsewhere.oomnitza_url}/api/v3/users"
    quick.faults.add(Fault("redirect", location=location, times=None, **whole(method, path)))
    written = write(settings, messages())
    assert written.failure_type == "config_error"
    assert elsewhere.oomnitza_url in str(written.error)
    assert len(elsewhere.requests) == 0
    check_promises(quick, written)


def test_concurrent_requests_stay_within_num_workers(quick: Sandbox) -> None:
    settings = {**fresh(quick), "num_workers": 3}
    quick.latency = 0.01
    try:
        assert write(settings, messages()).error == ""
    finally:
        quick.latency = 0.0
    times = [(each.started, 1) for each in quick.requests]
    times += [(each.started + each.seconds, -1) for each in quick.requests]
    now = most = 0
    for _, change in sorted(times):
        now += change
        most = max(most, now)
    assert most == 3


def test_short_soak_keeps_the_promises() -> None:
    """A short soak keeps the promises; `make soak` runs a long one."""
    tally = soak(syncs=10, seed=2026)
    assert tally.faulty >= 10
    assert sum(tally.faults.values()) > 10
