"""Tests of the transport: limits, certificates, proxies and the query."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests
import requests_mock
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api import transport
from destination_oomnitza.api.retries import RetryPolicy

from .acme import AT_ONCE, IMPATIENT, USERS, make


def test_get_answer_too_large_is_transient_error(http: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER", 1000)
    http.get(USERS, json=["x" * 2000])
    with pytest.raises(AirbyteTracedException) as raised:
        make(IMPATIENT).get("/api/v3/users")
    assert raised.value.failure_type is FailureType.transient_error


def test_get_after_the_deadline_is_no_answer_in_time() -> None:
    """A deadline that passes between two reads is no error of the connection."""
    policy = RetryPolicy(answer=0, faults=0, waits=AT_ONCE)
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = make(policy, instance_url=f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(AirbyteTracedException, match="no answer in time"):
            client.get("/api/v3/users")


@pytest.mark.parametrize("text", ["CERTIFICATE_VERIFY_FAILED: self-signed certificate", "WRONG_VERSION_NUMBER"])
def test_get_unsafe_connection_is_config_error(http: requests_mock.Mocker, text: str) -> None:
    http.get(USERS, exc=requests.exceptions.SSLError(text))
    with pytest.raises(AirbyteTracedException) as raised:
        make().get("/api/v3/users")
    assert raised.value.failure_type is FailureType.config_error
    assert http.call_count == 1


@pytest.mark.parametrize(
    "error", [requests.exceptions.InvalidSchema(), requests.exceptions.InvalidProxyURL()], ids=type
)
def test_get_unusable_proxy_is_config_error(http: requests_mock.Mocker, error: Exception) -> None:
    http.get(USERS, exc=error)
    with pytest.raises(AirbyteTracedException, match="HTTPS_PROXY") as raised:
        make().get("/api/v3/users")
    assert (raised.value.failure_type, http.call_count) == (FailureType.config_error, 1)


def test_get_missing_certificates_are_config_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(AirbyteTracedException, match=r"none\.pem.*REQUESTS_CA_BUNDLE") as raised:
        make(instance_url="https://127.0.0.1:9").get("/api/v3/users")
    assert raised.value.failure_type is FailureType.config_error


@pytest.mark.parametrize(
    "address", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000", "https://localhost"]
)
def test_proxy_is_not_used_for_this_machine(http: requests_mock.Mocker, address: str) -> None:
    """Keeps the token of an unencrypted connection from a proxy."""
    http.get(f"{address}/api/v3/users", json=[])
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:3128")
    with patch.dict(os.environ, {**proxies, "NO_PROXY": "", "no_proxy": ""}):
        make(instance_url=address).get("/api/v3/users")
    assert not http.request_history[0].proxies


def test_proxy_of_the_environment_is_used_and_netrc_not(http: requests_mock.Mocker, tmp_path: Any) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine acme.oomnitza.com login someone password made-up\n")
    http.get(USERS, json=[])
    with patch.dict(os.environ, {"NETRC": str(netrc), "HTTPS_PROXY": "http://127.0.0.1:3128"}):
        client = make()
        client.sign_in()
        client.get("/api/v3/users?limit=1")
    assert all("Authorization" not in request.headers for request in http.request_history)
    assert {request.proxies["https"] for request in http.request_history} == {"http://127.0.0.1:3128"}
    assert all(request.verify for request in http.request_history)  # true, or a bundle that the environment names


def test_get_encoded_query_is_sent_unchanged(http: requests_mock.Mocker) -> None:
    http.get(USERS, json=[])
    query = "limit=500&skip=0&filter=email%20IN%20%5B%22a%2Bb@acme.example%22%5D"
    make().get(f"/api/v3/users?{query}")
    assert http.last_request is not None
    assert http.last_request.url == f"{USERS}?{query}"
