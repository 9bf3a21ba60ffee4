"""Tests of the client: responses, failures, retries, creates and the token."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests
import requests_mock
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api import transport
from destination_oomnitza.api.client import Client, Creation
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config
from destination_oomnitza.errors import transient_error
from destination_oomnitza.masking import masked
from urllib3.exceptions import MaxRetryError, NewConnectionError
from urllib3.util import Retry

ORIGIN = "https://acme.oomnitza.com"
PROBE = f"{ORIGIN}/api/v2/mappings?name=AuthTest"
TOKENS = f"{ORIGIN}/api/request_token"
USERS = f"{ORIGIN}/api/v3/users"
AT_ONCE = Retry(total=None, backoff_factor=0)
PATIENT = RetryPolicy(faults=60, waits=AT_ONCE)
IMPATIENT = RetryPolicy(faults=0, waits=AT_ONCE)

REFUSED = requests.exceptions.ConnectionError(
    MaxRetryError(None, "/", NewConnectionError(None, "refused"))  # type: ignore[arg-type]  # no pool is needed
)
BEFORE = {"exc": REFUSED}
RESET = {"exc": requests.exceptions.ConnectionError("Connection aborted.")}
NO_CONNECTION_IN_TIME = {"exc": requests.exceptions.ConnectTimeout()}
NO_ANSWER_IN_TIME = {"exc": requests.exceptions.ReadTimeout()}
HTML = {"status_code": 502, "text": "<html>Bad Gateway</html>"}
PASSING = {
    "429": {"status_code": 429, "headers": {"Retry-After": "0"}},
    "429, a date": {"status_code": 429, "headers": {"Retry-After": "Tue, 24 Nov 2020 10:00:00 GMT"}},
    "503, nonsense": {"status_code": 503, "headers": {"Retry-After": "soon"}},
    "503, a number beyond all bounds": {"status_code": 429, "headers": {"Retry-After": "x" + "9" * 5000}},
    "408": {"status_code": 408},
    "500": {"status_code": 500},
    "502 HTML": HTML,
    "504": {"status_code": 504},
    "520": {"status_code": 520},
    "200 HTML": {"text": "<html>Maintenance</html>"},
    "200, cut": {"text": '[{"user_id": "1'},
    "200, empty": {"text": ""},
    "refused": BEFORE,
    "reset": RESET,
    "no connection in time": NO_CONNECTION_IN_TIME,
    "no answer in time": NO_ANSWER_IN_TIME,
    "cut in the body": {"exc": requests.exceptions.ChunkedEncodingError()},
    "bad gzip": {"exc": requests.exceptions.ContentDecodingError()},
    "proxy": {"exc": requests.exceptions.ProxyError()},
    "TLS cut": {"exc": requests.exceptions.SSLError("EOF occurred in violation of protocol")},
}


def make(retry_policy: RetryPolicy = PATIENT, cancellation: Cancellation | None = None, **config: Any) -> Client:
    base = {"instance_url": "acme", "credentials": {"auth_type": "api_token", "api_token": "made-up-token"}}
    return Client(Config.parse({**base, **config}), retry_policy, cancellation)


@pytest.fixture
def http() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        mocker.get(PROBE, json=[])
        yield mocker


# -- faults ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_get_transient_fault_is_retried(http: requests_mock.Mocker, fault: dict[str, Any]) -> None:
    http.get(USERS, [fault, fault, {"json": [{"user_id": "1"}]}])
    assert make().get("/api/v3/users").json == [{"user_id": "1"}]
    assert http.call_count == 3


@pytest.mark.parametrize("fault", [f for name, f in PASSING.items() if name != "200, empty"])
def test_edit_transient_fault_is_retried(http: requests_mock.Mocker, fault: dict[str, Any]) -> None:
    http.patch(f"{USERS}/1", [fault, {"json": {}}])
    make().edit("PATCH", "/api/v3/users/1", {"position": "Boss"})
    assert [request.json() for request in http.request_history] == [{"position": "Boss"}] * 2


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_get_lasting_failure_is_transient_error(http: requests_mock.Mocker, fault: dict[str, Any]) -> None:
    http.get(USERS, [fault])
    with pytest.raises(AirbyteTracedException) as raised:
        make(IMPATIENT).get("/api/v3/users?filter=email%20IN%20%5B%22ada%40acme.example%22%5D")
    assert raised.value.failure_type is FailureType.transient_error
    assert ORIGIN in str(raised.value)
    assert "ada" not in f"{raised.value} {raised.value.internal_message}"


def test_edit_empty_answer_is_accepted(http: requests_mock.Mocker) -> None:
    http.post(USERS, status_code=204)
    assert make().edit("POST", "/api/v3/users", []).json is None


def test_edit_text_that_cannot_be_encoded_is_rejected(http: requests_mock.Mocker) -> None:
    with pytest.raises(RequestRejected):
        make().edit("PATCH", "/api/v3/users/1", {"position": "\ud800"})


def test_get_answer_too_large_is_transient_error(http: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER", 1000)
    http.get(USERS, json=["x" * 2000])
    with pytest.raises(AirbyteTracedException) as raised:
        make(IMPATIENT).get("/api/v3/users")
    assert raised.value.failure_type is FailureType.transient_error


@pytest.mark.parametrize("body", ["{}", '{"user_id": "1"}', '"text"', "5"])
def test_get_list_without_list_is_config_error(http: requests_mock.Mocker, body: str) -> None:
    http.get(USERS, text=body)
    with pytest.raises(AirbyteTracedException) as raised:
        make().get_list("/api/v3/users")
    assert raised.value.failure_type is FailureType.config_error


def test_get_retry_wait_ends_with_the_sync(http: requests_mock.Mocker) -> None:
    cancellation = Cancellation()
    http.get(USERS, status_code=503, headers={"Retry-After": "600"})
    client = make(RetryPolicy(), cancellation)
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            client.get("/api/v3/users")
        except AirbyteTracedException as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    stopped = transient_error("stopped")
    cancellation.cancel(stopped)
    thread.join(5)
    assert not thread.is_alive()
    assert failures == [stopped]


# -- no retry ----------------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("text", ["CERTIFICATE_VERIFY_FAILED: self-signed certificate", "WRONG_VERSION_NUMBER"])
def test_get_unsafe_connection_is_config_error(http: requests_mock.Mocker, text: str) -> None:
    http.get(USERS, exc=requests.exceptions.SSLError(text))
    with pytest.raises(AirbyteTracedException) as raised:
        make().get("/api/v3/users")
    assert raised.value.failure_type is FailureType.config_error
    assert http.call_count == 1


def test_get_missing_certificates_are_config_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(AirbyteTracedException, match=r"none\.pem.*REQUESTS_CA_BUNDLE") as raised:
        make(instance_url="https://127.0.0.1:9").get("/api/v3/users")
    assert raised.value.failure_type is FailureType.config_error


# -- creating ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [BEFORE, NO_CONNECTION_IN_TIME, {"status_code": 429}])
def test_create_not_processed_is_repeated_without_look_up(http: requests_mock.Mocker, fault: dict[str, Any]) -> None:
    http.post(USERS, [fault, {"json": {"user_id": "1"}}])
    found = make().create("/api/v3/users", {}, lambda: pytest.fail("it looked it up"))
    assert found == Creation({"user_id": "1"})


DOUBTFUL = {
    "reset": RESET,
    "no answer": NO_ANSWER_IN_TIME,
    "500": {"status_code": 500},
    "503": {"status_code": 503, "headers": {"Retry-After": "0"}},
    "HTML": HTML,
    "cut": {"text": '{"user_'},
}


@pytest.mark.parametrize("fault", DOUBTFUL.values(), ids=DOUBTFUL)
def test_create_in_doubt_and_found_is_not_repeated(http: requests_mock.Mocker, fault: dict[str, Any]) -> None:
    http.post(USERS, [fault])
    assert make().create("/api/v3/users", {}, lambda: "there") == Creation(found="there")
    assert http.call_count == 1


@pytest.mark.parametrize("fault", DOUBTFUL.values(), ids=DOUBTFUL)
def test_create_in_doubt_is_looked_up_before_each_try(http: requests_mock.Mocker, fault: dict[str, Any]) -> None:
    http.post(USERS, [fault, BEFORE, fault, {"json": {"user_id": "1"}}])
    asked = []
    assert make().create("/api/v3/users", {}, lambda: asked.append(http.call_count)) == Creation({"user_id": "1"})
    assert asked == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_create_in_doubt_seen_by_a_later_look_up(http: requests_mock.Mocker) -> None:
    http.post(USERS, [NO_ANSWER_IN_TIME])
    answers = iter([None, None, "there"])
    assert make().create("/api/v3/users", {}, lambda: next(answers)) == Creation(found="there")
    assert http.call_count == 1


def test_create_in_doubt_rejected_as_double_is_found(http: requests_mock.Mocker) -> None:
    http.post(USERS, [NO_ANSWER_IN_TIME, {"status_code": 409, "json": {"error": "exists"}}])
    answers = iter([None, "there"])
    assert make().create("/api/v3/users", {}, lambda: next(answers)) == Creation(found="there")


@pytest.mark.parametrize("answer", [{"status_code": 400, "json": {"error": "no"}}, {"json": {"errors": ["no"]}}])
def test_create_rejected_is_looked_up_once(http: requests_mock.Mocker, answer: dict[str, Any]) -> None:
    """Another client may have created the object."""
    http.post(USERS, **answer)
    assert make().create("/api/v3/users", {}, lambda: "there") == Creation(found="there", ours=False)
    asked: list[None] = []
    with pytest.raises(RequestRejected, match="no"):
        make().create("/api/v3/users", {}, lambda: asked.append(None))
    assert len(asked) == 1


def test_create_lasting_failure_is_transient_error(http: requests_mock.Mocker) -> None:
    http.post(USERS, [RESET])
    with pytest.raises(AirbyteTracedException) as raised:
        make(IMPATIENT).create("/api/v3/users", {}, lambda: None)
    assert raised.value.failure_type is FailureType.transient_error


# -- signing in --------------------------------------------------------------------------------------------------------------------------


PASSWORD = {"credentials": {"auth_type": "password", "username": "airbyte", "password": "made-up-password"}}


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


@pytest.mark.parametrize(
    "call",
    [lambda client: client.get("/api/v3/users"), lambda client: client.create("/api/v3/users", {}, lambda: None)],
    ids=["get", "create"],
)
def test_failed_attempt_leaves_nothing_in_memory(http: requests_mock.Mocker, call: Callable[[Client], Any]) -> None:
    """Keeps neither a response nor a traceback that references one during a wait."""
    http.register_uri(requests_mock.ANY, USERS, [{"text": "<html>" + "x" * 2_000_000}] * 10 + [{"json": []}])
    held: list[int] = []

    class Measuring(Cancellation):
        def sleep(self, seconds: float) -> None:
            held.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        call(make(cancellation=Measuring()))
    finally:
        tracemalloc.stop()
    assert len(held) >= 10
    assert max(held) < 1_000_000


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


def test_get_retries_are_logged_a_few_times(http: requests_mock.Mocker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    http.get(USERS, [{"status_code": 500}] * 200 + [{"json": []}])
    make().get("/api/v3/users?filter=ada")
    assert 0 < len(caplog.records) <= 20
    assert "ada" not in caplog.text
