"""Tests the commands inside this process, with good and bad configurations."""

from __future__ import annotations

import json
import logging
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import source_slack_users.source
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import FailureType, Status
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from source_slack_users import SourceSlackUsers
from source_slack_users.config import form
from source_slack_users.retries import RetryPolicy

LOGGER = logging.getLogger("airbyte")
TOKEN = "xoxb-of-the-bot-1"


def command(tmp_path: Path, *arguments: str, **files: Any) -> list[dict[str, Any]]:
    """Run a command as the console script does."""
    options = []
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
        options += [f"--{name}", str(tmp_path / f"{name}.json")]
    entrypoint = AirbyteEntrypoint(SourceSlackUsers())
    return [json.loads(line) for line in entrypoint.run(entrypoint.parse_args([*arguments, *options]))]


def check(tmp_path: Path, config: dict[str, Any]) -> tuple[str, str]:
    messages = command(tmp_path, "check", config=config)
    (status,) = [m["connectionStatus"] for m in messages if m["type"] == "CONNECTION_STATUS"]
    assert TOKEN not in json.dumps(messages)
    return status["status"], status.get("message", "")


def read(tmp_path: Path, config: dict[str, Any], *streams: str, **files: Any) -> list[dict[str, Any]]:
    catalog = {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
                "sync_mode": files.pop("sync_mode", "full_refresh"),
                "destination_sync_mode": "append",
            }
            for name in streams
        ]
    }
    return command(tmp_path, "read", config=config, catalog=catalog, **files)


def test_check_good_configuration_succeeds(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
    assert check(tmp_path, config) == ("SUCCEEDED", "")


@pytest.mark.parametrize("nothing", [None, ""])
def test_commands_empty_settings_count_as_absent(
    tmp_path: Path, slack: Any, config: dict[str, Any], nothing: str | None
) -> None:
    optional = ("team_ids", "include_deactivated", "include_guests", "include_bots", "page_size", "api_url")
    config = {**config, **dict.fromkeys(optional, nothing)}
    assert check(tmp_path, config) == ("SUCCEEDED", "")
    assert sum(m["type"] == "RECORD" for m in read(tmp_path, config, "users")) == 5


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


def test_check_faults_end_in_seconds(tmp_path: Path, slack: Any, config: dict[str, Any], clock: Any) -> None:
    slack.fail("auth.test", *["internal_error"] * 9)
    status, message = check(tmp_path, config)
    assert status == "FAILED"
    assert "auth.test returned internal_error. Gave up after 6 seconds" in message
    assert sum(clock.slept) < 7


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


def test_spec_oauth_fields_exist_in_the_form(tmp_path: Path) -> None:
    (spec,) = [m["spec"] for m in command(tmp_path, "spec") if m["type"] == "SPEC"]
    auth = spec["advanced_auth"]
    assert (auth["auth_flow_type"], auth["predicate_key"], auth["predicate_value"]) == (
        "oauth2.0",
        ["credentials", "auth_type"],
        "oauth2.0",
    )
    flow = auth["oauth_config_specification"]
    asked = flow["oauth_connector_input_specification"]
    assert asked["scope"] == "users:read,users:read.email"
    assert flow["complete_oauth_server_input_specification"]["required"] == ["client_id", "client_secret"]
    oauth_fields = spec["connectionSpecification"]["properties"]["credentials"]["oneOf"][1]["properties"]
    merged = (
        flow["complete_oauth_output_specification"]["properties"]
        | flow["complete_oauth_server_output_specification"]["properties"]
    )
    assert {tuple(field["path_in_connector_config"]) for field in merged.values()} == {
        ("credentials", name) for name in oauth_fields if name != "auth_type"
    }


def test_spec_has_only_what_the_form_understands(tmp_path: Path) -> None:
    (spec,) = [m["spec"] for m in command(tmp_path, "spec") if m["type"] == "SPEC"]
    text = json.dumps(spec["connectionSpecification"])
    assert not any(keyword in text for keyword in ('"$ref"', '"allOf"', '"anyOf"', '"not"'))
    fields = spec["connectionSpecification"]["properties"]
    assert [field["order"] for field in fields.values()] == list(range(len(fields)))
    for variant in fields["credentials"]["oneOf"]:
        fields = {**fields, **{name: field for name, field in variant["properties"].items() if name != "auth_type"}}
    assert all(field["title"] and field["description"] for field in fields.values())


def open_fields(schema: dict[str, Any]) -> list[str]:
    """Return the titles of the fields that Airbyte's form shows at first.

    Those are required fields, fields with always_show, and each oneOf (https://github.com/airbytehq/airbyte-platform).
    """
    required = schema.get("required", [])
    fields = sorted(schema["properties"].items(), key=lambda item: item[1].get("order", 0))
    shown = [field for name, field in fields if name in required or field.get("always_show") or "oneOf" in field]
    return [field["title"] for field in shown if "const" not in field]


def test_form_first_look_shows_what_a_first_sync_needs() -> None:
    assert open_fields(form()) == ["Authentication"]
    token, oauth = form()["properties"]["credentials"]["oneOf"]
    assert open_fields(token) == ["Token"], "the first option is chosen"
    assert open_fields(oauth) == ["Client ID", "Client secret", "Access token", "Refresh token"]


def test_form_rare_settings_are_in_group_advanced() -> None:
    groups = [group["id"] for group in form()["groups"]]
    assert groups == ["advanced"]
    rare = [name for name, field in form()["properties"].items() if field.get("group") == "advanced"]
    assert rare == ["page_size", "api_url"]


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
