"""One call, one listing, and every way in which Slack does not answer as it should."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.requests_native_auth import TokenAuthenticator
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from source_slack_users.retries import Patience
from source_slack_users.slack_api import SlackApi, by_cursor

API = "https://slack.com/api/"


@pytest.fixture
def api() -> SlackApi:
    return SlackApi("users", API, TokenAuthenticator("made-up-token"), patience=Patience())


def members(api: SlackApi) -> list[str]:
    return [member["id"] for page in api.pages("users.list", "members", by_cursor) for member in page["members"]]


def listing(size: int) -> Any:
    """Answers pages of numbers up to `size` by cursor."""

    def answer(params: dict[str, str]) -> dict[str, Any]:
        start, limit = int(params.get("cursor", 0)), int(params["limit"])
        end = min(start + limit, size)
        found = [{"id": f"U{number}"} for number in range(start, end)]
        return {"members": found, "response_metadata": {"next_cursor": str(end) if end < size else ""}}

    return answer


def test_request_has_a_time_out_and_follows_no_redirect(
    slack: Any, api: SlackApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []
    send = requests.Session.send

    def watched(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        sent.append(options)
        return send(session, request, **options)

    # Undone here: after the test it would put back what `requests_mock` has by then taken away.
    with monkeypatch.context() as watching:
        watching.setattr(requests.Session, "send", watched)
        members(api)
    assert [(options["timeout"], options["allow_redirects"]) for options in sent] == [((10, 60), False)]


def test_pages_follow_the_cursor(slack: Any, api: SlackApi) -> None:
    slack.answers["users.list"] = listing(2500)
    assert len(members(api)) == 2500
    assert slack.asked("users.list") == [{"limit": "1000"} | ({"cursor": str(n)} if n else {}) for n in (0, 1000, 2000)]


def test_pages_forgotten_cursor_starts_again(slack: Any, api: SlackApi) -> None:
    slack.answers["users.list"] = listing(2500)
    pages = api.pages("users.list", "members", by_cursor)
    next(pages)
    slack.fail("users.list", "invalid_cursor")
    rest = [member["id"] for page in pages for member in page["members"]]
    assert rest == [f"U{number}" for number in range(2500)]


@pytest.mark.parametrize("largest", [999, 200, 100])
def test_pages_limit_required_asks_for_smaller_pages(slack: Any, api: SlackApi, largest: int) -> None:
    whole = listing(30)

    def picky(params: dict[str, str]) -> dict[str, Any]:
        return whole(params) if int(params["limit"]) <= largest else {"ok": False, "error": "limit_required"}

    slack.answers["users.list"] = picky
    assert members(api) == [f"U{number}" for number in range(30)]
    assert int(slack.asked("users.list")[-1]["limit"]) > largest // 2


def test_pages_answered_with_http_500_are_halved(slack: Any, api: SlackApi) -> None:
    """Slack documents HTTP 500 for pages that are too large."""
    slack.answers["users.list"] = listing(700)
    slack.fail("users.list", {"status_code": 500}, {"status_code": 500, "json": {"ok": False, "error": "fatal_error"}})
    assert members(api) == [f"U{number}" for number in range(700)]
    assert [params["limit"] for params in slack.asked("users.list")] == ["1000", "500", "250", "250", "250"]


@pytest.mark.parametrize("code", ["invalid_cursor", "limit_required"])
def test_pages_listing_never_whole_is_transient(slack: Any, api: SlackApi, code: str) -> None:
    slack.fail("users.list", *[code] * 40)
    with pytest.raises(AirbyteTracedException) as caught:
        members(api)
    assert caught.value.failure_type is FailureType.transient_error


def test_pages_cursors_in_a_circle_are_transient(slack: Any, api: SlackApi) -> None:
    slack.answers["users.list"] = {"members": [], "response_metadata": {"next_cursor": "again"}}
    with pytest.raises(AirbyteTracedException) as caught:
        members(api)
    assert caught.value.failure_type is FailureType.transient_error
    assert len(slack.calls) == 10


@pytest.mark.parametrize("end", [{}, {"response_metadata": None}, {"response_metadata": {"next_cursor": None}}])
def test_by_cursor_each_form_of_the_end_ends(end: dict[str, Any]) -> None:
    assert by_cursor(200, {"members": [], **end}) is None
