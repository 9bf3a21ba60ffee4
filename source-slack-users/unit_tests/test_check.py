"""Tests of check: scopes, faults and time."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests_mock
import source_slack_users.source
from airbyte_cdk.models import Status
from source_slack_users import SourceSlackUsers
from source_slack_users.retries import RetryPolicy

from .commands import LOGGER, check, read


def test_check_good_configuration_succeeds(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
    assert check(tmp_path, config) == ("SUCCEEDED", "")


@pytest.mark.parametrize(
    "scopes", ["users:read", "channels:read,users:read", "identify,users:read, team:read", "users:write,chat:write:bot"]
)
def test_check_granular_scopes_without_email_fail(
    tmp_path: Path, slack: Any, config: dict[str, Any], scopes: str
) -> None:
    slack.scopes = scopes
    status, message = check(tmp_path, config)
    assert status == "FAILED"
    assert "The token lacks the scope users:read.email. Add it on" in message
    assert "OAuth & Permissions" in message


@pytest.mark.parametrize(
    "scopes",
    [
        None,
        "",
        "identify,bot:basic",
        "identify,read,post,client",
        "identify,bot",
        "identify,admin",
        "users:read, users:read.email",
        "users:read.email,channels:read",
    ],
)
def test_check_and_read_scopes_are_slacks_to_judge(
    tmp_path: Path, slack: Any, config: dict[str, Any], scopes: str | None
) -> None:
    """A token with scopes of a classic app lists people with their addresses."""
    slack.scopes = scopes
    assert check(tmp_path, config) == ("SUCCEEDED", "")
    assert sum(m["type"] == "RECORD" for m in read(tmp_path, config, "users")) == 5


@pytest.mark.parametrize("scopes", [None, "identify,bot:basic", "users:read.email"])
def test_check_slacks_missing_scope_fails(
    tmp_path: Path, slack: Any, config: dict[str, Any], scopes: str | None
) -> None:
    slack.scopes = scopes
    slack.fail("users.list", {"json": {"ok": False, "error": "missing_scope", "needed": "users:read", "provided": "x"}})
    assert "The token lacks the scope users:read." in check(tmp_path, config)[1]
    assert slack.asked("users.list") == [{"limit": "1"}]


def test_check_organization_asks_in_its_first_workspace(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
    slack.answers["auth.test"] = {"team_id": "E1", "is_enterprise_install": True}
    slack.answers["auth.teams.list"] = {"teams": [{"id": "T1", "name": "One"}, {"id": "T2", "name": "Two"}]}
    assert check(tmp_path, {**config, "team_ids": ["T2"]})[0] == "SUCCEEDED"
    assert slack.asked("users.list") == [{"limit": "1", "team_id": "T2"}]


def test_check_faults_end_in_seconds(tmp_path: Path, slack: Any, config: dict[str, Any], clock: Any) -> None:
    slack.fail("auth.test", *["internal_error"] * 9)
    status, message = check(tmp_path, config)
    assert status == "FAILED"
    assert "auth.test returned internal_error. Gave up after 6 seconds" in message
    assert sum(clock.slept) < 7


def test_check_waits_longer_for_a_new_token(tmp_path: Path, config: dict[str, Any]) -> None:
    """The refresh token is spent, so giving up early would lose the new one."""
    token = {"ok": True, "access_token": "xoxe.xoxb-new", "refresh_token": "xoxe-new", "expires_in": 43200}
    config["credentials"] = {
        "auth_type": "oauth2.0",
        "client_id": "1.2",
        "client_secret": "made-up",
        "access_token": "xoxe.xoxb-old",
        "refresh_token": "xoxe-old",
        "token_expiry_date": "2020-01-01T00:00:00Z",
    }
    with requests_mock.Mocker() as http:
        http.post("https://slack.com/api/oauth.v2.access", json=token)
        http.get("https://slack.com/api/auth.test", json={"ok": False, "error": "account_inactive"})
        check(tmp_path, config)
    renewal, test = (request.timeout for request in http.request_history)
    assert renewal[1] > 2 * test[1]


def test_check_long_rate_limit_is_not_waited(tmp_path: Path, slack: Any, config: dict[str, Any], clock: Any) -> None:
    slack.fail("auth.test", {"status_code": 429, "headers": {"Retry-After": "60"}})
    assert check(tmp_path, config)[0] == "FAILED"
    assert clock.slept == []


def test_check_hanging_name_server_ends_in_time(
    tmp_path: Path, slack: Any, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_slack_users.source, "CHECK_SECONDS", 0.2)
    released = threading.Event()

    def hang(_params: dict[str, str]) -> dict[str, Any]:
        released.wait(10)
        return {"ok": False, "error": "invalid_auth"}

    slack.answers["auth.test"] = hang
    status, message = check(tmp_path, config)
    released.set()
    for thread in threading.enumerate():
        if thread.name == "check":
            thread.join(10)
    assert status == "FAILED"
    assert "did not respond within" in message


def test_check_response_byte_by_byte_ends_in_time(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    """Each response is an endless status line."""
    monkeypatch.setattr(source_slack_users.source, "CHECK_RETRY_POLICY", RetryPolicy(faults=1, response=0.2))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def endless(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                for _ in range(500):
                    connection.sendall(b"H")
                    threading.Event().wait(0.02)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=endless, args=[server.accept()[0]], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        status, message = check(tmp_path, {**config, "api_url": address})
    assert status == "FAILED"
    assert "sent no complete response. Gave up" in message


def test_check_without_entry_point_fails_alike(slack: Any, config: dict[str, Any]) -> None:
    slack.fail("auth.test", "invalid_auth")
    result = SourceSlackUsers().check(LOGGER, config)
    assert result.status is Status.FAILED
    assert "The token is not valid" in str(result.message)


@pytest.mark.parametrize("odd", [{"teams": [{"name": "without an id"}]}, {"teams": [], "response_metadata": "x"}])
def test_check_odd_response_fails(tmp_path: Path, slack: Any, config: dict[str, Any], odd: dict[str, Any]) -> None:
    slack.answers |= {"auth.test": {"team_id": "E1", "is_enterprise_install": True}, "auth.teams.list": odd}
    status, message = check(tmp_path, config)
    assert status == "FAILED"
    assert "Slack sent an unexpected response" in message


def test_check_missing_certificates_fail(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    status, message = check(tmp_path, {**config, "api_url": "https://127.0.0.1:9/"})
    assert status == "FAILED"
    assert "none.pem" in message and "REQUESTS_CA_BUNDLE" in message


def test_check_rate_limit_reports_no_stream_status(
    tmp_path: Path, slack: Any, config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    slack.fail("auth.test", {"status_code": 429, "headers": {"Retry-After": "1"}})
    assert check(tmp_path, config)[0] == "SUCCEEDED"
    assert "STREAM_STATUS" not in capsys.readouterr().out
