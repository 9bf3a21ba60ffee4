"""Tests of an ingest run: cancelled, finalized, its log, and without records."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.errors import transient_error
from destination_oomnitza.writers.base import RejectedRecord
from requests_mock import Mocker

from .ingest_sync import BULK, FINALIZE, HOST, LOG, RUN, Sync, ada, config, log

# Rejections and failures


def test_run_cancelled_by_an_administrator_ends_the_sync(
    requests_mock: Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    sync = Sync(requests_mock)
    requests_mock.get(RUN, json={"canceled": True})
    with pytest.raises(AirbyteTracedException, match="administrator cancelled this run in Oomnitza") as error:
        sync.write(ada())
    assert error.value.failure_type is FailureType.config_error
    sync.writer.close()
    assert sync.finalized() == []
    assert "was not finalized: 1 records were sent" in caplog.text


def test_cancellation_is_read_after_1_and_every_10_requests(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    asked = []
    for _ in range(30):
        sync.write(ada())
        asked.append(sync.asked())
    assert [number for number in range(1, 31) if asked[number - 1] > ([0, *asked])[number - 1]] == [1, 10, 20, 30]


@pytest.mark.parametrize(
    "answer", [{"status_code": 404}, {"status_code": 500}, {"exc": requests.ConnectTimeout}, {"json": []}]
)
def test_run_goes_on_if_cancellation_is_not_reported(requests_mock: Mocker, answer: dict[str, Any]) -> None:
    sync = Sync(requests_mock)
    requests_mock.get(RUN, **answer)
    assert sync.write(ada()) == [None]
    assert sync.asked() == 1


def test_run_cancelled_in_its_log_is_an_error(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock, logs=[log(added=1, canceled=2)])
    sync.write(ada(), ada(email="b@acme.example"), ada(email="c@acme.example"))
    with pytest.raises(AirbyteTracedException, match=r"left 2 records unwritten.*clear the stream's data"):
        sync.finish()
    assert sync.counts() == {"added": 1, "failed": 2}


def test_run_of_a_broken_stream_is_not_finalized(requests_mock: Mocker, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync(requests_mock)
    sync.write(ada())
    sync.finish(broken={sync.plan.stream.key})
    sync.writer.close()
    assert sync.finalized() == []
    assert sync.log.call_count == 0
    assert "was not finalized" in caplog.text


def test_run_log_is_waited_for_two_minutes(requests_mock: Mocker, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync(requests_mock, logs=[log("processing", processing=1)])
    sync.write(ada())
    sync.finish()
    assert 115 <= sum(sync.pauses) <= 120
    assert sync.log.call_count < 20
    assert "has not yet reported the outcome of all 1 records" in caplog.text
    assert sync.counts() == {}


@pytest.mark.parametrize(
    "answer", [{"status_code": 404}, {"status_code": 403}, {"status_code": 503}, {"text": "<html>"}]
)
def test_run_log_that_is_not_given_fails_no_sync(requests_mock: Mocker, answer: dict[str, Any]) -> None:
    sync = Sync(requests_mock)
    requests_mock.get(LOG, **answer)
    requests_mock.get(f"{HOST}/api/v3/connector_run_logs/connector_CSV_users", **answer)
    sync.write(ada())
    sync.finish()
    assert sum(sync.pauses) <= 20


def test_run_log_is_whole_if_nothing_is_processing(requests_mock: Mocker) -> None:
    half = log("processing", added=1, processing=1)
    twice = log("processing", added=2, processing=1)  # a repeated batch counts twice
    sync = Sync(requests_mock, logs=[log(), half, twice, log(added=2, unchanged=1)])
    sync.write(ada(), ada(email="b@acme.example"))
    sync.finish()
    assert sync.log.call_count == 4
    assert sync.counts() == {"added": 2, "unchanged": 1}


def test_run_log_failures_are_reported_once(requests_mock: Mocker, caplog: pytest.LogCaptureFixture) -> None:
    failures = ["ada: username has no value: email=x: position: is a list", "b@acme.example: Username is taken"]
    sync = Sync(requests_mock, logs=[log(added=1, failed=3, failed_lines=failures)])
    sync.write(
        ada(),
        ada(email="b@acme.example"),
        ada(email="c@acme.example"),
        rejected=(RejectedRecord("email=x", "position: is a list"),),
    )
    sync.finish()
    assert sync.counts() == {"added": 1, "failed": 2}, "the unmappable one is the pipeline's to count"
    assert "Username is taken" in caplog.text
    assert "does not report the reason" in caplog.text


def test_run_is_finalized_once_before_its_log_is_read(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock, logs=[log(added=1), log(updated=1)])
    sync.write(ada(), ada(email="gone@acme.example", deleted=True))
    sync.finish()
    assert sorted(sync.finalized()) == sorted({batch["portion"] for batch in sync.batches()})
    assert sync.counts() == {"added": 1, "updated": 1}
    kinds = [
        "log" if LOG.match(r.url) else "end"
        for r in requests_mock.request_history
        if LOG.match(r.url) or FINALIZE.match(r.url)
    ]
    assert kinds == ["end", "end", "log", "log"]


def test_empty_sync_opens_no_run(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    sync.finish()
    assert requests_mock.request_history == []


def test_cancelled_wait_counts_the_log_so_far(requests_mock: Mocker) -> None:
    """Reports the log's counts if a signal comes while Oomnitza processes the run."""
    sync = Sync(requests_mock, logs=[log("processing", added=1, processing=1)])
    sync.write(ada(), ada(email="b@acme.example"))
    sync.stopped = transient_error("stopped")
    with pytest.raises(AirbyteTracedException, match="stopped"):
        sync.finish()
    assert sync.counts() == {"added": 1}


@pytest.mark.parametrize(
    ("method", "connector"), [({}, "connector_CSV_users"), ({"connector_id": 12}, "12")], ids=["name", "integration"]
)
def test_run_log_is_read_by_number_if_not_by_uuid(
    requests_mock: Mocker, method: dict[str, Any], connector: str
) -> None:
    """Reads the list of the connector's runs until the run is in it, and never again."""
    sync = Sync(requests_mock, config(method))
    requests_mock.get(LOG, status_code=404)
    sync.write(ada())
    rows = [{"portion_id": 6, "portion_correlation_id": "another"}, "nonsense"]
    own = {"portion_id": 7, "portion_correlation_id": sync.batches()[0]["portion"]}
    listing = requests_mock.get(
        f"{HOST}/api/v3/connector_run_logs/{connector}", [{"json": rows}, {"json": [*rows, own]}]
    )
    by_number = requests_mock.get(
        f"{HOST}/api/v3/connector_run_logs/connectors/7", [{"json": log(processing=1)}, {"json": log(added=1)}]
    )
    sync.finish()
    assert sync.counts() == {"added": 1}
    assert (listing.call_count, by_number.call_count) == (2, 2)


def test_run_without_records_is_reported_to_its_integration(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock, config({"connector_id": 12}))
    empty = requests_mock.post(f"{BULK}/12/add_ready_portion", json={})
    sync.finish()
    (request,) = empty.request_history
    body = request.json()
    assert str(UUID(body.pop("correlation_id"))) in request.text
    assert body == {"is_empty_run": True, "multi_str_input_value": None}
    assert sync.finalized() == []


def test_run_without_records_that_is_rejected_is_a_warning(
    requests_mock: Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    sync = Sync(requests_mock, config({"connector_id": 12}))
    requests_mock.post(f"{BULK}/12/add_ready_portion", status_code=404, json={"error": "There is no connector 12."})
    sync.finish()
    assert "There is no connector 12." in caplog.text


@pytest.mark.parametrize("why", ["name", "broken", "test run", "records"])
def test_run_is_not_reported_as_empty(requests_mock: Mocker, why: str) -> None:
    method = {} if why == "name" else {"connector_id": 12}
    sync = Sync(requests_mock, config(method, test_run=why == "test run"), logs=[log(added=1)])
    if why == "records":
        sync.write(ada())
    sync.finish(broken={(None, "users")} if why == "broken" else set())
    assert not [request for request in requests_mock.request_history if "add_ready_portion" in request.url]
