"""Tests an Enterprise Grid: every workspace is read, and everyone comes once."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.source_process import config, read, run
from integration_tests.sandbox import Fault, Sandbox
from integration_tests.sandbox.slack.members import is_bot


def homes(sandbox: Sandbox) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the organization's people: for each, the member by workspace, in order."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for team_id in sandbox.slack.team_ids:
        for member in sandbox.slack.members(team_id):
            if not is_bot(member):
                found.setdefault(member["id"], {})[team_id] = member
    return found


def test_grid_everybody_comes_once_with_all_workspaces(sandbox: Sandbox) -> None:
    output = read(config(sandbox, sandbox.slack.org_token, page_size=5))
    people = output.by_id()
    expected = homes(sandbox)
    assert output.status == 0
    assert {person: record["team_ids"] for person, record in people.items()} == {
        person: list(places) for person, places in expected.items()
    }
    for person, places in expected.items():
        active = [team for team, member in places.items() if not member["deleted"]]
        assert people[person]["deleted"] is not bool(active)
        assert people[person]["team_id"] == (active or list(places))[-1]
        assert people[person]["enterprise_user"]["teams"]
    assert any(len(places) > 1 for places in expected.values())
    assert any(record["deleted"] for record in people.values())


def test_grid_all_workspaces_but_the_last_are_listed_twice(sandbox: Sandbox) -> None:
    read(config(sandbox, sandbox.slack.org_token))
    first, last = sandbox.slack.team_ids
    assert [e.query["team_id"] for e in sandbox.requests.matching(path="users.list")] == [first, last, first]


def test_grid_workspaces_can_be_chosen(sandbox: Sandbox) -> None:
    chosen = sandbox.slack.team_ids[1]
    output = read(config(sandbox, sandbox.slack.org_token, team_ids=[chosen]))
    assert set(output.by_id()) == {person for person, places in homes(sandbox).items() if chosen in places}
    assert all(record["team_ids"] == [chosen] for record in output.records())
    assert {e.query["team_id"] for e in sandbox.requests.matching(path="users.list")} == {chosen}


def test_grid_workspace_without_the_app_fails_check_and_read(sandbox: Sandbox) -> None:
    configuration = config(sandbox, sandbox.slack.org_token, team_ids=[sandbox.slack.unseen.id])
    status, message = run("check", configuration).connection_status()
    assert status == "FAILED"
    assert sandbox.slack.unseen.id in message
    output = read(configuration)
    assert output.errors("users")[0]["failure_type"] == "config_error"


def test_grid_token_of_one_workspace_reads_that_one(sandbox: Sandbox) -> None:
    token, own = sandbox.slack.grid_workspace_token, sandbox.slack.team_ids[0]
    output = read(config(sandbox, token, team_ids=[own]))
    assert set(output.by_id()) == {person for person, places in homes(sandbox).items() if own in places}
    assert run("check", config(sandbox, token, team_ids=[sandbox.slack.team_ids[1]])).connection_status()[0] == "FAILED"


@pytest.mark.parametrize("nth", [2, 6, 12])
def test_grid_listing_restarted_in_any_pass_is_whole(sandbox: Sandbox, nth: int) -> None:
    fault = sandbox.faults.add(Fault("invalid_cursor", service="slack", path="users.list", query="cursor=", nth=nth))
    output = read(config(sandbox, sandbox.slack.org_token, page_size=5))
    assert fault.fired == 1
    assert output.status == 0
    assert set(output.by_id()) == set(homes(sandbox))


def test_grid_increment_brings_who_changed(sandbox: Sandbox) -> None:
    (state,) = read(config(sandbox, sandbox.slack.org_token)).states()
    person, places = next(
        (p, m) for p, m in homes(sandbox).items() if len(m) == 2 and not any(x["deleted"] for x in m.values())
    )
    sandbox.slack.set_title(person, "Admiral", team_id=list(places)[-1])
    output = read(config(sandbox, sandbox.slack.org_token), state={"users": state})
    assert output.by_id()[person]["title"] == "Admiral"
    assert output.by_id()[person]["team_ids"] == list(places)
    assert len(output.by_id()) < len(homes(sandbox)) / 2
