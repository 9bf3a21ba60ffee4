"""Tests authentication, and the renewal of tokens."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets, update_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from source_slack_users.config import parse_config
from source_slack_users.oauth import sign_in
from source_slack_users.retries import RetryPolicy
from source_slack_users.slack_api import SlackApi

API = "https://slack.com/api/"


@pytest.fixture(autouse=True)
def _no_secrets_left_behind() -> Any:
    update_secrets([])
    yield
    update_secrets([])


@pytest.fixture
def raw() -> dict[str, Any]:
    return {
        "credentials": {
            "auth_type": "oauth2.0",
            "client_id": "1.2",
            "client_secret": "made-up/secret+1",
            "access_token": "xoxb-access-0",
            "refresh_token": "refresh-0",
        },
        "page_size": 200,
        "of_the_platform": True,
    }


@pytest.fixture
def rotating(slack: Any) -> Any:
    """Simulate Slack with one valid access token at a time."""
    slack.valid = 1
    plain = dict(slack.answers)

    def renew(params: dict[str, str]) -> dict[str, Any]:
        assert params["refresh_token"] == f"refresh-{slack.valid - 1}"
        number = slack.valid
        slack.valid += 1
        return {"access_token": f"xoxb-access-{number}", "refresh_token": f"refresh-{number}", "expires_in": 43200}

    def guarded(_params: dict[str, str]) -> dict[str, Any]:
        known = slack.calls[-1][2] == f"Bearer xoxb-access-{slack.valid - 1}" and slack.valid > 1
        return plain["users.list"] if known else {"ok": False, "error": "token_expired"}

    slack.answers |= {"oauth.v2.access": renew, "users.list": guarded}
    return slack


def api_for(raw: dict[str, Any]) -> SlackApi:
    return SlackApi("users", API, sign_in(parse_config(raw), raw, RetryPolicy()), retry_policy=RetryPolicy())


def controls(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [m["control"]["connectorConfig"]["config"] for m in messages if m["type"] == "CONTROL"]


def expiring(raw: dict[str, Any], seconds: float) -> dict[str, Any]:
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return {**raw, "credentials": {**raw["credentials"], "token_expiry_date": moment.isoformat()}}


def test_token_without_expiry_date_is_used_until_rejected(
    rotating: Any, raw: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answer, _ = api_for(raw).call("users.list")
    assert len(answer["members"]) == 5
    assert [method for method, _, _ in rotating.calls] == ["users.list", "oauth.v2.access", "users.list"]
    (handed_over,) = controls(capsys)
    expiry = datetime.fromisoformat(handed_over["credentials"].pop("token_expiry_date").replace("Z", "+00:00"))
    assert timedelta(hours=11) < expiry - datetime.now(timezone.utc) <= timedelta(hours=12)
    tokens = {"access_token": "xoxb-access-1", "refresh_token": "refresh-1"}
    assert handed_over == {**raw, "credentials": {**raw["credentials"], **tokens}}


def test_token_past_its_date_is_renewed_before_use(
    rotating: Any, raw: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    api = api_for(expiring(raw, -60))
    api.call("users.list")
    api.call("users.list")
    assert [method for method, _, _ in rotating.calls] == ["oauth.v2.access", "users.list", "users.list"]
    assert len(controls(capsys)) == 1


def test_token_before_its_date_is_used(slack: Any, raw: dict[str, Any]) -> None:
    api_for(expiring(raw, 3600)).call("users.list")
    assert [method for method, _, _ in slack.calls] == ["users.list"]


def test_token_with_the_earliest_date_is_renewed(rotating: Any, raw: dict[str, Any]) -> None:
    raw["credentials"]["token_expiry_date"] = "0001-01-01T00:00:00Z"
    api_for(raw).call("users.list")
    assert [method for method, _, _ in rotating.calls] == ["oauth.v2.access", "users.list"]


@pytest.mark.parametrize("expires_in", [10**15, float("nan"), "soon", None])
def test_new_pair_with_odd_expiry_is_handed_over_without_date(
    rotating: Any, raw: dict[str, Any], capsys: pytest.CaptureFixture[str], expires_in: Any
) -> None:
    renew = rotating.answers["oauth.v2.access"]
    rotating.answers["oauth.v2.access"] = lambda params: {**renew(params), "expires_in": expires_in}
    api_for(expiring(raw, -60)).call("users.list")
    (handed_over,) = controls(capsys)
    assert handed_over["credentials"]["refresh_token"] == "refresh-1"
    assert "token_expiry_date" not in handed_over["credentials"], "an empty one would not fit the spec"


def test_renewal_sends_secrets_in_the_body_alone(rotating: Any, raw: dict[str, Any]) -> None:
    api_for(raw).call("users.list")
    _, form, authorization = rotating.calls[1]
    assert authorization == ""
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-0",
        "client_id": "1.2",
        "client_secret": "made-up/secret+1",
    }


@pytest.mark.parametrize("code", ["invalid_refresh_token", "invalid_client_id", "bad_client_secret", "who_knows"])
def test_renewal_rejected_is_a_config_error_without_control(
    rotating: Any, raw: dict[str, Any], capsys: pytest.CaptureFixture[str], code: str
) -> None:
    rotating.fail("oauth.v2.access", code)
    with pytest.raises(AirbyteTracedException) as caught:
        api_for(raw).call("users.list")
    assert caught.value.failure_type is FailureType.config_error
    assert code in str(caught.value)
    assert controls(capsys) == []


@pytest.mark.parametrize(
    "tokens",
    [
        {"access_token": None, "refresh_token": None},
        {"access_token": "xoxp-1", "refresh_token": ["x"]},
        {"access_token": "xoxp-1\r\nX: 1", "refresh_token": "x"},
        {"access_token": "x" * 20_000},
    ],
    ids=["none", "a list", "a line break", "endless"],
)
def test_renewal_without_a_token_is_a_config_error(
    rotating: Any, raw: dict[str, Any], capsys: pytest.CaptureFixture[str], tokens: dict[str, Any]
) -> None:
    rotating.answers["oauth.v2.access"] = tokens
    with pytest.raises(AirbyteTracedException) as caught:
        api_for(raw).call("users.list")
    assert caught.value.failure_type is FailureType.config_error
    assert controls(capsys) == []


def test_renewal_transient_fault_is_retried(rotating: Any, raw: dict[str, Any]) -> None:
    rotating.fail("oauth.v2.access", {"status_code": 503}, "internal_error")
    assert len(api_for(raw).call("users.list")[0]["members"]) == 5


@pytest.mark.parametrize("code", ["token_revoked", "invalid_auth"])
def test_token_rejected_with_refresh_token_is_renewed_once(
    rotating: Any, raw: dict[str, Any], capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """Slack returns these codes for expired tokens, too, and for rotated ones."""
    auth = sign_in(parse_config(raw), raw, RetryPolicy())
    rotating.fail("users.list", code)
    assert len(SlackApi("users", API, auth, retry_policy=RetryPolicy()).call("users.list")[0]["members"]) == 5
    rotating.fail("users.list", code)
    with pytest.raises(AirbyteTracedException, match=code):
        SlackApi("last_logins", API, auth, retry_policy=RetryPolicy()).call("users.list")
    assert len(rotating.asked("oauth.v2.access")) == len(controls(capsys)) == 1


def test_token_expired_after_a_revoked_one_is_renewed(rotating: Any, raw: dict[str, Any]) -> None:
    api = api_for(raw)
    for code in ("token_revoked", "token_expired", "token_expired"):
        rotating.fail("users.list", code)
        api.call("users.list")
    assert len(rotating.asked("oauth.v2.access")) == 3


def test_renewal_unreachable_is_a_transient_error(
    rotating: Any, raw: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    rotating.fail("oauth.v2.access", *[{"status_code": 503}] * 20)
    with pytest.raises(AirbyteTracedException) as caught:
        api_for(raw).call("users.list")
    assert caught.value.failure_type is FailureType.transient_error
    assert controls(capsys) == []


def test_new_token_rejected_too_is_not_renewed_again(rotating: Any, raw: dict[str, Any]) -> None:
    rotating.fail("users.list", *["token_expired"] * 5)
    with pytest.raises(AirbyteTracedException) as caught:
        api_for(raw).call("users.list")
    assert caught.value.failure_type is FailureType.config_error
    assert len(rotating.asked("oauth.v2.access")) == 1


def test_expired_token_without_refresh_is_a_config_error(slack: Any, raw: dict[str, Any]) -> None:
    slack.fail("users.list", "token_expired")
    with pytest.raises(AirbyteTracedException) as caught:
        api_for({**raw, "credentials": {**raw["credentials"], "refresh_token": ""}}).call("users.list")
    assert caught.value.failure_type is FailureType.config_error
    assert "Authenticate again" in str(caught.value)


def test_renewal_of_a_users_token_reads_authed_user(rotating: Any, raw: dict[str, Any]) -> None:
    rotating.answers["oauth.v2.access"] = {"authed_user": {"access_token": "user-1", "refresh_token": "refresh-1"}}
    api = api_for(expiring(raw, -1))
    rotating.answers["auth.test"] = {"team_id": "T1"}
    api.call("auth.test")
    assert rotating.calls[-1][2] == "Bearer user-1"


def test_renewed_tokens_are_masked(rotating: Any, raw: dict[str, Any]) -> None:
    api_for(raw).call("users.list")
    assert "xoxb-access-1" not in filter_secrets("xoxb-access-0 xoxb-access-1 refresh-0 refresh-1")
    assert "refresh" not in filter_secrets("xoxb-access-0 xoxb-access-1 refresh-0 refresh-1")
