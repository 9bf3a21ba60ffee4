"""Tests of the ways in which a write ends."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests_mock
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.sync import run_sync

HOST = "https://acme.oomnitza.com"


@pytest.fixture
def http() -> Any:
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{HOST}/api/v2/mappings?name=AuthTest", json=[])
        mocker.get(f"{HOST}/api/v3/users/meta", status_code=404)
        mocker.get(f"{HOST}/api/v3/users", json=[])
        mocker.post(f"{HOST}/api/v3/users", json={"user_id": "1"})
        yield mocker


def sync(sent: list[dict[str, Any]], *records: dict[str, Any], **settings: Any) -> None:
    """Write the records of one stream, and append the messages that are sent."""
    config = Config.parse(
        {
            "instance_url": HOST,
            "credentials": {"auth_type": "api_token", "api_token": "made-up"},
            "default_role": 25,
            **settings,
        }
    )
    messages = [{"type": "RECORD", "record": {"stream": "users", "data": each, "emitted_at": 0}} for each in records]
    lines = [[json.dumps(message).encode()] for message in messages]
    run_sync(config, [Stream("users")], lines, sent.append, retry_policy=RetryPolicy(faults=0))


def test_rejection_of_no_record_is_a_config_error(http: requests_mock.Mocker) -> None:
    sent: list[dict[str, Any]] = []
    http.post(f"{HOST}/api/v3/bulk", json={})
    http.get(re.compile(f"{HOST}/api/v3/bulk/"), json={})
    http.post(re.compile(f"{HOST}/api/v3/bulk/.*/finalize"), status_code=422, json={"error": "odd"})
    with pytest.raises(AirbyteTracedException, match=r"HTTP 422.*odd") as raised:
        sync(sent, {"name": "ada", "email": "ada@acme.example"}, write_method={"method": "ingest"})
    assert raised.value.failure_type is FailureType.config_error
    assert '"sync_report"' in sent[-1]["log"]["message"]
