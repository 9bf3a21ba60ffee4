"""Tests the newest login of each person, from logs of any length."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

START = 1_800_000_000
A_MONTH = 30 * 24 * 3600


def login(person: str, at: int, **more: Any) -> dict[str, Any]:
    return {"user_id": person, "username": person.lower(), "date_first": at - 50, "date_last": at, "count": 3, **more}


class Log:
    """Simulates an access log: newest first, at most 100 pages, or by cursor."""

    def __init__(self, entries: list[dict[str, Any]], *, numbered: bool = True, most_pages: int = 10**6) -> None:
        self.entries = sorted(entries, key=lambda entry: -entry["date_last"])
        self.numbered = numbered
        self.most_pages = most_pages

    def __call__(self, params: dict[str, str]) -> dict[str, Any]:
        if not self.numbered:
            assert "cursor" not in params or int(params["limit"]) < 1000
            start, size = int(params.get("cursor", 0)), int(params.get("limit") or params["count"])
            end = start + size
            cursor = str(end) if end < len(self.entries) else ""
            return {"logins": self.entries[start:end], "response_metadata": {"next_cursor": cursor}}
        before = int(params.get("before", START))
        entries = [entry for entry in self.entries if entry["date_last"] <= before]
        count, page = int(params["count"]), int(params["page"])
        if page > 100:
            return {"ok": False, "error": "over_pagination_limit"}
        pages = min(max(1, -(-len(entries) // count)), self.most_pages)
        paging = {"count": count, "total": len(entries), "page": page, "pages": pages}
        return {"logins": entries[(page - 1) * count : page * count], "paging": paging}


def test_last_logins_are_the_newest_of_each_person(slack: Any, read: Any) -> None:
    entries = [
        login("U1", 1_700_000_300, ip="203.0.113.9", country="CH", user_agent="Browser"),
        login("U2", 1_700_000_200, country=None, ip="", count="3"),
        login("U1", 1_700_000_100, ip="198.51.100.1"),
    ]
    slack.answers["team.accessLogs"] = Log(entries)
    assert read("last_logins") == [
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
    assert read.state_after() == {"last_login_at": "2023-11-14T22:18:20Z"}


def test_last_logins_stop_at_the_state(slack: Any, read: Any) -> None:
    """Logins in the state's second count, and the page after them is not requested."""
    slack.answers["team.accessLogs"] = Log(
        [login(f"U{number}", 1_700_000_000 - 500 * number) for number in range(9000)]
    )
    state = {"last_login_at": "2023-11-14T17:46:40Z"}  # 1_699_984_000: that of U32
    assert [person["user_id"] for person in read("last_logins", state)] == [f"U{number}" for number in range(33)]
    assert slack.asked("team.accessLogs") == [{"count": "1000", "page": "1"}]
    assert read.state_after(state) == {"last_login_at": "2023-11-14T22:13:20Z"}


@pytest.mark.parametrize("most_pages", [100, 10**6])
def test_last_logins_past_the_hundredth_page_are_read(slack: Any, read: Any, most_pages: int) -> None:
    """A person's only login is read behind 100,000 others.

    See https://github.com/RamblingCookieMonster/PSSlack/issues/64.
    """
    entries = [login(f"U{number % 50}", START - number // 3) for number in range(100_500)]
    slack.answers["team.accessLogs"] = Log([*entries, login("ULATE", START - 40_000)], most_pages=most_pages)
    assert {person["user_id"] for person in read("last_logins")} == {*(f"U{number}" for number in range(50)), "ULATE"}
    assert [call for call in slack.asked("team.accessLogs") if "before" in call] == [
        {"count": "1000", "page": "1", "before": str(START - 33_333)}
    ]


def test_last_logins_end_if_nothing_older_comes(slack: Any, read: Any) -> None:
    """Slack reports the pages of the whole log, whatever `before` is."""
    log = Log([login(f"U{number % 7}", START - number) for number in range(100_500)])

    def miscounted(params: dict[str, str]) -> dict[str, Any]:
        answer = log(params)
        return {**answer, "paging": {**answer["paging"], "pages": 101}}

    slack.answers["team.accessLogs"] = miscounted
    assert len(read("last_logins")) == 7
    assert slack.asked("team.accessLogs")[-1] == {"count": "1000", "page": "2", "before": str(START - 99_999)}


def test_last_logins_of_one_endless_second_fail(slack: Any, read: Any) -> None:
    """More than 100 pages within one second cannot be read, so the stream fails."""
    slack.answers["team.accessLogs"] = Log([login(f"U{number}", START - 5) for number in range(100_001)])
    with pytest.raises(AirbyteTracedException, match="does not end"):
        read("last_logins")


def test_last_logins_follow_a_cursor_without_numbers(slack: Any, read: Any) -> None:
    slack.answers["team.accessLogs"] = Log([login(f"U{n}", START - n) for n in range(2500)], numbered=False)
    assert len(read("last_logins")) == 2500
    assert [("cursor" in call, "page" in call) for call in slack.asked("team.accessLogs")] == [
        (False, True),
        (True, False),
        (True, False),
    ]


def test_last_logins_reach_13_months_back_at_first(slack: Any, read: Any) -> None:
    """The log of a quiet workspace is read 13 months back from its newest entry."""
    newest = START - 20 * A_MONTH
    entries = [login(f"U{months}", newest - months * A_MONTH) for months in (0, 12, 14, 15)]
    slack.answers["team.accessLogs"] = Log(entries)
    assert [person["user_id"] for person in read("last_logins")] == ["U0", "U12"]
    state = {"last_login_at": "2020-01-01T00:00:00Z"}
    assert len(read("last_logins", state)) == 4


def test_last_logins_without_a_time_come(slack: Any, read: Any) -> None:
    slack.answers["team.accessLogs"] = {"logins": [{"user_id": "U2"}, {"user_id": None}, {"date_last": "soon"}]}
    assert [(person["user_id"], person["last_login_at"]) for person in read("last_logins")] == [("U2", None)]
    assert read.state_after() == {"last_login_at": "1970-01-01T00:00:00Z"}


def test_last_logins_skip_entries_that_are_no_objects(slack: Any, read: Any) -> None:
    entries = [None, login("U1", 1_700_000_200), "U2"]
    slack.answers["team.accessLogs"] = {"logins": entries, "paging": {"page": 1, "pages": 1}}
    assert [record["user_id"] for record in read("last_logins")] == ["U1"]


def test_last_logins_state_is_not_past_the_start(slack: Any, read: Any) -> None:
    slack.answers["team.accessLogs"] = {"logins": [login("U1", START + 900)]}
    assert [person["last_login_at"] for person in read("last_logins")] == ["2027-01-15T08:15:00Z"]
    assert read.state_after() == {"last_login_at": "2027-01-15T08:00:00Z"}


def test_last_logins_state_does_not_go_back(slack: Any, read: Any) -> None:
    slack.answers["team.accessLogs"] = {"logins": [login("U1", START - 900)]}
    state = {"last_login_at": "2027-01-15T07:59:00+00:00"}
    assert read("last_logins", state) == []
    assert read.state_after(state) == {"last_login_at": "2027-01-15T07:59:00Z"}


@pytest.mark.parametrize("state", [["soon"], "soon", 10**15, "2099-01-01T00:00:00Z"])
def test_last_logins_state_that_is_no_past_time_fails(read: Any, state: Any) -> None:
    with pytest.raises(AirbyteTracedException, match="Clear the stream's data") as caught:
        read("last_logins", {"last_login_at": state})
    assert caught.value.failure_type is FailureType.config_error


def test_grid_newest_login_is_that_of_any_workspace(grid: Any, slack: Any, read: Any) -> None:
    at = {"T1": 1_700_000_000, "T2": 1_700_000_900, "T3": 1_700_000_500}
    slack.answers["team.accessLogs"] = lambda params: {"logins": [login("W1", at[params["team_id"]])]}
    (person,) = read("last_logins")
    assert person["last_login_at"] == "2023-11-14T22:28:20Z"


def test_last_logins_response_without_a_list_is_no_end(slack: Any, read: Any) -> None:
    slack.answers["team.accessLogs"] = {"paging": {"page": 1, "pages": 1}}
    with pytest.raises(AirbyteTracedException, match=r"team\.accessLogs returned a response without logins") as caught:
        read("last_logins")
    assert caught.value.failure_type is FailureType.transient_error
