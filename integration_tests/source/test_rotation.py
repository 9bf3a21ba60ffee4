"""Tests token rotation: renewal before and during a read, and the CONTROL message."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from integration_tests.harness.source_process import Output, read, run
from integration_tests.sandbox import Fault, Sandbox


def oauth(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    credentials = {
        "auth_type": "oauth2.0",
        "client_id": sandbox.slack.client_id,
        "client_secret": sandbox.slack.client_secret,
        "access_token": sandbox.slack.rotating_token,
        "refresh_token": sandbox.slack.refresh_token,
        **more,
    }
    return {"credentials": credentials, "api_url": sandbox.slack_url, "page_size": 20, "of_the_platform": 1}


def past() -> str:
    return (datetime.now(timezone.utc) - timedelta(hours=1)).isoformat()


def handed_over(output: Output) -> dict[str, Any]:
    (control,) = output.of("CONTROL")
    assert control["type"] == "CONNECTOR_CONFIG"
    config: dict[str, Any] = control["connectorConfig"]["config"]
    return config


def assert_no_secret(output: Output, *secrets: str) -> None:
    """Assert that no message but CONTROL holds a secret."""
    text = "\n".join(line for line in output.text.splitlines() if '"type":"CONTROL"' not in line)
    for secret in secrets:
        assert secret not in text


@pytest.mark.parametrize("options", [(), ("--debug",)])
def test_token_expired_during_read_is_renewed(sandbox: Sandbox, options: tuple[str, ...]) -> None:
    before = oauth(sandbox)
    sandbox.faults.add(Fault("slack_error", code="token_expired", service="slack", path="users.list", nth=2))
    output = read(before, options=options)
    assert output.status == 0
    assert len(output.by_id()) > 50
    after = handed_over(output)
    new = {"access_token": sandbox.slack.rotating_token, "refresh_token": sandbox.slack.refresh_token}
    assert new["access_token"] != before["credentials"]["access_token"]
    expiry = datetime.fromisoformat(after["credentials"]["token_expiry_date"].replace("Z", "+00:00"))
    assert timedelta(hours=11) < expiry - datetime.now(timezone.utc) <= timedelta(hours=12)
    credentials = {**before["credentials"], **new, "token_expiry_date": after["credentials"]["token_expiry_date"]}
    assert after == {**before, "credentials": credentials}
    assert_no_secret(output, *new.values(), *list(before["credentials"].values())[2:])
    assert sandbox.requests.count(path="oauth.v2.access") == 1
    # The configuration that the platform saves works for the next read.
    assert read(after).status == 0
    assert sandbox.requests.count(path="oauth.v2.access") == 1


def test_token_past_its_date_is_renewed_before_use(sandbox: Sandbox) -> None:
    sandbox.slack.expire_token()
    output = read(oauth(sandbox, token_expiry_date=past()))
    assert output.status == 0
    assert sandbox.requests[0].path.endswith("oauth.v2.access")
    assert sandbox.requests[0].query == {}
    handed_over(output)


def test_check_expired_token_is_renewed_and_handed_over(sandbox: Sandbox) -> None:
    sandbox.slack.expire_token()
    output = run("check", oauth(sandbox))
    assert output.connection_status() == ("SUCCEEDED", "")
    assert handed_over(output)["credentials"]["refresh_token"] == sandbox.slack.refresh_token


def test_new_token_is_shared_by_all_streams(sandbox: Sandbox) -> None:
    output = read(oauth(sandbox, token_expiry_date=past()), "users", "last_logins", "billable_info")
    assert sandbox.requests.count(path="oauth.v2.access") == 1
    assert len(output.of("CONTROL")) == 1
    assert output.statuses("users")[-1] == "COMPLETE"


def test_used_refresh_token_is_a_config_error_without_control(sandbox: Sandbox) -> None:
    sandbox.slack.expire_token()
    output = read(oauth(sandbox, refresh_token="xoxe-spent-long-ago"))
    assert output.status == 1
    assert output.of("CONTROL") == []
    error = output.errors("users")[0]
    assert error["failure_type"] == "config_error"
    assert "Authenticate again" in error["message"]
    assert_no_secret(output, "xoxe-spent-long-ago", sandbox.slack.client_secret)
    status, message = run("check", oauth(sandbox, refresh_token="xoxe-spent-long-ago")).connection_status()
    assert status == "FAILED"
    assert "invalid_refresh_token" in message


def test_renewal_transient_fault_is_retried(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("html", status=502, service="slack", path="oauth.v2.access"))
    output = read(oauth(sandbox, token_expiry_date=past()))
    assert output.status == 0
    handed_over(output)


def test_oauth_token_without_rotation_is_used(sandbox: Sandbox) -> None:
    output = read(oauth(sandbox, access_token=sandbox.slack.token, refresh_token=""))
    assert output.status == 0
    assert output.of("CONTROL") == []
