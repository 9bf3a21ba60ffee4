"""Tests of creates: one that may be processed is looked up before a repeat."""

from __future__ import annotations

from typing import Any

import pytest
import requests_mock
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Creation
from destination_oomnitza.api.responses import RequestRejected

from .acme import BEFORE, HTML, IMPATIENT, NO_ANSWER_IN_TIME, NO_CONNECTION_IN_TIME, RESET, USERS, make


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
