"""Tests each of Slack's faults on the second page.

Each person comes exactly once, or the read fails as it should.
"""

from __future__ import annotations

import pytest

from integration_tests.harness.source_process import config, read
from integration_tests.sandbox import Fault, Sandbox
from integration_tests.sandbox.slack.members import is_bot

SECOND_PAGE = {"service": "slack", "path": "users.list", "nth": 2}

PASSING = [
    Fault("status", status=429, retry_after=1, **SECOND_PAGE),
    Fault("slack_error", code="ratelimited", **SECOND_PAGE),
    Fault("status", status=500, **SECOND_PAGE),
    Fault("status", status=503, retry_after=0, **SECOND_PAGE),
    Fault("status", status=503, body=b'{"ok": false, "error": "something_new"}', **SECOND_PAGE),
    Fault("status", status=500, body=b'{"ok": false, "error": "invalid_auth"}', **SECOND_PAGE),
    Fault("slack_error", code="rate_limited", **SECOND_PAGE),
    Fault("html", **SECOND_PAGE),
    Fault("html", status=502, **SECOND_PAGE),
    Fault("reset_before", **SECOND_PAGE),
    Fault("reset_after", **SECOND_PAGE),
    Fault("truncated", **SECOND_PAGE),
    Fault("slack_error", code="internal_error", **SECOND_PAGE),
    Fault("slack_error", code="team_added_to_org", **SECOND_PAGE),
    Fault("invalid_cursor", **SECOND_PAGE),
    Fault("limit_required", **SECOND_PAGE),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind}-{fault.status or fault.code}")
def test_transient_fault_brings_each_person_once(sandbox: Sandbox, fault: Fault) -> None:
    sandbox.faults.add(fault)
    output = read(config(sandbox, page_size=20))
    assert fault.fired == 1
    assert output.status == 0
    assert set(output.by_id()) == {m["id"] for m in sandbox.slack.members() if not is_bot(m)}
    assert output.states() == [{"updated": max(int(m.get("updated", 0)) for m in sandbox.slack.members())}]
    assert output.statuses()[-1] == "COMPLETE"


@pytest.mark.parametrize("page", [1, 4])
@pytest.mark.parametrize("kind", ["status", "truncated", "invalid_cursor"])
def test_transient_fault_at_an_end_brings_each_person_once(sandbox: Sandbox, page: int, kind: str) -> None:
    fault = sandbox.faults.add(Fault(kind, service="slack", path="users.list", nth=page))
    people = sandbox.slack.members()
    size = -(-len(people) // 4)
    output = read(config(sandbox, page_size=size))
    assert (fault.fired, output.status) == (1, 0)
    assert set(output.by_id()) == {member["id"] for member in people if not is_bot(member)}


def test_rate_limit_is_waited_for_and_reported(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", status=429, retry_after=3, **SECOND_PAGE))
    output = read(config(sandbox, page_size=20))
    assert "RUNNING RATE_LIMITED" in output.statuses()
    limited, again = [e.started for e in sandbox.requests.matching(path="users.list")][1:3]
    assert 3 <= again - limited < 8


def test_limit_required_asks_for_smaller_pages(sandbox: Sandbox) -> None:
    sandbox.slack.switches.largest_page = 100
    output = read(config(sandbox))
    assert output.status == 0
    assert len(output.by_id()) > 50
    limits = [int(e.query["limit"]) for e in sandbox.requests.matching(path="users.list")]
    assert limits == [1000, 500, 250, 125, 100]


def test_cursors_never_valid_are_a_transient_error(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("invalid_cursor", service="slack", path="users.list", query="cursor=", times=None))
    output = read(config(sandbox, page_size=20))
    assert output.status == 1
    assert output.errors("users")[0]["failure_type"] == "transient_error"
    assert output.states() == []


CONFIG_CODES = ["invalid_auth", "token_revoked", "account_inactive", "org_login_required", "enterprise_is_restricted"]


@pytest.mark.parametrize("code", CONFIG_CODES)
def test_administrators_code_fails_at_once_without_state(sandbox: Sandbox, code: str) -> None:
    sandbox.faults.add(Fault("slack_error", code=code, **SECOND_PAGE))
    output = read(config(sandbox, page_size=20))
    assert output.status == 1
    assert output.errors("users")[0]["failure_type"] == "config_error"
    assert code in output.errors("users")[0]["message"]
    assert output.errors()[-1]["failure_type"] == "config_error"
    assert output.states() == []
    assert output.statuses()[-1] == "INCOMPLETE"
    assert sandbox.requests.count(path="users.list") == 2


def test_unknown_code_is_a_system_error_naming_it(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("slack_error", code="moon_in_the_wrong_house", **SECOND_PAGE))
    output = read(config(sandbox, page_size=20))
    assert output.status == 1
    assert {error["failure_type"] for error in output.errors()} == {"system_error"}
    assert "moon_in_the_wrong_house" in output.errors("users")[0]["message"]


def test_redirect_is_not_followed(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("redirect", location=sandbox.oomnitza_url + "/api/stolen", service="slack", times=None))
    output = read(config(sandbox))
    assert output.status == 1
    assert output.errors("users")[0]["failure_type"] == "config_error"
    assert sandbox.requests.count("oomnitza") == 0


@pytest.mark.parametrize("options", [(), ("--debug",)])
def test_secret_that_slack_echoes_is_not_repeated(sandbox: Sandbox, options: tuple[str, ...]) -> None:
    sandbox.faults.add(Fault("echo_token", **SECOND_PAGE))
    output = read(config(sandbox, page_size=20), options=options)
    assert output.status == 1
    assert sandbox.requests.count(path="users.list") == 2
    assert sandbox.slack.token not in output.text
