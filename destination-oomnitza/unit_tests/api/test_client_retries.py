"""Tests of the client's retries: transient faults, their end, log and memory."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import requests_mock
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.errors import transient_error

from .acme import IMPATIENT, ORIGIN, PASSING, USERS, make


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
    thread.join(30)
    assert not thread.is_alive()
    assert failures == [stopped]


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


def test_get_retries_are_logged_a_few_times(http: requests_mock.Mocker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    http.get(USERS, [{"status_code": 500}] * 200 + [{"json": []}])
    make().get("/api/v3/users?filter=ada")
    assert 0 < len(caplog.records) <= 20
    assert "ada" not in caplog.text
