"""Tests of what an ingest writer sends, and of rejections."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.report import Outcome
from destination_oomnitza.writers.base import RejectedRecord
from requests_mock import Mocker

from .ingest_sync import BULK, CUSTOM, INTEGRATION, SAAS, USERS, Sync, ada, config, log


def test_first_batch_rejected_whole_ends_the_sync(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock, config({"connector_id": 99}))
    requests_mock.post(BULK, status_code=400, json={"error": "There is no such connector_id."})
    with pytest.raises(
        AirbyteTracedException, match=r"rejects every record of connector ingest: There is no such connector_id"
    ) as error:
        sync.write(ada(), ada(email="b@acme.example"))
    assert error.value.failure_type is FailureType.config_error


def test_rejected_record_does_not_cost_its_batch(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)

    def take(request: Any, context: Any) -> Any:
        if any(record["USER"] == "bad" for record in request.json()["records"]):
            context.status_code = 400
            return {"error": "A record is too long."}
        return {}

    requests_mock.post(BULK, json=take)
    people = [ada(name=name, email=f"{name}@acme.example") for name in ("a", "b", "bad", "c")]
    assert sync.write(*people) == [None, None, Outcome.FAILED, None]


def test_batch_rejected_whole_fails_its_records(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    sync.write(ada())
    requests_mock.post(BULK, status_code=400, json={"error": "Too long."})
    assert sync.write(ada(name="b"), ada(name="c", email="c@acme.example")) == [Outcome.FAILED, Outcome.FAILED]


def test_batch_is_repeated_after_a_time_out(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    requests_mock.post(BULK, [{"exc": requests.ReadTimeout}, {"status_code": 503}, {"json": {}}])
    assert sync.write(ada()) == [None]
    assert len({str(batch) for batch in sync.batches()}) == 1


def test_payload_is_that_of_oomnitzas_own_connector(requests_mock: Mocker) -> None:
    settings = config(INTEGRATION, record_type={**SAAS, "saas_id": "7"}, sync_keys=["email", "username"])
    sync = Sync(requests_mock, settings, metadata={"slack_user_id": CUSTOM})
    assert sync.write(ada(phone="+1 555 0100")) == [None]
    (batch,) = sync.batches()
    assert UUID(batch.pop("portion"))
    assert isinstance(batch.pop("connector_version"), str)
    assert batch == {
        "sync_field": ["EMAIL", "USER"],
        "records": [
            {
                "USER": "ada",
                "EMAIL": "ada@acme.example",
                "FIRST_NAME": "Ada",
                "POSITION": "Countess",
                "PHONE": "+1 555 0100",
                "A" * 32: "U1",
                "PERMISSIONS_ID": "25",
                "SAAS": {"sync_key": "slack-users", "selected_saas_id": "7", "name": "Slack"},
            }
        ],
        "data_type": "users",
        "insert_only": False,
        "update_only": False,
        "error": None,
        "test_run": False,
        "multi_str_input_value": None,
        "connector_id": 12,
    }


def test_run_without_integration_goes_by_the_connector_name(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    sync.write(ada())
    assert sync.batches()[0]["connector_name"] == "CSV_users"
    assert "connector_id" not in sync.batches()[0]


@pytest.mark.parametrize(
    ("mode", "active", "inactive"),
    [
        ("create_and_update", (False, False), (False, True)),
        ("create_only", (True, False), None),
        ("update_only", (False, True), (False, True)),
    ],
)
def test_inactive_account_creates_no_person(
    requests_mock: Mocker, mode: str, active: tuple[bool, bool], inactive: tuple[bool, bool] | None
) -> None:
    sync = Sync(requests_mock, config(INTEGRATION, write_mode=mode, record_type=SAAS))
    results = sync.write(ada(), ada(email="gone@acme.example", deleted=True))
    flags = {batch["records"][0]["EMAIL"]: (batch["insert_only"], batch["update_only"]) for batch in sync.batches()}
    expected = {"ada@acme.example": active, "gone@acme.example": inactive}
    assert flags == {email: flag for email, flag in expected.items() if flag}
    assert results == [None, None if inactive else Outcome.SKIPPED]
    portions = [batch["portion"] for batch in sync.batches()]
    assert len(set(portions)) == len(portions)
    gone = [batch["records"][0] for batch in sync.batches() if batch["records"][0]["EMAIL"] == "gone@acme.example"]
    assert all("SAAS" not in record and "PERMISSIONS_ID" not in record for record in gone), (
        "it would be assigned, or changed"
    )


def test_account_without_a_sync_key_is_skipped(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock, config(INTEGRATION, record_type=SAAS))
    assert sync.write({"id": "U9", "deleted": True}) == [Outcome.SKIPPED]
    assert sync.batches() == []


def test_default_role_does_not_reach_known_people(requests_mock: Mocker) -> None:
    known = [{"user_id": "u1", "email": "ADA@acme.example", "username": "ada", "role": 1}]
    sync = Sync(requests_mock, config(default_position="Employee"), people=known)
    sync.write(ada(title=""), ada(name="bob", email="bob@acme.example", title=None))
    there, new = sync.batches()[0]["records"]
    assert "PERMISSIONS_ID" not in there
    assert "POSITION" not in there
    assert (new["PERMISSIONS_ID"], new["POSITION"]) == ("25", "Employee")


def test_defaults_are_left_out_if_people_list_is_partial(
    requests_mock: Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody gets defaults, because a person missing in the list may exist."""
    sync = Sync(requests_mock, config(default_position="Employee"))
    listed = {"json": [{"user_id": "u1", "email": "ada@acme.example"}], "headers": {"X-Total-Count": "3"}}
    requests_mock.get(USERS, [listed, {"json": [], "headers": {"X-Total-Count": "3"}}])
    sync.write(ada(), ada(name="bob", email="bob@acme.example"))
    sync.write(ada(name="cy", email="cy@acme.example"))
    sent = [record for batch in sync.batches() for record in batch["records"]]
    assert len(sent) == 3
    assert not any(record.keys() & {"PERMISSIONS_ID"} for record in sent)
    assert all("USER" in record for record in sent), "some of them may be new"
    assert caplog.text.count("does not list all of its people") == 1


def test_known_people_are_read_once_and_only_if_needed(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    for _ in range(3):
        sync.write(ada())
    assert sum(request.url.startswith(USERS) for request in requests_mock.request_history) == 1
    for settings in (
        config(write_mode="create_only"),
        config(write_mode="update_only"),
        config(field_mapping=[{"field": "role", "default": 25}]),
    ):
        requests_mock.reset_mock()
        sync = Sync(requests_mock, settings)
        sync.write(ada())
        assert not any(request.url.startswith(USERS) for request in requests_mock.request_history)
        assert sync.batches()[0]["records"][0].get("PERMISSIONS_ID") == (
            None if settings.write_mode == "update_only" else "25"
        )


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, [None, "eve"]),
        ({"field_mapping": [{"field": "role", "value": "number"}]}, [None, "eve"]),
        ({"write_mode": "update_only"}, [None, None]),
        ({"write_mode": "create_only"}, ["ada", "eve"]),
        ({"sync_keys": ["username"]}, ["ada", "eve"]),
    ],
    ids=["known people", "role of the record", "update_only", "create_only", "sync key"],
)
def test_user_name_goes_to_new_people_only(
    settings: dict[str, Any], names: list[str | None], requests_mock: Mocker
) -> None:
    """Known people keep theirs; as a sync key it only finds them."""
    sync = Sync(requests_mock, config(**settings), people=[{"user_id": "u1", "email": "ada@acme.example"}])
    sync.write(ada(number=7), ada(name="eve", email="eve@acme.example", number=7))
    assert [record.get("USER") for record in sync.batches()[0]["records"]] == names


def test_empty_values_are_written_if_wanted(requests_mock: Mocker) -> None:
    settings = config(field_mapping=[{"field": "phone_number", "value": "phone", "write_empty": True}])
    sync = Sync(requests_mock, settings)
    sync.write(ada(phone=""))
    assert sync.batches()[0]["records"][0]["PHONE"] == ""
    assert "LAST_NAME" not in sync.batches()[0]["records"][0]


def test_rejected_record_is_sent_with_its_reason(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    sync.write(ada(), rejected=(RejectedRecord("email=x", "username: is a list"),))
    first, error = sync.batches()
    assert (error["error"], error["records"], error["portion"]) == (
        "email=x: username: is a list",
        [{}],
        first["portion"],
    )


def test_test_run_is_oomnitzas_own(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock, config(test_run=True), logs=[log(added=2)])
    sync.write(ada(), ada(email="gone@acme.example", deleted=True), rejected=(RejectedRecord("x", "y"),))
    sync.finish()
    assert [batch["test_run"] for batch in sync.batches()] == [True, True, True]
