"""Tests a complete read of one workspace: people, filters, and increments."""

from __future__ import annotations

import time

from integration_tests.harness.source_process import config, read, run
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.slack.members import is_bot


def humans(sandbox: Sandbox) -> set[str]:
    return {m["id"] for m in sandbox.slack.members() if not is_bot(m)}


def test_users_over_several_pages_come_once(sandbox: Sandbox) -> None:
    output = read(config(sandbox, page_size=7))
    assert output.status == 0
    assert set(output.by_id()) == humans(sandbox)
    assert output.statuses() == ["STARTED", "RUNNING", "COMPLETE"]
    assert sandbox.requests.count("slack", path="users.list") > 60 // 7


def test_token_is_in_the_header_alone(sandbox: Sandbox) -> None:
    read(config(sandbox))
    for exchange in sandbox.requests:
        assert exchange.headers["authorization"] == f"Bearer {sandbox.slack.token}"
        assert sandbox.slack.token not in exchange.raw_query
        assert exchange.body == b""
    assert {e.query["include_locale"] for e in sandbox.requests.matching(path="users.list")} == {"true"}


def test_users_filters_leave_out_whom_they_name(sandbox: Sandbox) -> None:
    members = sandbox.slack.members()
    few = read(config(sandbox, include_deactivated=False, include_guests=False)).by_id()
    expected = {m["id"] for m in members if not m["deleted"] and not m.get("is_restricted")} & humans(sandbox)
    assert set(few) == expected
    assert len(read(config(sandbox, include_bots=True)).by_id()) == len(members)


def test_users_increment_brings_who_changed_since_the_state(sandbox: Sandbox) -> None:
    newest = max(int(m.get("updated", 0)) for m in sandbox.slack.members())
    at_the_state = set(sorted(humans(sandbox))[2:4])
    for person in at_the_state:
        sandbox.slack.touch(person, at=newest)
    first = read(config(sandbox))
    (state,) = first.states()
    assert state == {"updated": newest}
    changed = sorted(humans(sandbox))[:2]
    sandbox.slack.set_title(changed[0], "Admiral")
    sandbox.slack.touch(changed[1], at=0)
    before = int(time.time())
    second = read(config(sandbox), state={"users": state})
    at_the_state |= {person for person, record in first.by_id().items() if record.get("updated") == newest}
    timeless = {m["id"] for m in sandbox.slack.members() if not m.get("updated")} & humans(sandbox)
    assert set(second.by_id()) == {changed[0]} | at_the_state | timeless
    assert changed[1] in timeless
    assert second.by_id()[changed[0]]["title"] == "Admiral"
    (after,) = second.states()
    assert newest < after["updated"] <= before + 1


def test_users_state_is_not_past_the_start_nor_goes_back(sandbox: Sandbox) -> None:
    person = sorted(humans(sandbox))[0]
    tomorrow = int(time.time()) + 86_400
    sandbox.slack.touch(person, at=tomorrow)
    (state,) = read(config(sandbox)).states()
    assert time.time() - 60 < state["updated"] <= time.time()
    later = read(config(sandbox), state={"users": {"updated": tomorrow + 5}})
    assert later.states() == [{"updated": tomorrow + 5}]
    assert person not in later.by_id()


def test_users_state_counts_a_filtered_person(sandbox: Sandbox) -> None:
    bot = next(m["id"] for m in sandbox.slack.members() if m.get("is_bot"))
    moment = int(time.time()) - 10
    sandbox.slack.touch(bot, at=moment)
    output = read(config(sandbox))
    assert bot not in output.by_id()
    assert output.states() == [{"updated": moment}]


def test_users_full_refresh_ignores_a_state(sandbox: Sandbox) -> None:
    output = read(config(sandbox), state={"users": {"updated": int(time.time())}}, sync_mode="full_refresh")
    assert set(output.by_id()) == humans(sandbox)


def test_users_state_without_a_time_is_config_error(sandbox: Sandbox) -> None:
    output = read(config(sandbox), state={"users": {"updated": "soon"}})
    assert output.status == 1
    assert output.errors("users")[0]["failure_type"] == "config_error"
    assert "Clear the stream's data" in output.errors("users")[0]["message"]


def test_users_without_a_scope_fail_check_and_read(sandbox: Sandbox) -> None:
    token = sandbox.slack.issue_token(["users:read"])
    status, message = run("check", config(sandbox, token)).connection_status()
    assert status == "FAILED"
    assert "users:read.email" in message
    assert "OAuth & Permissions" in message
    output = read(config(sandbox, token))
    assert output.status == 1
    assert output.records() == []
    assert output.errors("users")[0]["failure_type"] == "config_error"


def test_users_without_the_scopes_header_are_read(sandbox: Sandbox) -> None:
    sandbox.slack.switches.scopes_header = False
    token = sandbox.slack.issue_token(["users:read"])
    assert run("check", config(sandbox, token)).connection_status() == ("SUCCEEDED", "")
    assert "email" not in read(config(sandbox, token)).records()[0]


def test_read_of_an_unknown_stream_fails(sandbox: Sandbox) -> None:
    output = read(config(sandbox), "channels")
    assert output.status == 1
    assert output.errors()[0]["failure_type"] == "config_error"
