"""Tests `check`, `discover` and `spec` as a process.

Each mistake is reported in one plain sentence, without a secret.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.harness.source_process import config, read, run
from integration_tests.sandbox import Fault, Sandbox

TOKEN = "xoxb-made-up-and-wrong"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Return a port that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def failed(configuration: dict[str, Any]) -> str:
    """Return the sentence of a check that fails as Airbyte expects: in time, status 0."""
    started = time.monotonic()
    output = run("check", configuration)
    assert time.monotonic() - started < 30
    status, message = output.connection_status()
    assert (output.status, status) == (0, "FAILED")
    assert output.errors() == []
    for secret in str(configuration.get("credentials")).split("'"):
        assert not secret.startswith("xox") or secret not in output.text
    assert "Traceback" not in message
    assert "\n" not in message
    return message


def test_check_good_configuration_succeeds(sandbox: Sandbox) -> None:
    output = run("check", config(sandbox))
    assert output.status == 0
    assert output.connection_status() == ("SUCCEEDED", "")


def test_check_wrong_token_fails(sandbox: Sandbox) -> None:
    assert "invalid_auth. The token is not valid" in failed(config(sandbox, TOKEN))
    output = read(config(sandbox, TOKEN))
    assert output.status == 1
    assert output.errors("users")[0]["failure_type"] == "config_error"


def test_check_refused_connection_fails(sandbox: Sandbox, closed_port: int) -> None:
    message = failed(config(sandbox, api_url=f"http://127.0.0.1:{closed_port}/api/"))
    assert "is unreachable" in message
    assert "(api_url)" in message


def test_check_silent_host_fails(sandbox: Sandbox, silent_port: int) -> None:
    assert "is unreachable" in failed(config(sandbox, api_url=f"http://127.0.0.1:{silent_port}/api/"))


def test_check_host_that_is_not_slack_fails(sandbox: Sandbox) -> None:
    assert "is not the Slack Web API" in failed(config(sandbox, api_url=f"{sandbox.oomnitza_url}/nowhere/"))


def test_check_page_of_html_fails(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("html", service="slack", times=None))
    assert "is not JSON" in failed(config(sandbox))


def test_check_long_rate_limit_fails(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", status=429, retry_after=60, service="slack", times=None))
    assert "limits the rate" in failed(config(sandbox))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"api_url": "http://slack.com/api/"}, "(api_url) must begin with https://"),
        ({"page_size": 1001}, "(page_size) must be less than or equal to 1000"),
        ({"page_size": 0}, "(page_size) must be greater than or equal to 1"),
        (
            {"credentials": {"auth_type": "magic", "spell": TOKEN}},
            "(credentials.auth_type) must be api_token or oauth2.0",
        ),
        ({"credentials": {"auth_type": "api_token", "token": TOKEN}}, "(credentials.api_token) is missing"),
        ({"credentials": TOKEN}, "(credentials) must be an object"),
        ({"team_ids": ["T0000"]}, "Workspaces (team_ids) names T0000, which this token cannot see. It sees Acme"),
    ],
)
def test_check_and_read_wrong_setting_is_named(sandbox: Sandbox, change: dict[str, Any], named: str) -> None:
    configuration = {**config(sandbox), **change}
    assert named in failed(configuration)
    output = read(configuration)
    assert output.status == 1
    error = output.errors()[0]
    assert error["failure_type"] == "config_error"
    assert named in error["message"]
    assert TOKEN not in output.text


def test_check_keys_of_the_platform_are_accepted(sandbox: Sandbox) -> None:
    output = run("check", config(sandbox, __injected_declarative_manifest={}, other=1))
    assert output.connection_status() == ("SUCCEEDED", "")


def test_discover_needs_no_slack(closed_port: int) -> None:
    credentials = {"auth_type": "api_token", "api_token": TOKEN}
    output = run("discover", {"credentials": credentials, "api_url": f"http://127.0.0.1:{closed_port}/"})
    assert output.status == 0
    (catalog,) = output.of("CATALOG")
    keys = {stream["name"]: stream["source_defined_primary_key"] for stream in catalog["streams"]}
    assert keys == {
        "users": [["id"]],
        "last_logins": [["user_id"]],
        "billable_info": [["user_id"]],
        "user_groups": [["id"]],
        "member_activity": [["user_id"], ["date"]],
    }
    cursors = {stream["name"]: stream.get("default_cursor_field") for stream in catalog["streams"]}
    assert cursors == {
        "users": ["updated"],
        "last_logins": ["last_login_at"],
        "billable_info": None,
        "user_groups": None,
        "member_activity": ["date"],
    }
    assert not any(stream["is_resumable"] for stream in catalog["streams"])


def test_discover_wrong_setting_is_a_config_error(sandbox: Sandbox) -> None:
    output = run("discover", config(sandbox, page_size=0))
    assert output.status == 1
    assert output.errors()[0]["failure_type"] == "config_error"
