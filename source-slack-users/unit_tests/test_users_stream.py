"""Tests the stream `users`: its records, and its state."""

from __future__ import annotations

import copy
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

START = 1_800_000_000
AN_HOUR = 3600


def member(person: str, **more: Any) -> dict[str, Any]:
    return {"id": person, "updated": START - AN_HOUR, "profile": {}, **more}


def pages_of(*pages: list[dict[str, Any]]) -> Any:
    """Return the given pages, one after the other."""

    def answer(params: dict[str, str]) -> dict[str, Any]:
        page = int(params.get("cursor", 0))
        cursor = str(page + 1) if page + 1 < len(pages) else ""
        return {"members": copy.deepcopy(pages[page]), "response_metadata": {"next_cursor": cursor}}

    return answer


def failure(read: Any, *arguments: Any, **settings: Any) -> AirbyteTracedException:
    with pytest.raises(AirbyteTracedException) as caught:
        read(*arguments, **settings)
    return caught.value


def test_users_sync_time_is_the_start_of_the_read(read: Any) -> None:
    assert {record["connector_sync_time"] for record in read("users")} == {"2027-01-15T08:00:00Z"}


def test_users_of_one_workspace_are_listed_once(slack: Any, read: Any) -> None:
    people = read("users", page_size=150)
    assert {tuple(person["team_ids"]) for person in people} == {("T1",)}
    assert slack.asked("users.list") == [{"limit": "150", "include_locale": "true"}]


def test_users_of_a_workspace_of_a_grid_are_listed_once(slack: Any, read: Any) -> None:
    slack.answers["auth.test"] = {"team_id": "T1", "team": "A", "enterprise_id": "E1", "is_enterprise_install": False}
    read("users", team_ids=["T1"])
    assert slack.asked("auth.teams.list") == []
    assert slack.asked("users.list") == [{"limit": "1000", "include_locale": "true"}]


@pytest.mark.parametrize(
    ("updated", "since", "after"),
    [
        (START - AN_HOUR, 0, START - AN_HOUR),
        (str(START - AN_HOUR), 0, START - AN_HOUR),
        (START + AN_HOUR, 0, START),
        (START - AN_HOUR, START - 60, START - 60),
        (START - AN_HOUR, START + 60, START + 60),
        (START - AN_HOUR, START - AN_HOUR, START - AN_HOUR),
        (START - AN_HOUR - 1, START - AN_HOUR, START - AN_HOUR),
        (0, 0, 0),
    ],
)
def test_users_state_after_a_read(slack: Any, read: Any, updated: Any, since: int, after: int) -> None:
    """People are emitted who changed at or after the state, or at an unknown time."""
    slack.answers["users.list"] = {"members": [member("U1", updated=updated), {"id": "U2"}]}
    state = {"updated": since} if since else {}
    people = read("users", state, include_guests=False)
    assert {person["id"] for person in people} == ({"U1", "U2"} if int(updated) >= since else {"U2"})
    assert read.state_after(state) == {"updated": after}


def test_users_state_counts_who_is_filtered(slack: Any, read: Any) -> None:
    slack.answers["users.list"] = {"members": [member("U1"), member("U2", is_bot=True, updated=START - 5)]}
    assert [person["id"] for person in read("users")] == ["U1"]
    assert read.state_after() == {"updated": START - 5}


@pytest.mark.parametrize("future", [4_000_000_000, START + 3 * 24 * AN_HOUR, "2096-10-02T07:06:40Z"])
def test_users_state_in_the_future_is_config_error(read: Any, future: Any) -> None:
    """With a state in the future, no sync would emit anyone."""
    error = failure(read, "users", {"updated": future})
    assert error.failure_type is FailureType.config_error
    assert "users is in the future" in str(error)


@pytest.mark.parametrize("state", ["soon", ["soon"], 10**15])
def test_users_state_without_a_time_is_config_error(read: Any, state: Any) -> None:
    error = failure(read, "users", {"updated": state})
    assert error.failure_type is FailureType.config_error
    assert "has no time in updated" in str(error)


def test_users_state_is_not_past_slacks_clock(slack: Any, read: Any) -> None:
    behind = START - 600
    slack.headers["Date"] = format_datetime(datetime.fromtimestamp(behind, timezone.utc), usegmt=True)
    slack.answers["users.list"] = {"members": [member("U1", updated=behind + 40)]}
    read("users")
    assert read.state_after() == {"updated": behind}


@pytest.mark.parametrize("date", ["soon", "Thu, 99 Jan 2027 08:00:00 GMT", "Fri, 15 Jan 2027 07:59:58 GMT"])
def test_users_state_ignores_a_useless_clock(slack: Any, read: Any, date: str) -> None:
    slack.headers["Date"] = date
    slack.answers["users.list"] = {"members": [member("U1", updated=START)]}
    read("users")
    assert read.state_after() == {"updated": START}


def test_users_after_a_restart_come_once(slack: Any, read: Any) -> None:
    slack.answers["users.list"] = pages_of([member("U1"), member("U2")], [member("U2"), member("U3")])
    messages = read.begin("users")
    seen = [next(messages).record.data["id"], next(messages).record.data["id"]]
    slack.fail("users.list", "internal_error", "invalid_cursor")
    seen += [message.record.data["id"] for message in messages]
    assert seen == ["U1", "U2", "U3"]
    assert len(slack.asked("users.list")) == 5


def test_users_newer_copy_counts(slack: Any, read: Any) -> None:
    """A person can come twice while a listing runs."""
    newer = member("U1", deleted=True, updated=START - 10)
    slack.answers["users.list"] = pages_of([member("U1"), member("U2")], [member("U3")], [newer, member("U2")])
    people = [(person["id"], person["status"]) for person in read("users")]
    assert people == [("U1", "active"), ("U2", "active"), ("U3", "active"), ("U1", "deactivated")]
    assert read.state_after() == {"updated": START - 10}


def test_users_older_copy_does_not_count(slack: Any, read: Any) -> None:
    newer = member("U1", deleted=True, updated=START - 10)
    slack.answers["users.list"] = pages_of([newer], [member("U1")])
    assert [person["status"] for person in read("users")] == ["deactivated"]


@pytest.mark.parametrize("members", [[], [{"id": None}, {"name": "nameless"}, None]])
def test_users_of_an_empty_workspace_is_transient(slack: Any, read: Any, members: list[Any]) -> None:
    """Every workspace has at least Slackbot."""
    slack.answers["users.list"] = {"members": members}
    error = failure(read, "users")
    assert error.failure_type is FailureType.transient_error
    assert "users.list returned no members of Acme (T1)" in str(error)


def test_users_empty_page_is_no_empty_workspace(slack: Any, read: Any) -> None:
    slack.answers["users.list"] = pages_of([], [member("U1")], [])
    assert [person["id"] for person in read("users")] == ["U1"]


def test_users_without_an_id_are_left_out(slack: Any, read: Any, caplog: pytest.LogCaptureFixture) -> None:
    slack.answers["users.list"] = {"members": [member("U1"), {"id": None, "updated": START}, {"name": "x"}, None]}
    assert [person["id"] for person in read("users")] == ["U1"]
    assert "users.list returned 3 members without an ID" in caplog.text
    assert read.state_after() == {"updated": START - AN_HOUR}


EVERY_KIND = [
    member("UMEMBER", team_id="T1"),
    member("UGONE", deleted="1"),
    member("UGUEST", is_restricted=1),
    member("USINGLE", is_ultra_restricted=True),
    member("UBOT", profile={"bot_id": "B1"}),
    member("UEXTERNAL", team_id="T9", is_stranger=False),
    member("USTRANGER", team_id="T1", is_stranger=1),
]


@pytest.mark.parametrize(
    ("setting", "left_out"),
    [
        ({}, {"UBOT"}),
        ({"include_bots": True}, set()),
        ({"include_deactivated": False}, {"UBOT", "UGONE"}),
        ({"include_guests": False}, {"UBOT", "UGUEST", "USINGLE"}),
        ({"include_external": False}, {"UBOT", "UEXTERNAL", "USTRANGER"}),
    ],
)
def test_users_filters_apply_to_the_record(slack: Any, read: Any, setting: dict[str, bool], left_out: set[str]) -> None:
    slack.answers["users.list"] = {"members": copy.deepcopy(EVERY_KIND)}
    people = {person["id"] for person in read("users", **setting)}
    assert {each["id"] for each in EVERY_KIND} - people == left_out


def test_grid_everybody_comes_once_with_all_workspaces(grid: Any, slack: Any, read: Any) -> None:
    people = {person["id"]: person for person in read("users")}
    assert {person: record["team_ids"] for person, record in people.items()} == {
        "W1": ["T1", "T2", "T3"],
        "W2": ["T1", "T2", "T3"],
        "W3": ["T1"],
        "W4": ["T2"],
        "W5": ["T3"],
        "W6": ["T1", "T3"],
    }
    assert {person for person, record in people.items() if record["deleted"]} == {"W6"}
    teams = [call["team_id"] for call in slack.asked("users.list") if "cursor" not in call]
    assert teams == ["T1", "T2", "T3", "T1", "T2"], "all but the last workspace are listed twice"


@pytest.mark.parametrize("admin_in", ["T1", "T2", "T3"])
def test_grid_record_has_the_highest_role(grid: Any, read: Any, admin_in: str) -> None:
    for team, people in grid.items():
        people[0] |= {"is_admin": team == admin_in, "deleted": False, "team_id": team}
    grid["T2"][2] |= {"is_owner": False, "enterprise_user": {"is_owner": True}}
    people = {person["id"]: person for person in read("users")}
    assert (people["W1"]["role"], people["W1"]["is_admin"], people["W1"]["team_id"]) == ("admin", True, "T3")
    assert (people["W4"]["role"], people["W4"]["is_owner"]) == ("owner", True)


def test_grid_filters_apply_to_the_resulting_record(grid: Any, read: Any) -> None:
    grid["T1"][2]["is_restricted"] = True
    grid["T1"][0]["is_restricted"] = True  # W1 is a full member of T2
    people = {person["id"] for person in read("users", include_deactivated=False, include_guests=False)}
    assert people == {"W1", "W2", "W4", "W5"}


def test_grid_member_of_the_organization_is_not_external(grid: Any, read: Any) -> None:
    grid["T1"][2]["team_id"] = "E1"
    grid["T2"][2]["team_id"] = "T9"
    assert [person["id"] for person in read("users") if person["is_external"]] == ["W4"]


def test_grid_state_counts_every_workspace(grid: Any, read: Any) -> None:
    grid["T1"][0]["updated"] = START - 5
    read("users")
    assert read.state_after() == {"updated": START - 5}


def test_grid_workspaces_can_be_chosen(grid: Any, slack: Any, read: Any) -> None:
    people = {person["id"]: person["team_ids"] for person in read("users", team_ids=["T2"])}
    assert people == {"W1": ["T2"], "W2": ["T2"], "W4": ["T2"]}
    assert {call["team_id"] for call in slack.asked("users.list")} == {"T2"}


def test_grid_workspace_out_of_sight_is_config_error(grid: Any, read: Any) -> None:
    error = failure(read, "users", team_ids=["T2", "T9"])
    assert error.failure_type is FailureType.config_error
    assert "T9" in str(error) and "Name of T1 (T1)" in str(error)


def test_grid_without_workspaces_is_config_error(grid: Any, slack: Any, read: Any) -> None:
    slack.answers["auth.teams.list"] = {"teams": []}
    assert failure(read, "users").failure_type is FailureType.config_error


def test_grid_empty_workspace_is_transient(grid: Any, read: Any) -> None:
    grid["T2"].clear()
    error = failure(read, "users")
    assert error.failure_type is FailureType.transient_error
    assert "Name of T2 (T2)" in str(error)


def test_grid_somebody_leaving_meanwhile_is_transient(grid: Any, read: Any) -> None:
    messages = read.begin("users")
    next(messages)
    del grid["T1"][2]
    with pytest.raises(AirbyteTracedException) as caught:
        list(messages)
    assert caught.value.failure_type is FailureType.transient_error


@pytest.mark.parametrize("later", [0, 1])
def test_grid_change_in_any_workspace_is_a_change(grid: Any, read: Any, later: int) -> None:
    """A change in the second of the state counts, too."""
    grid["T3"][0]["updated"] = START - 9 * AN_HOUR
    assert {person["id"]: person["deleted"] for person in read("users")}["W1"] is False
    state = {"updated": read.state_after()["updated"] + 1}
    for team in ("T1", "T2"):  # now the record is that of T3, which is old
        grid[team][0] |= {"deleted": True, "updated": state["updated"] + later}
    people = {person["id"]: person for person in read("users", state)}
    assert people.keys() == {"W1"}
    assert people["W1"]["deleted"] is True
    assert people["W1"]["updated"] == state["updated"] + later, "newer than what was emitted before"


def test_grid_somebody_deactivated_meanwhile_comes_active(grid: Any, slack: Any, read: Any) -> None:
    messages = read.begin("users")
    found = [next(messages).record.data]
    grid["T2"][0]["deleted"] = True  # W1 is active in T1, which is past when T2 is listed again
    found += [message.record.data for message in messages]
    assert [(person["team_ids"], person["deleted"]) for person in found if person["id"] == "W1"] == [
        (["T1", "T2", "T3"], False)
    ]
    assert len(found) == 6
    teams = [call["team_id"] for call in slack.asked("users.list") if "cursor" not in call]
    assert teams == ["T1", "T2", "T3", "T1", "T2", "T1"]


def test_grid_somebody_joining_meanwhile_comes_too(grid: Any, read: Any) -> None:
    messages = read.begin("users")
    found = [next(messages).record.data]
    grid["T1"].append(member("W7"))
    found += [message.record.data for message in messages]
    assert [person["team_ids"] for person in found if person["id"] == "W7"] == [["T1"]]
    assert len(found) == 7


def test_grid_newer_copy_counts(grid: Any, read: Any) -> None:
    """W5 is on two pages of T3, deactivated on the second, so T1 gives the record."""
    grid["T1"].append(member("W5"))
    grid["T3"].append(member("W5", deleted=True, updated=START - 10))
    people = [(person["id"], person["deleted"], person["team_ids"]) for person in read("users") if person["id"] == "W5"]
    assert people == [("W5", False, ["T1", "T3"])] * 2


def test_grid_listing_survives_restarts_in_each_pass(grid: Any, slack: Any, read: Any) -> None:
    users = slack.answers["users.list"]
    struck: set[int] = set()

    def shaky(params: dict[str, str]) -> dict[str, Any]:
        number = len(slack.asked("users.list"))
        if "cursor" in params and number not in struck and number in (2, 8, 14):
            struck.add(number)
            return {"ok": False, "error": "invalid_cursor"}
        answer: dict[str, Any] = users(params)
        return answer

    slack.answers["users.list"] = shaky
    assert sorted(person["id"] for person in read("users")) == ["W1", "W2", "W3", "W4", "W5", "W6"]
    assert len(struck) >= 2


@pytest.mark.parametrize("answer", [{"members": {}}, {"members": None}, {}])
def test_users_response_without_a_list_is_no_end(slack: Any, read: Any, answer: dict[str, Any]) -> None:
    slack.answers["users.list"] = answer
    error = failure(read, "users")
    assert error.failure_type is FailureType.transient_error
    assert "users.list returned a response without members" in str(error)
