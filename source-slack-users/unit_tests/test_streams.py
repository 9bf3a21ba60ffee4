"""What each stream lists, in which order, and the state that it ends with."""

from __future__ import annotations

import copy
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from airbyte_cdk.models import FailureType, SyncMode
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from source_slack_users import SourceSlackUsers

START = 1_800_000_000
AN_HOUR = 3600


@pytest.fixture
def streams(slack: Any, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("source_slack_users.source.time.time", lambda: START + 0.5)
    return lambda **more: {stream.name: stream for stream in SourceSlackUsers().streams({**config, **more})}


def records(stream: Any, state: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return [message.record.data for message in stream.read_records(SyncMode.incremental, stream_state=state or {})]


def member(person: str, **more: Any) -> dict[str, Any]:
    return {"id": person, "updated": START - AN_HOUR, "profile": {}, **more}


@pytest.fixture
def grid(slack: Any) -> dict[str, list[dict[str, Any]]]:
    """An organization of three workspaces, two people a page."""
    places: dict[str, list[dict[str, Any]]] = {
        "T1": [member("W1"), member("W2", deleted=True), member("W3"), member("W6", deleted=True)],
        "T2": [member("W1"), member("W2"), member("W4")],
        "T3": [member("W1", deleted=True), member("W2", deleted=True), member("W5"), member("W6", deleted=True)],
    }

    def users(params: dict[str, str]) -> dict[str, Any]:
        people, start = places[params["team_id"]], int(params.get("cursor", 0))
        cursor = str(start + 2) if start + 2 < len(people) else ""
        return {"members": copy.deepcopy(people[start : start + 2]), "response_metadata": {"next_cursor": cursor}}

    slack.answers |= {
        "auth.test": {"team_id": "E1", "team": "Group", "is_enterprise_install": True},
        "auth.teams.list": {"teams": [{"id": team, "name": f"Name of {team}"} for team in places]},
        "users.list": users,
    }
    return places


def test_the_time_of_the_sync_is_the_start_of_the_read(streams: Any) -> None:
    assert {record["connector_sync_time"] for record in records(streams()["users"])} == {"2027-01-15T08:00:00Z"}


def test_one_workspace_is_listed_once_and_named_in_every_record(slack: Any, streams: Any) -> None:
    people = records(streams(page_size=150)["users"])
    assert {tuple(person["team_ids"]) for person in people} == {("T1",)}
    assert slack.asked("users.list") == [{"limit": "150", "include_locale": "true"}]


def test_enterprise_id_alone_is_a_workspace_of_one(slack: Any, streams: Any) -> None:
    slack.answers["auth.test"] = {"team_id": "T1", "team": "A", "enterprise_id": "E1", "is_enterprise_install": False}
    records(streams(team_ids=["T1"])["users"])
    assert slack.asked("auth.teams.list") == []
    assert slack.asked("users.list") == [{"limit": "1000", "include_locale": "true"}]


@pytest.mark.parametrize(
    ("updated", "since", "after"),
    [
        (START - AN_HOUR, 0, START - AN_HOUR),
        (START + AN_HOUR, 0, START),
        (START - AN_HOUR, START - 60, START - 60),
        (START - AN_HOUR, START + 60, START + 60),
        (0, 0, 0),
    ],
)
def test_the_state_after(slack: Any, streams: Any, updated: int, since: int, after: int) -> None:
    slack.answers["users.list"] = {"members": [member("U1", updated=updated), {"id": "U2"}]}
    users = streams(include_guests=False)["users"]
    state = {"updated": since} if since else {}
    found = records(users, state)
    assert {person["id"] for person in found} == ({"U1", "U2"} if updated >= since else {"U2"})
    assert users.next_state(state) == {"updated": after}


def test_whoever_was_emitted_is_not_emitted_again_when_the_listing_starts_anew(slack: Any, streams: Any) -> None:
    first = {"members": [member("U1"), member("U2")], "response_metadata": {"next_cursor": "more"}}
    second = {"members": [member("U2"), member("U3")], "response_metadata": {"next_cursor": ""}}
    slack.answers["users.list"] = lambda params: copy.deepcopy(second if "cursor" in params else first)
    messages = streams()["users"].read_records(SyncMode.full_refresh)
    seen = [next(messages).record.data["id"]]
    slack.fail("users.list", "internal_error", "invalid_cursor")
    seen += [message.record.data["id"] for message in messages]
    assert seen == ["U1", "U2", "U3"]
    assert len(slack.asked("users.list")) == 5


def test_on_a_grid_everybody_comes_once_with_all_their_workspaces(grid: Any, slack: Any, streams: Any) -> None:
    people = {person["id"]: person for person in records(streams()["users"])}
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


def test_on_a_grid_the_filters_apply_to_the_record_that_is_chosen(grid: Any, streams: Any) -> None:
    grid["T1"][2]["is_restricted"] = True
    grid["T1"][0]["is_restricted"] = True  # W1's record is that of T2
    people = {person["id"] for person in records(streams(include_deactivated=False, include_guests=False)["users"])}
    assert people == {"W1", "W2", "W4", "W5"}


def test_on_a_grid_the_state_counts_every_workspace(grid: Any, streams: Any) -> None:
    grid["T1"][0]["updated"] = START - 5
    users = streams()["users"]
    records(users)
    assert users.next_state({}) == {"updated": START - 5}


def test_workspaces_can_be_chosen(grid: Any, slack: Any, streams: Any) -> None:
    people = {person["id"]: person["team_ids"] for person in records(streams(team_ids=["T2"])["users"])}
    assert people == {"W1": ["T2"], "W2": ["T2"], "W4": ["T2"]}
    assert {call["team_id"] for call in slack.asked("users.list")} == {"T2"}


def test_a_workspace_that_the_token_cannot_see_is_named(grid: Any, streams: Any) -> None:
    with pytest.raises(AirbyteTracedException) as caught:
        records(streams(team_ids=["T2", "T9"])["users"])
    assert caught.value.failure_type is FailureType.config_error
    assert "team_ids names T9" in str(caught.value)
    assert "Name of T1 (T1)" in str(caught.value)


def test_an_organization_without_workspaces_is_told(grid: Any, slack: Any, streams: Any) -> None:
    slack.answers["auth.teams.list"] = {"teams": []}
    with pytest.raises(AirbyteTracedException) as caught:
        records(streams()["users"])
    assert caught.value.failure_type is FailureType.config_error


def test_somebody_who_leaves_between_the_listings_makes_no_whole(grid: Any, slack: Any, streams: Any) -> None:
    messages = streams()["users"].read_records(SyncMode.full_refresh)
    next(messages)
    del grid["T1"][2]
    with pytest.raises(AirbyteTracedException) as caught:
        list(messages)
    assert caught.value.failure_type is FailureType.transient_error


def test_on_a_grid_a_change_anywhere_is_a_change(grid: Any, streams: Any) -> None:
    users = streams()["users"]
    grid["T3"][0]["updated"] = START - 9 * AN_HOUR
    assert {person["id"]: person["deleted"] for person in records(users)}["W1"] is False
    state = users.next_state({})
    for team in ("T1", "T2"):  # now the record is that of T3, which is old
        grid[team][0] |= {"deleted": True, "updated": START - 60}
    found = {person["id"]: person for person in records(users, {"updated": state["updated"] + 1})}
    assert found.keys() == {"W1"}
    assert found["W1"]["deleted"] is True
    assert found["W1"]["updated"] == START - 60, "newer than what was emitted before"


def test_whoever_is_deactivated_between_the_listings_comes_from_where_they_are_active(
    grid: Any, slack: Any, streams: Any
) -> None:
    messages = streams()["users"].read_records(SyncMode.full_refresh)
    found = [next(messages).record.data]
    grid["T2"][0]["deleted"] = True  # W1 is active in T1, which is past when T2 is listed again
    found += [message.record.data for message in messages]
    assert [(person["team_ids"], person["deleted"]) for person in found if person["id"] == "W1"] == [
        (["T1", "T2", "T3"], False)
    ]
    assert len(found) == 6
    teams = [call["team_id"] for call in slack.asked("users.list") if "cursor" not in call]
    assert teams == ["T1", "T2", "T3", "T1", "T2", "T1"]


def test_whoever_joins_between_the_listings_comes_too(grid: Any, streams: Any) -> None:
    messages = streams()["users"].read_records(SyncMode.full_refresh)
    found = [next(messages).record.data]
    grid["T1"].append(member("W7"))
    found += [message.record.data for message in messages]
    assert [person["team_ids"] for person in found if person["id"] == "W7"] == [["T1"]]
    assert len(found) == 7


@pytest.mark.usefixtures("grid")
@pytest.mark.parametrize(
    ("stream", "method", "answer"),
    [
        ("users", "auth.teams.list", {"teams": {}}),
        ("users", "users.list", {"members": {}}),
        ("users", "users.list", {"members": None}),
        ("last_logins", "team.accessLogs", {}),
        ("billable_info", "team.billableInfo", {"billable_info": "nobody"}),
    ],
)
def test_an_answer_without_a_list_is_no_end(
    slack: Any, streams: Any, stream: str, method: str, answer: dict[str, Any]
) -> None:
    slack.answers[method] = answer
    with pytest.raises(AirbyteTracedException) as caught:
        records(streams()[stream])
    assert caught.value.failure_type is FailureType.transient_error
    assert f"{method} gave an answer without" in str(caught.value)


def test_no_state_is_past_the_start_by_slacks_own_clock(slack: Any, streams: Any) -> None:
    behind = START - 600
    slack.headers["Date"] = format_datetime(datetime.fromtimestamp(behind, timezone.utc), usegmt=True)
    slack.answers["users.list"] = {"members": [member("U1", updated=behind + 40)]}
    users = streams()["users"]
    records(users)
    assert users.next_state({}) == {"updated": behind}


@pytest.mark.parametrize("date", ["soon", "Thu, 99 Jan 2027 08:00:00 GMT", "Fri, 15 Jan 2027 07:59:58 GMT"])
def test_a_date_that_tells_nothing_changes_nothing(slack: Any, streams: Any, date: str) -> None:
    slack.headers["Date"] = date
    slack.answers["users.list"] = {"members": [member("U1", updated=START)]}
    users = streams()["users"]
    records(users)
    assert users.next_state({}) == {"updated": START}


def test_a_grid_listing_survives_restarts_in_each_of_its_passes(grid: Any, slack: Any, streams: Any) -> None:
    users = slack.answers["users.list"]
    struck: set[int] = set()

    def shaky(params: dict[str, str]) -> dict[str, Any]:
        number = len(slack.asked("users.list"))
        if "cursor" in params and number not in struck and number in (2, 8, 14):
            struck.add(number)
            return {"ok": False, "error": "invalid_cursor"}
        return users(params)

    slack.answers["users.list"] = shaky
    people = sorted(person["id"] for person in records(streams()["users"]))
    assert people == ["W1", "W2", "W3", "W4", "W5", "W6"]
    assert len(struck) >= 2


def login(person: str, at: int, **more: Any) -> dict[str, Any]:
    return {"user_id": person, "username": person.lower(), "date_first": at - 50, "date_last": at, "count": 3, **more}


def test_the_newest_login_of_each_person(slack: Any, streams: Any) -> None:
    slack.answers["team.accessLogs"] = {
        "logins": [
            login("U1", 1_700_000_300, ip="203.0.113.9", country="CH", user_agent="Browser"),
            login("U2", 1_700_000_200, country=None, ip=""),
            login("U1", 1_700_000_100, ip="198.51.100.1"),
        ],
        "paging": {"page": 1, "pages": 1},
    }
    stream = streams()["last_logins"]
    found = records(stream)
    assert found == [
        {
            "user_id": "U1",
            "username": "u1",
            "last_login_at": "2023-11-14T22:18:20Z",
            "first_login_at": "2023-11-14T22:17:30Z",
            "login_count": 3,
            "ip": "203.0.113.9",
            "country": "CH",
            "user_agent": "Browser",
        },
        {
            "user_id": "U2",
            "username": "u2",
            "last_login_at": "2023-11-14T22:16:40Z",
            "first_login_at": "2023-11-14T22:15:50Z",
            "login_count": 3,
            "ip": None,
            "country": None,
            "user_agent": None,
        },
    ]
    assert stream.next_state({}) == {"last_login_at": "2023-11-14T22:18:20Z"}


def test_logins_are_read_back_to_the_state_and_no_further(
    slack: Any, streams: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def numbered(params: dict[str, str]) -> dict[str, Any]:
        page = int(params["page"])
        at = 1_700_000_000 - 1000 * page
        logins = [login(f"U{page}a", at), login(f"U{page}b", at - 500)]
        return {"logins": logins, "paging": {"page": page, "pages": 500}}

    slack.answers["team.accessLogs"] = numbered
    stream = streams(page_size=10)["last_logins"]
    state = {"last_login_at": "2023-11-14T21:40:00Z"}  # 1_699_998_000: that of U2a
    assert [person["user_id"] for person in records(stream, state)] == ["U1a", "U1b", "U2a"]
    assert len(slack.calls) - 1 == 2
    assert stream.next_state(state) == {"last_login_at": "2023-11-14T21:56:40Z"}
    assert caplog.text == ""
    records(stream)
    assert int(slack.calls[-1][1]["page"]) == 100
    assert int(slack.calls[-1][1]["count"]) == 1000
    assert "only the 100 newest pages" in caplog.text  # of 500


def test_the_state_of_logins_neither_goes_back_nor_past_the_start(slack: Any, streams: Any) -> None:
    slack.answers["team.accessLogs"] = {"logins": [login("U1", START + 900), {"user_id": "U2"}, {"user_id": None}]}
    stream = streams()["last_logins"]
    assert [person["last_login_at"] for person in records(stream)] == ["2027-01-15T08:15:00Z", None]
    assert stream.next_state({}) == {"last_login_at": "2027-01-15T08:00:00Z"}
    assert stream.next_state({"last_login_at": "2027-02-01T00:00:00+00:00"}) == {
        "last_login_at": "2027-02-01T00:00:00Z"
    }


def test_on_a_grid_the_newest_login_is_that_of_any_workspace(grid: Any, slack: Any, streams: Any) -> None:
    at = {"T1": 1_700_000_000, "T2": 1_700_000_900, "T3": 1_700_000_500}
    slack.answers["team.accessLogs"] = lambda params: {"logins": [login("W1", at[params["team_id"]])]}
    (person,) = records(streams()["last_logins"])
    assert person["last_login_at"] == "2023-11-14T22:28:20Z"


def test_somebody_is_billed_who_is_in_any_workspace(grid: Any, slack: Any, streams: Any) -> None:
    billed = {
        "T1": {"W1": {"billing_active": False}, "W2": {"billing_active": False}},
        "T2": {"W1": {"billing_active": True}},
        "T3": [],  # as PHP writes an empty map
    }
    slack.answers["team.billableInfo"] = lambda params: {"billable_info": billed[params["team_id"]]}
    assert records(streams()["billable_info"]) == [
        {"user_id": "W1", "billing_active": True},
        {"user_id": "W2", "billing_active": False},
    ]


@pytest.mark.parametrize(("stream", "state"), [("users", {"updated": "soon"}), ("last_logins", {"last_login_at": []})])
def test_a_state_that_is_not_ours(streams: Any, stream: str, state: dict[str, Any]) -> None:
    if state == {"last_login_at": []}:
        state = {"last_login_at": ["soon"]}
    with pytest.raises(AirbyteTracedException) as caught:
        records(streams()[stream], state)
    assert caught.value.failure_type is FailureType.config_error
