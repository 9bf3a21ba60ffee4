"""Tests of the client's sign-in, and of the headers that carry its tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests_mock
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Creation
from destination_oomnitza.masking import masked

from .acme import IMPATIENT, PASSWORD, PROBE, TOKENS, USERS, make


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_sign_in_wrong_password_is_config_error(http: requests_mock.Mocker, status: int) -> None:
    http.post(TOKENS, status_code=status, json={"error": "no"})
    with pytest.raises(AirbyteTracedException, match="user name and password") as raised:
        make(**PASSWORD).sign_in()
    assert raised.value.failure_type is FailureType.config_error


NO_OOMNITZA: list[dict[str, Any]] = [
    {"status_code": 404},
    {"status_code": 405},
    {"status_code": 404, "text": "<html>Nothing</html>"},
]
PAGE: dict[str, Any] = {"text": "<html>Down for maintenance</html>"}


@pytest.mark.parametrize("answer", [*NO_OOMNITZA, {"json": {}}, {"json": []}, {"json": {"token": 5}}])
def test_sign_in_host_without_token_is_config_error(http: requests_mock.Mocker, answer: dict[str, Any]) -> None:
    http.post(TOKENS, **answer)
    with pytest.raises(AirbyteTracedException, match="does not answer as an Oomnitza") as raised:
        make(**PASSWORD).sign_in()
    assert raised.value.failure_type is FailureType.config_error


@pytest.mark.parametrize("answer", NO_OOMNITZA)
def test_sign_in_host_without_probe_is_config_error(http: requests_mock.Mocker, answer: dict[str, Any]) -> None:
    http.get(PROBE, **answer)
    with pytest.raises(AirbyteTracedException, match="does not answer as an Oomnitza") as raised:
        make().sign_in()
    assert raised.value.failure_type is FailureType.config_error
    assert http.call_count == 1


def test_sign_in_maintenance_page_is_waited_for(http: requests_mock.Mocker) -> None:
    http.get(PROBE, [PAGE, PAGE, {"json": {}}])
    make().sign_in()
    http.post(TOKENS, [PAGE, {"json": {"token": "exchanged"}}])
    make(**PASSWORD).sign_in()


@pytest.mark.parametrize("config", [{}, PASSWORD])
def test_sign_in_lasting_html_page_blames_the_address(http: requests_mock.Mocker, config: dict[str, Any]) -> None:
    http.get(PROBE, **PAGE)
    http.post(TOKENS, **PAGE)
    with pytest.raises(AirbyteTracedException, match="does not answer as an Oomnitza instance does") as raised:
        make(IMPATIENT, **config).sign_in()
    assert raised.value.failure_type is FailureType.transient_error


@pytest.mark.parametrize("answer", [{"status_code": 403, "json": {"error": "no"}}, {"text": ""}])
def test_sign_in_without_access_to_mappings_succeeds(http: requests_mock.Mocker, answer: dict[str, Any]) -> None:
    http.get(PROBE, **answer)
    make().sign_in()


@pytest.mark.parametrize("token", ["made up", "made\nup", "gemacht-für-niemand", "a\x00b"])
def test_sign_in_token_that_is_none_is_not_sent(http: requests_mock.Mocker, token: str) -> None:
    with pytest.raises(AirbyteTracedException) as raised:
        make(credentials={"auth_type": "api_token", "api_token": token}).sign_in()
    assert raised.value.failure_type is FailureType.config_error
    assert http.call_count == 0


def test_sign_in_expired_token_is_renewed_once(http: requests_mock.Mocker) -> None:
    http.post(TOKENS, [{"json": {"token": "first"}}, {"json": {"token": "second"}}])
    http.get(USERS, json=lambda request, context: answer_to(request.headers["Authorization2"], context))
    client = make(**PASSWORD)
    client.sign_in()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.get("/api/v3/users").json, range(20)))
    assert answers == [[{"user_id": "1"}]] * 20
    assert [request.path for request in http.request_history].count("/api/request_token") == 2


def answer_to(token: str, context: Any) -> Any:
    context.status_code = 200 if token == "second" else 401
    return [{"user_id": "1"}] if token == "second" else {"error": "expired"}


@pytest.mark.parametrize("method", ["edit", "create"])
def test_sign_in_token_rejected_whatever_it_is_ends(http: requests_mock.Mocker, method: str) -> None:
    http.post(TOKENS, json=lambda *_: {"token": f"token-{http.call_count}"})
    http.request(requests_mock.ANY, USERS, status_code=401)
    client = make(**PASSWORD)
    client.sign_in()
    with pytest.raises(AirbyteTracedException, match="HTTP 401") as raised:
        client.edit("PATCH", "/api/v3/users", {}) if method == "edit" else client.create(
            "/api/v3/users", {}, lambda: None
        )
    assert raised.value.failure_type is FailureType.config_error
    assert len([request for request in http.request_history if request.path == "/api/v3/users"]) == 2


def test_create_with_expired_token_is_looked_up_first(http: requests_mock.Mocker) -> None:
    http.post(TOKENS, json=lambda *_: {"token": f"token-{http.call_count}"})
    http.post(USERS, [{"status_code": 401}, {"json": {"user_id": "1"}}])
    client = make(**PASSWORD)
    client.sign_in()
    asked: list[None] = []
    assert client.create("/api/v3/users", {}, lambda: asked.append(None)) == Creation({"user_id": "1"})
    assert len(asked) == 1


def test_create_with_expired_token_finds_that_of_others(http: requests_mock.Mocker) -> None:
    http.post(TOKENS, json=lambda *_: {"token": f"token-{http.call_count}"})
    http.post(USERS, status_code=401)
    client = make(**PASSWORD)
    client.sign_in()
    assert client.create("/api/v3/users", {}, lambda: "there") == Creation(found="there", ours=False)


def test_sign_in_token_is_sent_in_one_header_only(http: requests_mock.Mocker) -> None:
    http.post(TOKENS, json={"token": "exchanged"})
    http.get(USERS, json=[])
    client = make(**PASSWORD)
    client.sign_in()
    client.get("/api/v3/users")
    exchange, *others = http.request_history
    assert exchange.text == "login=airbyte&password=made-up-password"
    assert "Authorization2" not in exchange.headers
    for request in others:
        assert request.headers["Authorization2"] == "exchanged"
        assert [name for name, value in request.headers.items() if "exchanged" in value] == ["Authorization2"]
        assert "exchanged" not in request.url


def test_csrf_token_is_sent_back(http: requests_mock.Mocker) -> None:
    http.get(PROBE, json=[], headers={"X-CSRF-Token": "first"})
    http.get(USERS, [{"json": [], "headers": {"X-CSRF-Token": "second"}}, {"json": []}, {"json": []}])
    client = make()
    client.sign_in()
    for _ in range(3):
        client.get("/api/v3/users")
    sent = [request.headers.get("X-CSRF-Token") for request in http.request_history]
    assert sent == [None, "first", "second", "second"]


def test_csrf_token_of_an_expired_token_is_not_sent(http: requests_mock.Mocker) -> None:
    http.post(TOKENS, json=lambda *_: {"token": f"token-{http.call_count}"})
    http.get(PROBE, json={}, headers={"X-CSRF-Token": "of-the-first"})
    http.get(USERS, [{"json": []}, {"status_code": 401}, {"json": []}])
    client = make(**PASSWORD)
    client.sign_in()
    for _ in range(2):
        client.get("/api/v3/users")
    sent = [request.headers.get("X-CSRF-Token") for request in http.request_history]
    assert sent == [None, None, "of-the-first", "of-the-first", None, None]


@pytest.mark.parametrize("csrf", ["a\r\n b", "naïve", "", "x" * 5000])
def test_csrf_token_that_cannot_be_sent_is_ignored(http: requests_mock.Mocker, csrf: str) -> None:
    http.get(USERS, json=[], headers={"X-CSRF-Token": csrf})
    client = make()
    for _ in range(2):
        client.get("/api/v3/users")
    assert "X-CSRF-Token" not in http.request_history[-1].headers


def test_csrf_token_is_masked(http: requests_mock.Mocker) -> None:
    http.get(USERS, json=[], headers={"X-CSRF-Token": "made-up-csrf"})
    make().get("/api/v3/users")
    assert masked("made-up-csrf") == "****"
