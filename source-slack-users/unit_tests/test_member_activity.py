"""Tests the stream `member_activity`."""

from __future__ import annotations

import gzip
import json
import random
from datetime import date, timedelta
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from source_slack_users import member_activity

METHOD = "admin.analytics.getFile"
TODAY = date(2027, 1, 15)
LINE = {
    "enterprise_id": "E1",
    "date": "2027-01-13",
    "user_id": "W1",
    "email_address": "ada@example.com",
    "is_guest": False,
    "is_billable_seat": True,
    "is_active": 1,
    "is_active_desktop": True,
    "messages_posted_count": "40",
    "channel_messages_posted_count": 30,
    "reactions_added_count": 20,
    "files_added_count": 5,
    "slack_huddles_count": 2,
    "date_claimed": 1_574_221_312,
}


def file_of(*lines: Any) -> bytes:
    return gzip.compress("\n".join(json.dumps(line) for line in lines).encode())


def days_ago(days: int) -> str:
    return (TODAY - timedelta(days)).isoformat()


class Files:
    """Simulates files of the days from `oldest` to `newest`, in days ago.

    `odd` holds other responses for some days.
    """

    def __init__(self, oldest: int = 400, newest: int = 2, **odd: Any) -> None:
        self.days = {days_ago(days) for days in range(newest, oldest + 1)}
        self.newest = days_ago(newest)
        self.odd: dict[str, Any] = odd

    def __call__(self, params: dict[str, str]) -> Any:
        assert params["type"] == "member"
        day = params["date"]
        if day in self.odd:
            return self.odd[day]
        if day in self.days:
            return file_of(LINE)
        return {"ok": False, "error": "file_not_yet_available" if day > self.newest else "file_not_found"}


def dates(records: list[dict[str, Any]]) -> list[str]:
    return sorted(record["date"] for record in records)


def failure(read: Any, *arguments: Any) -> AirbyteTracedException:
    with pytest.raises(AirbyteTracedException) as caught:
        read("member_activity", *arguments)
    return caught.value


def test_member_activity_has_the_schemas_types(slack: Any, read: Any) -> None:
    slack.answers[METHOD] = Files(oldest=2)
    (record,) = read("member_activity")
    named = {"billable_seat": True, "active": True, "messages_posted": 40, "is_active_ios": None}
    same = {
        name: value
        for name, value in LINE.items()
        if name not in ("is_billable_seat", "is_active", "messages_posted_count")
    }
    assert record.items() >= (same | named).items()
    assert "is_active" not in record


def test_member_activity_begins_with_the_last_30_days(slack: Any, read: Any) -> None:
    """The newest day with a file is found by requests."""
    slack.answers[METHOD] = Files(newest=3)
    assert dates(read("member_activity")) == sorted(days_ago(days) for days in range(3, 33))
    assert [call["date"] for call in slack.asked(METHOD)] == [days_ago(days) for days in range(1, 33)]
    assert read.state_after() == {"date": days_ago(3)}


def test_member_activity_reads_what_came_since_the_state(slack: Any, read: Any) -> None:
    slack.answers[METHOD] = Files()
    state = {"date": days_ago(5)}
    assert dates(read("member_activity", state)) == [days_ago(4), days_ago(3), days_ago(2)]
    assert read.state_after(state) == {"date": days_ago(2)}


def test_member_activity_without_news_keeps_its_state(slack: Any, read: Any) -> None:
    slack.answers[METHOD] = Files()
    state = {"date": days_ago(2)}
    assert read("member_activity", state) == []
    assert read.state_after(state) == state


def test_member_activity_of_a_young_organization(slack: Any, read: Any) -> None:
    slack.answers[METHOD] = Files(oldest=4)
    assert dates(read("member_activity")) == [days_ago(4), days_ago(3), days_ago(2)]


def test_member_activity_without_any_file_has_no_state(slack: Any, read: Any) -> None:
    slack.answers[METHOD] = {"ok": False, "error": "data_not_available"}
    assert read("member_activity") == []
    assert read.state_after() == {}


def test_member_activity_state_stops_before_a_gap(slack: Any, read: Any) -> None:
    """A day whose file is not published yet is read next time."""
    gap = {days_ago(4): {"ok": False, "error": "file_not_yet_available"}}
    slack.answers[METHOD] = Files(**gap)
    state = {"date": days_ago(6)}
    assert dates(read("member_activity", state)) == [days_ago(5), days_ago(3), days_ago(2)]
    assert read.state_after(state) == {"date": days_ago(5)}


@pytest.mark.parametrize("code", ["file_not_found", "data_not_available", "metadata_not_available"])
def test_member_activity_passes_a_day_without_a_file(slack: Any, read: Any, code: str) -> None:
    slack.answers[METHOD] = Files(**{days_ago(3): {"ok": False, "error": code}})
    state = {"date": days_ago(5)}
    assert dates(read("member_activity", state)) == [days_ago(4), days_ago(2)]
    assert read.state_after(state) == {"date": days_ago(2)}


def test_member_activity_that_is_rejected_fails(slack: Any, read: Any) -> None:
    slack.answers[METHOD] = {"ok": False, "error": "missing_scope", "needed": "admin.analytics:read"}
    error = failure(read)
    assert error.failure_type is FailureType.config_error
    assert "lacks the scope admin.analytics:read" in str(error)


@pytest.mark.parametrize("state", ["2099-01-01", "soon", []])
def test_member_activity_state_that_is_no_past_day(read: Any, state: Any) -> None:
    error = failure(read, {"date": state or ["soon"]})
    assert error.failure_type is FailureType.config_error


def test_member_activity_lines_without_a_user_are_left_out(
    slack: Any, read: Any, caplog: pytest.LogCaptureFixture
) -> None:
    slack.answers[METHOD] = Files(oldest=2, **{days_ago(2): file_of(LINE, {}, {"user_id": ""}, [])})
    assert len(read("member_activity")) == 1
    assert "has 3 lines without a user ID" in caplog.text


@pytest.mark.parametrize("kind", ["application/gzip", "Application/X-GZip", "application/octet-stream; charset=binary"])
def test_member_activity_of_any_type_of_file_is_read(slack: Any, read: Any, kind: str) -> None:
    slack.answers[METHOD] = Files(newest=0)
    slack.fail(METHOD, {"content": file_of(LINE), "headers": {"Content-Type": kind}})
    assert read("member_activity", {"date": days_ago(2)})[0]["user_id"] == "W1"


def test_member_activity_of_a_file_in_several_parts(slack: Any, read: Any) -> None:
    parts = gzip.compress(b"") + file_of(LINE) + gzip.compress(b"\n\n") + file_of(LINE | {"user_id": "W2"})
    slack.answers[METHOD] = Files(oldest=2, **{days_ago(2): parts})
    assert [record["user_id"] for record in read("member_activity")] == ["W1", "W2"]


@pytest.mark.parametrize(
    "broken",
    [file_of(LINE)[:-9], file_of(LINE)[:20] + b"\xff" * 9, b"PK\x03\x04", gzip.compress(b'{"user_id": ')],
    ids=["cut", "corrupt", "not gzip", "not JSON"],
)
def test_member_activity_of_a_damaged_file_is_transient(slack: Any, read: Any, broken: bytes) -> None:
    slack.answers[METHOD] = Files(oldest=2, **{days_ago(2): broken})
    error = failure(read)
    assert error.failure_type is FailureType.transient_error
    assert f"for {days_ago(2)} that is damaged" in str(error)


@pytest.mark.parametrize("content", [b"\0" * (2 << 20), b"{}\n" * 2000], ids=["line", "file"])
def test_member_activity_of_an_oversized_file_fails(
    slack: Any, read: Any, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """An endless line fails, and a file larger than any organization's."""
    monkeypatch.setattr(member_activity, "LARGEST_FILE", 5000)
    slack.answers[METHOD] = Files(oldest=2, **{days_ago(2): gzip.compress(content)})
    error = failure(read)
    assert error.failure_type is FailureType.system_error
    assert "larger than any organization's" in str(error)


def test_member_activity_of_many_lines_are_all_read(slack: Any, read: Any) -> None:
    dice = random.Random(7)
    lines = [LINE | {"user_id": f"W{dice.randrange(10**9)}"} for _ in range(20_000)]
    slack.answers[METHOD] = Files(oldest=2, **{days_ago(2): file_of(*lines)})
    assert [record["user_id"] for record in read("member_activity")] == [line["user_id"] for line in lines]
