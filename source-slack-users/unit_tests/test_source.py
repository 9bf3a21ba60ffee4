"""The commands, inside this process: what each says of a good and of a bad configuration."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
import source_slack_users.source
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import FailureType, Status
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from source_slack_users import SourceSlackUsers

LOGGER = logging.getLogger("airbyte")
TOKEN = "token-of-the-bot-1"


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


def test_check_says_yes(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
    assert check(tmp_path, config) == ("SUCCEEDED", "")


@pytest.mark.parametrize("nothing", [None, ""])
def test_optional_settings_that_a_form_sends_empty_are_as_if_left_out(
    tmp_path: Path, slack: Any, config: dict[str, Any], nothing: str | None
) -> None:
    optional = ("team_ids", "include_deactivated", "include_guests", "include_bots", "page_size", "api_url")
    config = {**config, **dict.fromkeys(optional, nothing)}
    assert check(tmp_path, config) == ("SUCCEEDED", "")
    assert sum(m["type"] == "RECORD" for m in read(tmp_path, config, "users")) == 5


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        ("users:read", "the scope users:read.email."),
        ("users:read.email,channels:read", "the scope users:read."),
        ("", "the scope users:read, users:read.email."),
    ],
)
def test_check_names_the_scopes_that_lack(
    tmp_path: Path, slack: Any, config: dict[str, Any], scopes: str, missing: str
) -> None:
    slack.scopes = scopes
    status, message = check(tmp_path, config)
    assert status == "FAILED"
    assert missing in message
    assert "OAuth & Permissions" in message


def test_check_bears_with_spaces_in_the_scopes_and_with_none_told(
    tmp_path: Path, slack: Any, config: dict[str, Any]
) -> None:
    slack.scopes = "users:read, users:read.email"
    assert check(tmp_path, config)[0] == "SUCCEEDED"
    slack.scopes = None
    assert check(tmp_path, config)[0] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"page_size": 5000}, "page_size"),
        ({"api_url": "http://slack.com/api/"}, "api_url"),
        ({"credentials": {"auth_type": "magic", "spell": TOKEN}}, "credentials.auth_type"),
        ({"credentials": TOKEN}, "credentials"),
        ({"team_ids": ["T9"]}, "team_ids names T9, which this token cannot see. It sees Acme (T1)."),
    ],
)
def test_check_and_read_tell_what_is_wrong_with_the_configuration(
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
    ("content", "told"),
    [
        (None, "cannot be read"),
        (b'{"api_token": "' + TOKEN.encode(), "is not a JSON"),
        (b"[1]", "is not a JSON"),
        (b"\xff", "is not a JSON"),
    ],
)
def test_a_file_that_is_no_configuration_fails_the_check_with_a_sentence(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    path = tmp_path / "broken"
    if content is not None:
        path.write_bytes(content)
    messages = command(tmp_path, "check", "--config", str(path))
    (status,) = [m["connectionStatus"] for m in messages if m["type"] == "CONNECTION_STATUS"]
    assert status["status"] == "FAILED"
    assert told in status["message"]
    assert TOKEN not in json.dumps(messages)
    with pytest.raises(AirbyteTracedException) as refused:
        command(tmp_path, "discover", "--config", str(path))
    assert refused.value.failure_type == FailureType.config_error


def test_discover_refuses_a_bad_configuration_too(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(AirbyteTracedException) as caught:
        command(tmp_path, "discover", config={**config, "page_size": 0})
    assert caught.value.failure_type is FailureType.config_error


def test_check_gives_up_in_time(tmp_path: Path, slack: Any, config: dict[str, Any], clock: Any) -> None:
    slack.fail("auth.test", *["internal_error"] * 9)
    status, message = check(tmp_path, config)
    assert status == "FAILED"
    assert "auth.test answered with internal_error. Gave up after 8 seconds" in message
    assert sum(clock.slept) < 9


def test_check_does_not_wait_as_long_as_slack_asks(
    tmp_path: Path, slack: Any, config: dict[str, Any], clock: Any
) -> None:
    slack.fail("auth.test", {"status_code": 429, "headers": {"Retry-After": "60"}})
    assert check(tmp_path, config)[0] == "FAILED"
    assert clock.slept == []


def test_check_says_so_where_the_name_server_hangs(
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
    assert "did not answer within" in message


def test_a_check_without_the_entry_point_says_the_same(slack: Any, config: dict[str, Any]) -> None:
    slack.fail("auth.test", "invalid_auth")
    result = SourceSlackUsers().check(LOGGER, config)
    assert result.status is Status.FAILED
    assert "The token is not valid" in str(result.message)


def test_each_stream_fails_by_itself(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
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


def test_a_failure_that_passes_is_told_as_one(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
    slack.fail("users.list", *["internal_error"] * 20)
    with pytest.raises(AirbyteTracedException) as caught:
        read(tmp_path, config, "users")
    assert caught.value.failure_type is FailureType.transient_error


@pytest.mark.parametrize("answer", [{}, {"members": None}])
def test_an_answer_without_people_in_it_is_no_end_of_the_listing(
    tmp_path: Path, slack: Any, config: dict[str, Any], answer: dict[str, Any]
) -> None:
    slack.answers["users.list"] = answer
    with pytest.raises(AirbyteTracedException, match="the listing is not whole") as caught:
        read(tmp_path, config, "users")
    assert caught.value.failure_type is FailureType.transient_error


@pytest.mark.parametrize("odd", [{"teams": [{"name": "without an id"}]}, {"teams": [None]}])
def test_what_nobody_foresaw_is_a_system_error_with_a_sentence(
    tmp_path: Path, slack: Any, config: dict[str, Any], odd: Any
) -> None:
    slack.answers |= {"auth.test": {"team_id": "E1", "is_enterprise_install": True}, "auth.teams.list": odd}
    with pytest.raises(AirbyteTracedException) as caught:
        read(tmp_path, config, "users")
    assert caught.value.failure_type is FailureType.system_error
    assert "Slack's answer has a shape that this connector does not know" in str(caught.value)


def test_a_state_that_is_no_time_fails_as_a_config_error(tmp_path: Path, slack: Any, config: dict[str, Any]) -> None:
    stream = {"stream_descriptor": {"name": "last_logins"}, "stream_state": {"last_login_at": 10**15}}
    state = [{"type": "STREAM", "stream": stream}]
    with pytest.raises(AirbyteTracedException, match="no time in last_login_at") as caught:
        read(tmp_path, config, "last_logins", sync_mode="incremental", state=state)
    assert caught.value.failure_type is FailureType.config_error


@pytest.mark.parametrize("odd", [{"teams": [{"name": "without an id"}]}, {"teams": [], "response_metadata": "x"}])
def test_a_check_answers_whatever_slack_says(
    tmp_path: Path, slack: Any, config: dict[str, Any], odd: dict[str, Any]
) -> None:
    slack.answers |= {"auth.test": {"team_id": "E1", "is_enterprise_install": True}, "auth.teams.list": odd}
    status, message = check(tmp_path, config)
    assert status == "FAILED"
    assert "Slack's answer has a shape that this connector does not know" in message


def test_a_check_answers_where_the_certificates_are_not(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    status, message = check(tmp_path, {**config, "api_url": "https://127.0.0.1:9/"})
    assert status == "FAILED"
    assert "none.pem" in message and "REQUESTS_CA_BUNDLE" in message


def test_a_check_that_slack_slows_down_tells_of_no_stream(
    tmp_path: Path, slack: Any, config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    slack.fail("auth.test", {"status_code": 429, "headers": {"Retry-After": "1"}})
    assert check(tmp_path, config)[0] == "SUCCEEDED"
    assert "STREAM_STATUS" not in capsys.readouterr().out


def test_the_spec_tells_the_ui_how_to_authenticate(tmp_path: Path) -> None:
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
    oauth_fields = spec["connectionSpecification"]["properties"]["credentials"]["oneOf"][0]["properties"]
    merged = (
        flow["complete_oauth_output_specification"]["properties"]
        | flow["complete_oauth_server_output_specification"]["properties"]
    )
    assert {tuple(field["path_in_connector_config"]) for field in merged.values()} == {
        ("credentials", name) for name in oauth_fields if name != "auth_type"
    }


def test_the_spec_is_one_that_the_form_understands(tmp_path: Path) -> None:
    (spec,) = [m["spec"] for m in command(tmp_path, "spec") if m["type"] == "SPEC"]
    text = json.dumps(spec["connectionSpecification"])
    assert not any(keyword in text for keyword in ('"$ref"', '"allOf"', '"anyOf"', '"not"'))
    fields = spec["connectionSpecification"]["properties"]
    assert [field["order"] for field in fields.values()] == list(range(len(fields)))
    for variant in fields["credentials"]["oneOf"]:
        fields = {**fields, **{name: field for name, field in variant["properties"].items() if name != "auth_type"}}
    assert all(field["title"] and field["description"] for field in fields.values())
