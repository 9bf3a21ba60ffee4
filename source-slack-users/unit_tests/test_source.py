"""Tests the commands inside this process, with good and bad configurations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from source_slack_users import SourceSlackUsers
from source_slack_users.config import form

from .commands import TOKEN, check, command, read


@pytest.mark.parametrize("nothing", [None, ""])
def test_commands_empty_settings_count_as_absent(
    tmp_path: Path, slack: Any, config: dict[str, Any], nothing: str | None
) -> None:
    optional = ("team_ids", "include_deactivated", "include_guests", "include_bots", "page_size", "api_url")
    config = {**config, **dict.fromkeys(optional, nothing)}
    assert check(tmp_path, config) == ("SUCCEEDED", "")
    assert sum(m["type"] == "RECORD" for m in read(tmp_path, config, "users")) == 5


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"page_size": 5000}, "page_size"),
        ({"api_url": "http://slack.com/api/"}, "api_url"),
        ({"credentials": {"auth_type": "magic", "spell": TOKEN}}, "credentials.auth_type"),
        ({"credentials": TOKEN}, "credentials"),
        ({"include_bot": True}, "include_bot: did you mean include_bots?"),
        ({"credentials": {"auth_type": "api_token", "api_token": "e"}}, "must begin with xoxb- or xoxp-"),
        ({"team_ids": ["T9"]}, "Workspaces (team_ids) names T9, which this token cannot see. It sees Acme (T1)."),
    ],
)
def test_check_and_read_bad_setting_is_named(
    tmp_path: Path, slack: Any, config: dict[str, Any], change: dict[str, Any], sentence: str
) -> None:
    status, message = check(tmp_path, {**config, **change})
    assert status == "FAILED"
    assert sentence in message
    with pytest.raises(AirbyteTracedException) as caught:
        read(tmp_path, {**config, **change}, "users")
    assert caught.value.failure_type is FailureType.config_error
    assert sentence in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read"),
        (b'{"api_token": "' + TOKEN.encode(), "is not JSON: line 1, column 15."),
        (b'{\n  "page_size": 5,\n}', "is not JSON: line 3, column 1."),
        (b"[1]", "is not a JSON object."),
        (b"", "is empty."),
        (b"\xff", "is not text in UTF-8."),
    ],
)
def test_check_broken_file_fails_with_a_sentence(tmp_path: Path, content: bytes | None, expected: str) -> None:
    path = tmp_path / "broken"
    if content is not None:
        path.write_bytes(content)
    messages = command(tmp_path, "check", "--config", str(path))
    (status,) = [m["connectionStatus"] for m in messages if m["type"] == "CONNECTION_STATUS"]
    assert status["status"] == "FAILED"
    assert expected in status["message"]
    assert TOKEN not in json.dumps(messages)
    with pytest.raises(AirbyteTracedException) as caught:
        command(tmp_path, "discover", "--config", str(path))
    assert caught.value.failure_type == FailureType.config_error


def test_discover_bad_configuration_is_rejected(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(AirbyteTracedException) as caught:
        command(tmp_path, "discover", config={**config, "page_size": 0})
    assert caught.value.failure_type is FailureType.config_error


def test_read_each_stream_fails_by_itself(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
    slack.fail("team.accessLogs", "paid_only")
    slack.fail("team.billableInfo", *["internal_error"] * 20)
    catalog = [("last_logins", "incremental"), ("users", "incremental"), ("billable_info", "full_refresh")]
    messages: list[dict[str, Any]] = []
    streams = [
        {
            "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
            "sync_mode": mode,
            "destination_sync_mode": "append",
        }
        for name, mode in catalog
    ]
    for name, content in (("config", config), ("catalog", {"streams": streams})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    entrypoint = AirbyteEntrypoint(SourceSlackUsers())
    arguments = ["read", "--config", str(tmp_path / "config.json"), "--catalog", str(tmp_path / "catalog.json")]
    with pytest.raises(AirbyteTracedException) as caught:
        messages.extend(json.loads(line) for line in entrypoint.run(entrypoint.parse_args(arguments)))
    assert caught.value.failure_type is FailureType.config_error
    assert "paid Slack plan" in str(caught.value)
    errors = [m["trace"]["error"] for m in messages if m["type"] == "TRACE" and m["trace"]["type"] == "ERROR"]
    assert [(e["stream_descriptor"]["name"], e["failure_type"]) for e in errors] == [
        ("last_logins", "config_error"),
        ("billable_info", "transient_error"),
    ]
    assert sum(m["type"] == "RECORD" for m in messages) == 5
    assert [m["state"]["stream"]["stream_descriptor"]["name"] for m in messages if m["type"] == "STATE"] == ["users"]


def test_read_transient_fault_is_a_transient_error(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
    slack.fail("users.list", *["internal_error"] * 20)
    with pytest.raises(AirbyteTracedException) as caught:
        read(tmp_path, config, "users")
    assert caught.value.failure_type is FailureType.transient_error


@pytest.mark.parametrize("answer", [{}, {"members": None}])
def test_read_response_without_people_is_transient(
    tmp_path: Path, slack: Any, config: dict[str, Any], answer: dict[str, Any]
) -> None:
    slack.answers["users.list"] = answer
    with pytest.raises(AirbyteTracedException, match="the listing is incomplete") as caught:
        read(tmp_path, config, "users")
    assert caught.value.failure_type is FailureType.transient_error


@pytest.mark.parametrize("odd", [{"teams": [{"name": "without an id"}]}, {"teams": [None]}])
def test_read_unforeseen_response_is_a_system_error(
    tmp_path: Path, slack: Any, config: dict[str, Any], odd: Any
) -> None:
    slack.answers |= {"auth.test": {"team_id": "E1", "is_enterprise_install": True}, "auth.teams.list": odd}
    with pytest.raises(AirbyteTracedException) as caught:
        read(tmp_path, config, "users")
    assert caught.value.failure_type is FailureType.system_error
    assert "Slack sent an unexpected response" in str(caught.value)


def test_read_state_without_a_time_is_a_config_error(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
    stream = {"stream_descriptor": {"name": "last_logins"}, "stream_state": {"last_login_at": 10**15}}
    state = [{"type": "STREAM", "stream": stream}]
    with pytest.raises(AirbyteTracedException, match="no time in last_login_at") as caught:
        read(tmp_path, config, "last_logins", sync_mode="incremental", state=state)
    assert caught.value.failure_type is FailureType.config_error


@given(st.text(max_size=30), st.sampled_from(["api_token", "client_secret", "access_token", "refresh_token"]))
def test_configure_whatever_comes_fits_the_spec_or_is_rejected(secret: str, name: str) -> None:
    """A configuration that does not fit the spec is not quoted, as the CDK would."""
    credentials = {"auth_type": "oauth2.0", "client_id": "1", "client_secret": "made-up", "access_token": "xoxb-1"}
    if name == "api_token":
        credentials = {"auth_type": "api_token"}
    config = SourceSlackUsers().configure({"credentials": {**credentials, name: secret}}, "")
    Draft7Validator(form()).validate(config)


def test_configure_writes_no_file(tmp_path: Path, config: dict[str, Any]) -> None:
    """The CDK's own method writes all secrets to a temporary file."""
    assert SourceSlackUsers().configure(config, str(tmp_path)) == config
    assert list(tmp_path.iterdir()) == []


def test_configure_unknown_setting_is_warned_of(config: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    SourceSlackUsers().configure({**config, "someone": "else", TOKEN: 1}, "")
    assert "Unknown setting, which has no effect: someone." in caplog.messages
    assert TOKEN not in caplog.text
