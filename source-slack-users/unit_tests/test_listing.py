"""Tests that a listing yields each item once, or a newer copy, and ends."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.requests_native_auth import TokenAuthenticator
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st
from source_slack_users.listing import STALLED_PAGES, Listing, Progress, Versions, by_cursor
from source_slack_users.retries import RetryPolicy
from source_slack_users.slack_api import SlackApi

Item = tuple[str, int]


def progress() -> Progress:
    return Progress("users.list", "members", lambda item: item)


def taken(progress: Progress, items: list[Any]) -> list[Any]:
    """Return the items that are kept; each is its own key and version."""
    kept = progress.take(items)
    assert all((key, version) == item for key, version, item in kept)
    return [item for _, _, item in kept]


@given(st.lists(st.tuples(st.text("UVW", max_size=2), st.integers(0, 5))))
def test_versions_advance_like_a_dict(items: list[Item]) -> None:
    versions, known = Versions(), {}
    for key, version in items:
        assert versions.advance(key, version) is (version > known.get(key, -1))
        known[key] = max(version, known.get(key, -1))
        assert len(versions) == len(known)


def test_versions_of_many_keys_stay_apart() -> None:
    versions = Versions()
    assert all(versions.advance(f"U{number}", number) for number in range(20_000))
    assert not any(versions.advance(f"U{number}", number) for number in range(20_000))
    assert all(versions.advance(f"U{number}", number + 1) for number in range(20_000))
    assert len(versions) == 20_000


def test_progress_drops_copies_that_are_not_newer() -> None:
    listing = progress()
    assert taken(listing, [("U1", 1), ("U2", 5)]) == [("U1", 1), ("U2", 5)]
    assert taken(listing, [("U1", 2), ("U2", 5), ("U1", 1), ("U3", 0)]) == [("U1", 2), ("U3", 0)]


@pytest.mark.parametrize("page", [[("U1", 1)], [("U1", 1), (None, 0)], []])
def test_progress_after_ten_pages_without_news_fails(page: list[Any]) -> None:
    listing = progress()
    listing.take([("U1", 1)])
    for _ in range(STALLED_PAGES - 1):
        listing.take(list(page))
    with pytest.raises(AirbyteTracedException, match=r"users\.list does not end") as caught:
        listing.take(list(page))
    assert caught.value.failure_type is FailureType.system_error


def test_progress_of_a_newer_copy_is_not_news() -> None:
    listing = progress()
    with pytest.raises(AirbyteTracedException, match="does not end"):
        for version in range(STALLED_PAGES + 1):
            listing.take([("U1", version)])


def test_progress_with_news_now_and_then_goes_on() -> None:
    listing = progress()
    for number in range(5):
        listing.take([(f"U{number}", 0)])
        for _ in range(STALLED_PAGES - 1):
            listing.take([("U0", 0)])


def test_progress_after_a_restart_repeats_what_is_known() -> None:
    listing = progress()
    pages = [[(f"U{page}-{person}", 0) for person in range(3)] for page in range(40)]
    for page in pages:
        assert taken(listing, page) == page
    listing.restart()
    for page in pages:
        assert listing.take(page) == []
    with pytest.raises(AirbyteTracedException, match="does not end"):
        for _ in range(STALLED_PAGES):
            listing.take(pages[-1])


def test_progress_leaves_out_items_without_a_key(caplog: pytest.LogCaptureFixture) -> None:
    assert taken(progress(), [("U1", 1), (None, 0), (None, 0)]) == [("U1", 1)]
    assert "users.list returned 2 members without an ID" in caplog.text


@pytest.mark.parametrize(
    ("stream", "method", "answer"),
    [
        ("users", "users.list", {"members": [{"id": "U1", "profile": {}}]}),
        ("last_logins", "team.accessLogs", {"logins": [{"user_id": "U1", "date_last": 1_700_000_000}]}),
        ("billable_info", "team.billableInfo", {"billable_info": {"U1": {"billing_active": True}}}),
    ],
)
def test_listing_that_never_ends_fails(slack: Any, read: Any, stream: str, method: str, answer: dict[str, Any]) -> None:
    """Each page has a new cursor and the same person."""
    cursors = count()
    slack.answers[method] = lambda _: {**answer, "response_metadata": {"next_cursor": f"cursor {next(cursors)}"}}
    with pytest.raises(AirbyteTracedException, match=f"{method} does not end") as caught:
        read(stream)
    assert caught.value.failure_type is FailureType.system_error
    assert len(slack.asked(method)) == STALLED_PAGES + 1


def test_workspaces_that_never_end_fail(grid: Any, slack: Any, read: Any) -> None:
    cursors = count()
    slack.answers["auth.teams.list"] = lambda _: {
        "teams": [{"id": "T1", "name": "One"}],
        "response_metadata": {"next_cursor": f"cursor {next(cursors)}"},
    }
    with pytest.raises(AirbyteTracedException, match=r"auth\.teams\.list does not end"):
        read("users")


@pytest.fixture
def api() -> SlackApi:
    return SlackApi("users", "https://slack.com/api/", TokenAuthenticator("made-up-token"), retry_policy=RetryPolicy())


def members(api: SlackApi) -> list[str]:
    pages = Listing(api, "users.list", "members", lambda member: (member["id"], 0)).pages()
    return [person for page in pages for person, _, _ in page]


def listing(size: int) -> Any:
    """Return pages of the numbers up to `size`, by cursor."""

    def answer(params: dict[str, str]) -> dict[str, Any]:
        start, limit = int(params.get("cursor", 0)), int(params["limit"])
        end = min(start + limit, size)
        found = [{"id": f"U{number}"} for number in range(start, end)]
        return {"members": found, "response_metadata": {"next_cursor": str(end) if end < size else ""}}

    return answer


def test_listing_follow_the_cursor(slack: Any, api: SlackApi) -> None:
    slack.answers["users.list"] = listing(2500)
    assert len(members(api)) == 2500
    assert slack.asked("users.list") == [{"limit": "1000"} | ({"cursor": str(n)} if n else {}) for n in (0, 1000, 2000)]


def test_listing_forgotten_cursor_starts_again(slack: Any, api: SlackApi) -> None:
    slack.answers["users.list"] = listing(2500)
    pages = Listing(api, "users.list", "members", lambda member: (member["id"], 0)).pages()
    found = next(pages)
    slack.fail("users.list", "invalid_cursor")
    found = [*found, *(item for page in pages for item in page)]
    assert [person for person, _, _ in found] == [f"U{number}" for number in range(2500)]
    assert len(slack.asked("users.list")) == 5


@pytest.mark.parametrize("largest", [999, 200, 100])
def test_listing_limit_required_asks_for_smaller_pages(slack: Any, api: SlackApi, largest: int) -> None:
    whole = listing(30)

    def picky(params: dict[str, str]) -> dict[str, Any]:
        return whole(params) if int(params["limit"]) <= largest else {"ok": False, "error": "limit_required"}

    slack.answers["users.list"] = picky
    assert members(api) == [f"U{number}" for number in range(30)]
    assert int(slack.asked("users.list")[-1]["limit"]) > largest // 2


def test_listing_answered_with_http_500_are_halved(slack: Any, api: SlackApi) -> None:
    """Slack documents HTTP 500 for pages that are too large."""
    slack.answers["users.list"] = listing(700)
    slack.fail("users.list", {"status_code": 500}, {"status_code": 500, "json": {"ok": False, "error": "fatal_error"}})
    assert members(api) == [f"U{number}" for number in range(700)]
    assert [params["limit"] for params in slack.asked("users.list")] == ["1000", "500", "250", "250", "250"]


@pytest.mark.parametrize("code", ["invalid_cursor", "limit_required"])
def test_listing_never_whole_is_transient(slack: Any, api: SlackApi, code: str) -> None:
    slack.fail("users.list", *[code] * 40)
    with pytest.raises(AirbyteTracedException) as caught:
        members(api)
    assert caught.value.failure_type is FailureType.transient_error


def test_listing_cursors_in_a_circle_are_transient(slack: Any, api: SlackApi) -> None:
    slack.answers["users.list"] = {"members": [], "response_metadata": {"next_cursor": "again"}}
    with pytest.raises(AirbyteTracedException) as caught:
        members(api)
    assert caught.value.failure_type is FailureType.transient_error
    assert len(slack.calls) == 10


@pytest.mark.parametrize("end", [{}, {"response_metadata": None}, {"response_metadata": {"next_cursor": None}}])
def test_by_cursor_each_form_of_the_end_ends(end: dict[str, Any]) -> None:
    assert by_cursor(200, {"members": [], **end}) is None
