"""One call, one listing, and every way in which Slack does not answer as it should."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.requests_native_auth import TokenAuthenticator
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from source_slack_users.errors import RULES
from source_slack_users.slack_api import Patience, SlackApi, by_cursor, by_number

API = "https://slack.com/api/"


@pytest.fixture
def api() -> SlackApi:
    return SlackApi("users", API, TokenAuthenticator("made-up-token"), patience=Patience())


def failure(api: SlackApi, method: str = "users.list") -> AirbyteTracedException:
    with pytest.raises(AirbyteTracedException) as caught:
        api.call(method)
    return caught.value


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


ADMINISTRATOR = [
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
    "no_permission",
    "org_login_required",
    "ekm_access_denied",
    "team_access_not_granted",
    "not_allowed_token_type",
    "access_denied",
    "enterprise_is_restricted",
    "paid_only",
    "paid_teams_only",
    "not_an_admin",
]
PASSING = [
    "ratelimited",
    "internal_error",
    "fatal_error",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
]


@pytest.mark.parametrize("code", ADMINISTRATOR)
def test_what_only_an_administrator_can_mend_fails_at_once(slack: Any, api: SlackApi, code: str) -> None:
    slack.fail("users.list", code)
    error = failure(api)
    assert error.failure_type is FailureType.config_error
    assert code in str(error)
    assert len(str(error)) > len(f"Slack refused users.list with {code}. ") + 20, "there is no advice"
    assert len(slack.asked("users.list")) == 1


@pytest.mark.parametrize("code", PASSING)
def test_what_passes_is_tried_again(slack: Any, api: SlackApi, code: str) -> None:
    slack.fail("users.list", code, code)
    assert len(members(api)) == 5
    assert len(slack.asked("users.list")) == 3


def test_every_rule_is_tested() -> None:
    listings = {"invalid_cursor", "limit_required"}
    oauth = {"invalid_refresh_token", "invalid_client_id", "bad_client_secret"}
    assert set(RULES) == {*ADMINISTRATOR, *PASSING} | listings | oauth


def test_a_missing_scope_is_named_with_the_page_to_add_it_on(slack: Any, api: SlackApi) -> None:
    slack.fail("users.list", {"json": {"ok": False, "error": "missing_scope", "needed": "users:read", "provided": "x"}})
    assert "lacks the scope users:read. Add it on" in str(failure(api))


def test_an_unknown_code_is_a_system_error_that_names_it(slack: Any, api: SlackApi) -> None:
    slack.fail("users.list", "full_moon")
    error = failure(api)
    assert error.failure_type is FailureType.system_error
    assert "full_moon" in str(error)


def test_what_is_no_code_is_not_repeated(slack: Any, api: SlackApi) -> None:
    slack.fail("users.list", {"json": {"ok": False, "error": "Bearer made-up-token \\u002d"}})
    assert "made-up-token" not in str(failure(api))


PASSING_ANSWERS: list[dict[str, Any]] = [
    {"status_code": 500},
    {"status_code": 502, "text": "<html>Bad Gateway</html>"},
    {"status_code": 503, "json": {"ok": False, "error": "service_unavailable"}},
    {"status_code": 500, "json": {"ok": True}},
    {"status_code": 200, "text": "<html>We'll be right back</html>"},
    {"status_code": 200, "text": '{"ok": true, "members": [{"id'},
    {"status_code": 429, "text": "slow down"},
    {"exc": requests.exceptions.ConnectTimeout},
    {"exc": requests.exceptions.ReadTimeout},
    {"exc": requests.exceptions.ConnectionError},
    {"exc": requests.exceptions.ChunkedEncodingError},
]


def fail_once(slack: Any, answer: dict[str, Any]) -> None:
    exception = answer.get("exc")
    if exception is None:
        slack.fail("users.list", answer)
        return
    whole = slack.answers["users.list"]

    def raising(params: dict[str, str]) -> dict[str, Any]:
        slack.answers["users.list"] = whole
        raise exception

    slack.answers["users.list"] = raising


@pytest.mark.parametrize("answer", PASSING_ANSWERS, ids=str)
def test_a_bad_answer_is_asked_for_again(slack: Any, api: SlackApi, answer: dict[str, Any]) -> None:
    fail_once(slack, answer)
    assert len(members(api)) == 5


NOT_SLACK: list[dict[str, Any]] = [
    {"status_code": 404, "text": "<html>Not Found</html>"},
    {"status_code": 401},
    {"status_code": 403, "json": {"message": "no"}},
    {"status_code": 200, "json": {"hello": "world"}},
    {"status_code": 200, "json": [1]},
    {"status_code": 302, "headers": {"Location": "https://elsewhere.example.com/api/users.list"}},
    {"status_code": 307, "json": {"ok": False, "error": "internal_error"}},
]


@pytest.mark.parametrize("answer", NOT_SLACK, ids=str)
def test_a_host_that_is_not_slack_is_told_apart(slack: Any, api: SlackApi, answer: dict[str, Any]) -> None:
    slack.fail("users.list", answer)
    error = failure(api)
    assert error.failure_type is FailureType.config_error
    assert "https://slack.com/api/users.list is not the Slack Web API" in str(error)
    assert len(slack.calls) == 1


def test_a_name_that_ends_in_half_an_emoji_does_no_harm(slack: Any, api: SlackApi) -> None:
    slack.fail("users.list", {"text": '{"ok": true, "members": [{"id": "U1", "name": "\\ud83d"}]}'})
    assert members(api) == ["U1"]


def test_waits_grow_and_end_after_seven_tries_and_two_minutes(slack: Any, api: SlackApi, clock: Any) -> None:
    slack.fail("users.list", *["internal_error"] * 9)
    error = failure(api)
    assert error.failure_type is FailureType.transient_error
    assert "(tries: 7)" in str(error)
    assert len(slack.calls) == 7
    assert clock.slept == sorted(clock.slept)
    assert 110 < sum(clock.slept) < 140


def test_slow_failures_end_after_two_minutes_too(slack: Any, api: SlackApi, clock: Any) -> None:
    def hang(_params: dict[str, str]) -> dict[str, Any]:
        clock.now += 60
        raise requests.exceptions.ReadTimeout

    slack.answers["users.list"] = hang
    started = clock.now
    assert failure(api).failure_type is FailureType.transient_error
    assert 120 <= clock.now - started < 200


def test_waits_that_slack_asks_for_do_not_count(slack: Any, api: SlackApi, clock: Any) -> None:
    slack.fail("users.list", *[{"status_code": 429, "headers": {"Retry-After": "100"}}] * 6)
    assert len(members(api)) == 5
    assert all(100 <= wait < 102 for wait in clock.slept)


def test_the_count_begins_anew_with_each_request(slack: Any, api: SlackApi) -> None:
    slack.fail("users.list", *["internal_error"] * 6)
    assert len(members(api)) == 5
    slack.fail("users.list", *["internal_error"] * 6)
    assert len(members(api)) == 5


@pytest.mark.parametrize("asked", ["4000", "inf"])
def test_a_wait_beyond_reason_is_given_up(slack: Any, api: SlackApi, clock: Any, asked: str) -> None:
    slack.fail("users.list", {"status_code": 429, "headers": {"Retry-After": asked}})
    error = failure(api)
    assert error.failure_type is FailureType.transient_error
    assert f"asks to wait {asked} seconds" in str(error)
    assert clock.slept == []


@pytest.mark.parametrize("asked", ["0", "-5", "nan", "Wed, 21 Oct 2026 07:28:00 GMT", ""])
def test_odd_waits_are_borne_with(slack: Any, api: SlackApi, clock: Any, asked: str) -> None:
    slack.fail("users.list", {"status_code": 429, "headers": {"Retry-After": asked}})
    assert len(members(api)) == 5
    assert sum(clock.slept) < 5


def test_every_request_has_a_time_out_and_follows_no_redirect(
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


def test_a_forgotten_cursor_starts_the_listing_again(slack: Any, api: SlackApi) -> None:
    slack.answers["users.list"] = listing(2500)
    pages = api.pages("users.list", "members", by_cursor)
    next(pages)
    slack.fail("users.list", "invalid_cursor")
    rest = [member["id"] for page in pages for member in page["members"]]
    assert rest == [f"U{number}" for number in range(2500)]


@pytest.mark.parametrize("largest", [999, 200, 10, 1])
def test_pages_grow_smaller_until_slack_is_content(slack: Any, api: SlackApi, largest: int) -> None:
    whole = listing(30)

    def picky(params: dict[str, str]) -> dict[str, Any]:
        return whole(params) if int(params["limit"]) <= largest else {"ok": False, "error": "limit_required"}

    slack.answers["users.list"] = picky
    assert members(api) == [f"U{number}" for number in range(30)]
    assert int(slack.asked("users.list")[-1]["limit"]) > largest // 2


@pytest.mark.parametrize("code", ["invalid_cursor", "limit_required"])
def test_a_listing_that_never_holds_is_given_up(slack: Any, api: SlackApi, code: str) -> None:
    slack.fail("users.list", *[code] * 40)
    with pytest.raises(AirbyteTracedException) as caught:
        members(api)
    assert caught.value.failure_type is FailureType.transient_error


def test_cursors_in_a_circle_are_no_listing(slack: Any, api: SlackApi) -> None:
    slack.answers["users.list"] = {"members": [], "response_metadata": {"next_cursor": "again"}}
    with pytest.raises(AirbyteTracedException) as caught:
        members(api)
    assert caught.value.failure_type is FailureType.transient_error
    assert len(slack.calls) == 10


@pytest.mark.parametrize("end", [{}, {"response_metadata": None}, {"response_metadata": {"next_cursor": None}}])
def test_the_end_has_many_forms(end: dict[str, Any]) -> None:
    assert by_cursor(200, {"members": [], **end}) is None


def test_numbered_pages_end_with_the_last_that_slack_gives() -> None:
    assert by_number(50, None) == {"count": 50, "page": 1}
    assert by_number(50, {"paging": {"page": 1, "pages": 2}}) == {"count": 50, "page": 2}
    assert by_number(50, {"paging": {"page": 2, "pages": 2}}) is None
    assert by_number(50, {"paging": {"page": 99, "pages": 5000}}) == {"count": 50, "page": 100}
    assert by_number(50, {"paging": {"page": 100, "pages": 5000}}) is None
    assert by_number(50, {}) is None
