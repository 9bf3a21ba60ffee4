"""Tests of the client: responses, rejections and redirects."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import requests_mock
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.responses import RequestRejected

from .acme import ORIGIN, USERS, make


def test_edit_empty_answer_is_accepted(http: requests_mock.Mocker) -> None:
    http.post(USERS, status_code=204)
    assert make().edit("POST", "/api/v3/users", []).json is None


def test_edit_text_that_cannot_be_encoded_is_rejected(http: requests_mock.Mocker) -> None:
    with pytest.raises(RequestRejected):
        make().edit("PATCH", "/api/v3/users/1", {"position": "\ud800"})


@pytest.mark.parametrize("body", ["{}", '{"user_id": "1"}', '"text"', "5"])
def test_get_list_without_list_is_config_error(http: requests_mock.Mocker, body: str) -> None:
    http.get(USERS, text=body)
    with pytest.raises(AirbyteTracedException) as raised:
        make().get_list("/api/v3/users")
    assert raised.value.failure_type is FailureType.config_error


def call(client: Client, method: str) -> Any:
    if method == "get_list":
        return client.get_list("/api/v3/users")
    if method == "edit":
        return client.edit("PATCH", "/api/v3/users", {})
    return client.create("/api/v3/users", {}, lambda: pytest.fail("it looked it up"))


@pytest.mark.parametrize("method", ["get_list", "edit", "create"])
def test_request_token_rejected_is_config_error(http: requests_mock.Mocker, method: str) -> None:
    http.request(requests_mock.ANY, USERS, status_code=401, json={"error": "no"})
    with pytest.raises(AirbyteTracedException, match="HTTP 401") as raised:
        call(make(), method)
    assert raised.value.failure_type is FailureType.config_error
    assert http.call_count == 1


def test_get_list_forbidden_is_config_error(http: requests_mock.Mocker) -> None:
    http.get(USERS, status_code=403, json={"error": "no"})
    with pytest.raises(AirbyteTracedException, match=r"GET /api/v3/users \(HTTP 403\)") as raised:
        make().get_list("/api/v3/users?filter=ada")
    assert raised.value.failure_type is FailureType.config_error
    assert "ada" not in f"{raised.value} {raised.value.internal_message}"


@pytest.mark.parametrize("method", ["edit", "create"])
def test_write_forbidden_is_rejected(http: requests_mock.Mocker, method: str) -> None:
    """Concerns this record, but is counted in case every write is forbidden."""
    http.request(requests_mock.ANY, USERS, status_code=403, json={"error": "not this person"})
    client = make()
    with pytest.raises(RequestRejected, match="not this person") as raised:
        call(client, method)
    assert raised.value.status == 403
    with pytest.raises(AirbyteTracedException, match="HTTP 403"):
        client.write_access.raise_if_none()


@pytest.mark.parametrize("other", [{"json": {}}, {"status_code": 400}, {"json": {"errors": ["no"]}}])
def test_write_access_other_answers_prove_it(http: requests_mock.Mocker, other: dict[str, Any]) -> None:
    http.patch(USERS, [{"status_code": 403}, other])
    client = make()
    for _ in range(2):
        with suppress(RequestRejected):
            client.edit("PATCH", "/api/v3/users", {})
    client.write_access.raise_if_none()


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_edit_rejected_gives_the_words_of_oomnitza(http: requests_mock.Mocker, status: int) -> None:
    http.patch(USERS, status_code=status, json={"error": "position: is too long"})
    with pytest.raises(RequestRejected) as raised:
        make().edit("PATCH", "/api/v3/users", {})
    assert (raised.value.status, str(raised.value)) == (status, "position: is too long")
    assert http.call_count == 1


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://new.oomnitza.com/login?next=%2F", "https://new.oomnitza.com"),
        ("https://user:pass@new.oomnitza.com:8443/", "https://new.oomnitza.com:8443"),
        ("/login", ORIGIN),
        ("http://[::1", "another address"),
        (None, ORIGIN),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_get_redirect_is_config_error_with_its_host(
    http: requests_mock.Mocker, status: int, location: str | None, named: str
) -> None:
    http.get(USERS, status_code=status, headers={"Location": location} if location else {})
    with pytest.raises(AirbyteTracedException) as raised:
        make().get("/api/v3/users")
    assert raised.value.failure_type is FailureType.config_error
    assert f"redirects to {named}." in str(raised.value)
    assert "pass" not in str(raised.value)
    assert http.call_count == 1


@pytest.mark.parametrize(("trigger", "sent"), [(True, None), (False, "1")])
def test_writes_start_no_workflows_if_so_configured(
    http: requests_mock.Mocker, trigger: bool, sent: str | None
) -> None:
    http.register_uri(requests_mock.ANY, USERS, json=[])
    client = make(trigger_workflows=trigger)
    client.edit("PATCH", "/api/v3/users", {}, {"Oomnitza-Ignore-Meta-Restriction": "1"})
    client.create("/api/v3/users", {}, lambda: None)
    assert [each.headers.get("Oomnitza-Not-Trigger-WF") for each in http.request_history] == [sent, sent]
    assert http.request_history[0].headers["Oomnitza-Ignore-Meta-Restriction"] == "1"
    client.get("/api/v3/users")
    assert "Oomnitza-Not-Trigger-WF" not in http.request_history[-1].headers
