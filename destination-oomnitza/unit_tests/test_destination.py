"""Tests of the commands from Python, and of configurations without a request."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import requests_mock
from airbyte_cdk.models import AirbyteMessageSerializer, ConfiguredAirbyteCatalogSerializer, FailureType, Status
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza import destination as module
from destination_oomnitza.destination import DestinationOomnitza

ORIGIN = "https://acme.oomnitza.com"
CONFIG = {
    "instance_url": "acme",
    "credentials": {"auth_type": "api_token", "api_token": "made-up-token"},
    "default_role": 25,
}
CATALOG = {
    "streams": [
        {
            "stream": {"name": "users", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": "full_refresh",
            "destination_sync_mode": "append",
        }
    ]
}


@pytest.fixture
def http() -> Any:
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{ORIGIN}/api/v2/mappings?name=AuthTest", json=[])
        mocker.get(f"{ORIGIN}/api/v3/users/meta", status_code=404)
        mocker.get(f"{ORIGIN}/api/v3/users", json=[])
        mocker.post(f"{ORIGIN}/api/v3/users", json={"user_id": "1"})
        yield mocker


def check(config: Any) -> tuple[Status, str]:
    status = DestinationOomnitza().check(logging.getLogger("airbyte"), config)
    return status.status, status.message or ""


def test_check_with_an_unexpected_error_answers(http: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("made-up-token")

    monkeypatch.setattr(module, "plan_check", fail)
    status, message = check(CONFIG)
    assert status is Status.FAILED
    assert "bug in this connector" in message
    assert "made-up-token" not in message


@pytest.mark.parametrize("answer", [{"json": {}}, {"status_code": 404, "json": {"error": "no"}}])
def test_check_of_a_host_without_people_fails(http: requests_mock.Mocker, answer: dict[str, Any]) -> None:
    http.get(f"{ORIGIN}/api/v3/users", **answer)
    status, message = check(CONFIG)
    assert status is Status.FAILED
    assert "does not answer as an Oomnitza" in message


@pytest.mark.parametrize("method", ["rest", "ingest"])
def test_check_of_other_host_with_role_name_blames_host(http: requests_mock.Mocker, method: str) -> None:
    """The host reports no roles because it is no Oomnitza; a role id would not help."""
    http.get(f"{ORIGIN}/api/v3/users", status_code=404, json={"error": "no"})
    status, message = check({**CONFIG, "default_role": "Employee", "write_method": {"method": method}})
    assert status is Status.FAILED
    assert "does not answer as an Oomnitza" in message and "role" not in message


def test_check_covers_each_stream_entry(http: requests_mock.Mocker) -> None:
    entry = {"stream": "logins", "record_filter": "{{"}
    status, message = check({**CONFIG, "streams": [entry, {"stream": "groups", "skip": True}]})
    assert status is Status.FAILED
    assert message.startswith(
        "Settings of single streams (streams), logins: Record filter (record_filter) does not compile"
    )


def test_check_that_succeeds_has_no_message(http: requests_mock.Mocker) -> None:
    assert check(CONFIG) == (Status.SUCCEEDED, "")


def test_read_config_of_a_deep_file_is_no_recursion(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"credentials":' + '{"a":' * 900 + '"secret-deep"' + "}" * 900 + "}")
    module.read_config(str(path))
    assert filter_secrets("secret-deep") == "****"


def test_write_with_a_closed_input_is_a_config_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "catalog.json").write_text(json.dumps(CATALOG))
    arguments = ["write", "--config", str(tmp_path / "config.json"), "--catalog", str(tmp_path / "catalog.json")]
    monkeypatch.setattr(sys, "stdin", None)
    destination = DestinationOomnitza()
    with pytest.raises(AirbyteTracedException, match="The input is closed") as raised:
        list(destination.run_cmd(destination.parse_args(arguments)))
    assert raised.value.failure_type is FailureType.config_error


def test_write_from_python_returns_states_and_report(http: requests_mock.Mocker) -> None:
    messages = [
        {
            "type": "RECORD",
            "record": {"stream": "users", "emitted_at": 0, "data": {"name": "ada", "email": "ada@acme.example"}},
        },
        {
            "type": "STATE",
            "state": {"type": "STREAM", "stream": {"stream_descriptor": {"name": "users"}, "stream_state": {"n": 1}}},
        },
    ]
    destination = DestinationOomnitza()
    for _ in range(2):  # one object may write twice
        sent = destination.write(
            CONFIG,
            ConfiguredAirbyteCatalogSerializer.load(CATALOG),
            [AirbyteMessageSerializer.load(message) for message in messages],
        )
        acknowledged, report = [AirbyteMessageSerializer.dump(each) for each in sent]
        state = acknowledged["state"]
        assert "sync_report" in report["log"]["message"]
        assert state["stream"]["stream_state"] == {"n": 1}
        assert state["destinationStats"] == {"recordCount": 1.0}


def test_write_from_python_raises_the_error(http: requests_mock.Mocker) -> None:
    http.get(f"{ORIGIN}/api/v2/mappings?name=AuthTest", status_code=401)
    with pytest.raises(AirbyteTracedException) as raised:
        DestinationOomnitza().write(CONFIG, ConfiguredAirbyteCatalogSerializer.load(CATALOG), [])
    assert raised.value.failure_type is FailureType.config_error


def test_spec_offers_all_sync_modes() -> None:
    spec = DestinationOomnitza().spec(logging.getLogger("airbyte"))
    assert {mode.value for mode in spec.supported_destination_sync_modes or []} >= {
        "append",
        "append_dedup",
        "overwrite",
    }
    assert spec.connectionSpecification["type"] == "object"
