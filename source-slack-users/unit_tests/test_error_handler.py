"""Tests the action for each response of Slack's, and for none."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import ResponseAction
from airbyte_cdk.sources.streams.http.requests_native_auth import TokenAuthenticator
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from source_slack_users.error_codes import RULES
from source_slack_users.errors import RequestRejected
from source_slack_users.retries import RetryPolicy
from source_slack_users.slack_api import SlackApi
from source_slack_users.transport import ResponseTooLarge, ResponseTooSlow
from urllib3.exceptions import MaxRetryError, NewConnectionError

API = "https://slack.com/api/"


@pytest.fixture
def api() -> SlackApi:
    return SlackApi("users", API, TokenAuthenticator("made-up-token"), retry_policy=RetryPolicy())


def failure(api: SlackApi, method: str = "users.list", **params: Any) -> AirbyteTracedException:
    with pytest.raises(AirbyteTracedException) as caught:
        api.call(method, **params)
    return caught.value


def people(api: SlackApi, **params: Any) -> int:
    return len(api.call("users.list", **params)[0]["members"])


def raising(slack: Any, *errors: Exception) -> Callable[[dict[str, str]], dict[str, Any]]:
    """Make the next requests of users.list raise errors."""
    whole, left = slack.answers["users.list"], list(errors)

    def answer(_params: dict[str, str]) -> dict[str, Any]:
        if left:
            raise left.pop(0)
        return dict(whole)

    slack.answers["users.list"] = answer
    return answer


def codes(*actions: ResponseAction) -> list[str]:
    return [code for code, rule in RULES.items() if rule.action in actions]


@pytest.mark.parametrize("code", codes(ResponseAction.FAIL, ResponseAction.REFRESH_TOKEN_THEN_RETRY))
def test_handler_code_that_no_retry_helps_fails_at_once(slack: Any, api: SlackApi, code: str) -> None:
    slack.fail("users.list", code)
    error = failure(api)
    rule = RULES[code]
    assert error.failure_type is rule.failure_type
    assert str(error) == f"Slack rejected users.list with {code}. {rule.advice}"
    assert isinstance(error, RequestRejected) and error.code == code
    assert len(slack.calls) == 1


@pytest.mark.parametrize("code", codes(ResponseAction.RETRY, ResponseAction.RATE_LIMITED))
def test_handler_transient_code_is_retried(slack: Any, api: SlackApi, code: str) -> None:
    slack.fail("users.list", code, code)
    assert people(api) == 5
    assert len(slack.calls) == 3


def test_handler_missing_scope_names_slacks_needed(slack: Any, api: SlackApi) -> None:
    slack.fail("users.list", {"json": {"ok": False, "error": "missing_scope", "needed": "users:read", "provided": "x"}})
    assert "lacks the scope users:read. Add it on" in str(failure(api))


def test_handler_unknown_code_is_a_system_error_naming_it(slack: Any, api: SlackApi) -> None:
    slack.fail("users.list", "full_moon_2")
    error = failure(api)
    assert error.failure_type is FailureType.system_error
    assert "full_moon_2" in str(error)


@pytest.mark.parametrize("code", ["Bearer made-up-token \\u002d", "made-up-token", None, ["made-up-token"], 5])
def test_handler_what_is_no_code_is_not_quoted(slack: Any, api: SlackApi, code: Any) -> None:
    slack.fail("users.list", {"json": {"ok": False, "error": code}})
    assert "made-up-token" not in str(failure(api))


TRANSIENT: list[dict[str, Any]] = [
    {"status_code": 500},
    {"status_code": 103},
    {"status_code": 502, "text": "<html>Bad Gateway</html>"},
    {"status_code": 503, "json": {"ok": False, "error": "service_unavailable"}},
    {"status_code": 503, "json": {"ok": False, "error": "something_new"}},
    {"status_code": 500, "json": {"ok": False, "error": "invalid_auth"}},
    {"status_code": 500, "json": {"ok": True}},
    {"status_code": 200, "text": "<html>We'll be right back</html>"},
    {"status_code": 200, "text": '{"ok": true, "members": [{"id'},
    {"status_code": 429, "text": "slow down"},
    {"status_code": 429, "json": {"ok": False, "error": "invalid_auth"}},
    {"status_code": 200, "json": {"ok": False, "error": "rate_limited"}, "headers": {"Retry-After": "1"}},
]


@pytest.mark.parametrize("answer", TRANSIENT, ids=str)
def test_handler_transient_response_is_retried(slack: Any, api: SlackApi, answer: dict[str, Any]) -> None:
    slack.fail("users.list", answer)
    assert people(api) == 5


REFUSED = requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "refused")))  # type: ignore[arg-type]
CAUSES = [
    (requests.exceptions.ConnectTimeout(), "is unreachable at slack.com: the connection timed out"),
    (requests.exceptions.ReadTimeout(), "is unreachable at slack.com: the response timed out"),
    (requests.exceptions.ProxyError(), "the proxy of the environment (HTTPS_PROXY) did not connect"),
    (REFUSED, "is unreachable at slack.com: no connection"),
    (requests.exceptions.ConnectionError(), "the connection was lost"),
    (requests.exceptions.ChunkedEncodingError(), "the connection was lost"),
    (requests.exceptions.ContentDecodingError(), "the connection was lost"),
    (requests.exceptions.SSLError("EOF occurred in violation of protocol"), "the connection was lost"),
]


@pytest.mark.parametrize(("error", "words"), CAUSES, ids=lambda each: each if isinstance(each, str) else "")
def test_handler_no_response_is_retried_and_logged(
    slack: Any, api: SlackApi, caplog: pytest.LogCaptureFixture, error: Exception, words: str
) -> None:
    """A lost connection is not logged as a rate limit, as the CDK would do."""
    caplog.set_level(logging.INFO)
    raising(slack, error)
    assert people(api) == 5
    assert [record.message for record in caplog.records if words in record.message]
    assert not [record for record in caplog.records if "Rate limit" in record.message]


@pytest.mark.parametrize(
    "words", ["certificate verify failed: self-signed certificate", "WRONG_VERSION_NUMBER", "hostname mismatch"]
)
def test_handler_bad_certificate_ends_at_once(slack: Any, api: SlackApi, words: str) -> None:
    raising(slack, requests.exceptions.SSLError(words))
    error = failure(api)
    assert error.failure_type is FailureType.config_error
    assert "certificate cannot be verified" in str(error)
    assert len(slack.calls) == 1


@pytest.mark.parametrize(
    "error", [requests.exceptions.InvalidSchema(), requests.exceptions.InvalidProxyURL()], ids=type
)
def test_handler_unusable_proxy_ends_at_once(slack: Any, api: SlackApi, error: Exception) -> None:
    raising(slack, error)
    found = failure(api)
    assert (found.failure_type, len(slack.calls)) == (FailureType.config_error, 1)
    assert "HTTPS_PROXY" in str(found)


def test_handler_slow_response_is_given_up_at_once(slack: Any, api: SlackApi) -> None:
    """It took three minutes, and a request is retried for two."""
    raising(slack, ResponseTooSlow())
    error = failure(api)
    assert error.failure_type is FailureType.transient_error
    assert "sent no complete response. Gave up after 3 minutes" in str(error)
    assert len(slack.calls) == 1


def test_handler_response_too_large_is_a_config_error(slack: Any, api: SlackApi) -> None:
    raising(slack, ResponseTooLarge("more than 16 MB"))
    error = failure(api)
    assert error.failure_type is FailureType.config_error
    assert "sent more than 16 MB" in str(error) and "(page_size)" in str(error)


NOT_SLACK: list[dict[str, Any]] = [
    {"status_code": 404, "text": "<html>Not Found</html>"},
    {"status_code": 401},
    {"status_code": 403, "json": {"message": "no"}},
    {"status_code": 403, "json": {"ok": True}},
    {"status_code": 200, "json": {"hello": "world"}},
    {"status_code": 200, "json": [1]},
    {"status_code": 302, "headers": {"Location": "https://elsewhere.example.com/api/users.list"}},
    {"status_code": 307, "json": {"ok": False, "error": "internal_error"}},
]


@pytest.mark.parametrize("answer", NOT_SLACK, ids=str)
def test_handler_host_that_is_not_slack_is_a_config_error(slack: Any, api: SlackApi, answer: dict[str, Any]) -> None:
    slack.fail("users.list", answer)
    error = failure(api)
    assert error.failure_type is FailureType.config_error
    assert "https://slack.com/api/users.list is not the Slack Web API" in str(error)
    assert len(slack.calls) == 1


def test_handler_4xx_with_slacks_json_is_judged_by_code(slack: Any, api: SlackApi) -> None:
    slack.fail("users.list", {"status_code": 403, "json": {"ok": False, "error": "accesslimited"}})
    assert "limits access to certain networks" in str(failure(api))


def test_handler_half_an_emoji_in_a_name_is_read(slack: Any, api: SlackApi) -> None:
    """It is replaced, because PyAirbyte would leave out the person."""
    slack.fail("users.list", {"text": '{"ok": true, "members": [{"id": "U1", "name": "Ada \\ud83d"}]}'})
    payload, _ = api.call("users.list")
    assert payload["members"] == [{"id": "U1", "name": "Ada ?"}]


@pytest.mark.parametrize("fault", [{"status_code": 503}, {"json": {"ok": False, "error": "internal_error"}}], ids=str)
def test_handler_faults_end_after_two_minutes(slack: Any, api: SlackApi, clock: Any, fault: dict[str, Any]) -> None:
    slack.fail("users.list", *[fault] * 20)
    error = failure(api)
    assert error.failure_type is FailureType.transient_error
    assert "Gave up after 2 minutes" in str(error) and "(api_url)" in str(error)
    assert sum(clock.slept) == pytest.approx(120)
    assert len(slack.calls) == 9


def test_handler_slow_faults_end_after_two_minutes_too(slack: Any, api: SlackApi, clock: Any) -> None:
    def hang(_params: dict[str, str]) -> dict[str, Any]:
        clock.now += 60
        raise requests.exceptions.ReadTimeout

    slack.answers["users.list"] = hang
    started = clock.now
    assert failure(api).failure_type is FailureType.transient_error
    assert 180 <= clock.now - started < 250  # the first fault is a minute after the start


def test_handler_fifteen_rate_limits_are_waited_for(slack: Any, api: SlackApi, clock: Any) -> None:
    slack.fail("users.list", *[{"status_code": 429, "headers": {"Retry-After": "1"}}] * 15)
    assert people(api) == 5
    assert clock.slept == pytest.approx([1] * 15)


def test_handler_rate_limits_beyond_an_hour_are_given_up(slack: Any, api: SlackApi, clock: Any) -> None:
    slack.fail("users.list", *[{"status_code": 429, "headers": {"Retry-After": "900"}}] * 5)
    error = failure(api)
    assert error.failure_type is FailureType.transient_error
    assert "asks to wait 900 seconds. Gave up after 1 hour" in str(error)
    assert clock.slept == pytest.approx([900] * 4)


@pytest.mark.parametrize("asked", ["4000", "inf"])
def test_handler_rate_limit_beyond_an_hour_is_not_waited(slack: Any, api: SlackApi, clock: Any, asked: str) -> None:
    slack.fail("users.list", {"status_code": 429, "headers": {"Retry-After": asked}})
    assert f"asks to wait {asked} seconds" in str(failure(api))
    assert clock.slept == []


@pytest.mark.parametrize("asked", ["0", "-5", "nan", "Wed, 21 Oct 2026 07:28:00 GMT", ""])
def test_handler_odd_retry_after_waits_a_second(slack: Any, api: SlackApi, clock: Any, asked: str) -> None:
    slack.fail("users.list", {"status_code": 429, "headers": {"Retry-After": asked}})
    assert people(api) == 5
    assert clock.slept == pytest.approx([1])


def test_handler_each_request_has_its_own_budget(slack: Any, api: SlackApi) -> None:
    for _ in range(2):
        slack.fail("users.list", *["internal_error"] * 8)
        assert people(api) == 5


@pytest.mark.parametrize("limit", [1, 100, 200])
def test_handler_http_500_to_a_small_page_is_retried(slack: Any, api: SlackApi, limit: int) -> None:
    slack.fail("users.list", {"status_code": 500})
    assert people(api, limit=limit) == 5


def test_handler_limit_required_at_smallest_page_is_retried(slack: Any, api: SlackApi) -> None:
    slack.fail("users.list", "limit_required")
    assert people(api, limit=100) == 5


def test_download_returns_the_file_as_it_came(slack: Any, api: SlackApi) -> None:
    slack.answers["admin.analytics.getFile"] = {}
    slack.fail(
        "admin.analytics.getFile",
        {"status_code": 503},
        {"content": b"abc", "headers": {"Content-Type": "application/gzip"}},
    )
    assert api.download("admin.analytics.getFile", type="member", date="2026-01-01") == b"abc"
    slack.fail("admin.analytics.getFile", "file_not_yet_available")
    with pytest.raises(RequestRejected) as caught:
        api.download("admin.analytics.getFile", type="member", date="2026-01-02")
    assert caught.value.code == "file_not_yet_available"
