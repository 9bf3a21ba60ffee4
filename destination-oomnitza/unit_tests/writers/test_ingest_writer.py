"""Tests of connector ingest: payloads, rejections and the outcomes of runs."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.ingest_runs import IngestRuns
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config, IngestWriting
from destination_oomnitza.errors import transient_error
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.stream_plan import plan_stream
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.report import Outcome, Report
from destination_oomnitza.writers.base import Batch, RecordWrite, RejectedRecord, StreamEnd
from destination_oomnitza.writers.ingest_writer import IngestWriter
from requests_mock import Mocker
from urllib3.util import Retry

HOST = "https://acme.oomnitza.com"
BULK = f"{HOST}/api/v3/bulk"
USERS = f"{HOST}/api/v3/users"
FINALIZE = re.compile(f"{BULK}/[0-9a-f-]+/finalize")
RUN = re.compile(f"{BULK}/[0-9a-f-]+$")
LOG = re.compile(f"{HOST}/api/v3/connector_run_logs/connectors/[0-9a-f-]+")
RUNS = re.compile(f"{HOST}/api/v3/connector_run_logs/\\w+\\?")
AT_ONCE = RetryPolicy(faults=5, waits=Retry(total=None, allowed_methods=None, backoff_factor=0))
SAAS = {"type": "user_and_saas_user", "saas_name": "Slack"}
INTEGRATION = {"connector_id": 12, "saas_sync_key": "slack-users"}
"""What SaaS users by ingest need."""
CUSTOM = {"label": "Slack User Id", "data_type": "STR", "internal_id": "A" * 32, "unique": "1", "editable": "1"}


def config(method: dict[str, Any] | None = None, **more: Any) -> Config:
    return Config.parse(
        {
            "instance_url": HOST,
            "credentials": {"auth_type": "api_token", "api_token": "made-up"},
            "default_role": 25,
            "write_method": {"method": "ingest", **(method or {})},
            **more,
        }
    )


class Sync:
    """Writer with its clock and sent batches; no people in Oomnitza by default."""

    def __init__(
        self,
        http: Mocker,
        settings: Config | None = None,
        *,
        people: list[dict[str, Any]] | None = None,
        metadata: dict[str, Any] | None = None,
        logs: list[dict[str, Any]] | None = None,
    ) -> None:
        self.settings = settings or config()
        self.http = http
        self.seconds = 0.0
        self.pauses: list[float] = []
        self.stopped: Exception | None = None
        client = Client(self.settings, AT_ONCE)
        fields = PersonSchema.parse(metadata) if metadata else PersonSchema.unknown()
        stream = Stream("users", properties={"id": {}, "name": {}})
        self.plan = plan_stream(self.settings, fields, stream)
        self.report = Report(["users"])
        assert isinstance(self.settings.write_method, IngestWriting)
        method = self.settings.write_method
        runs = IngestRuns(
            client,
            method,
            self.settings.test_run,
            sleep=self.sleep,
            clock=lambda: self.seconds,
        )
        self.writer = IngestWriter(client, runs, method, self.report)
        http.post(BULK, json={})
        http.get(RUN, json={"canceled": False})
        http.post(FINALIZE, json={})
        http.get(USERS, json=lambda request, _: (people or []) if request.qs["skip"] == ["0"] else [])
        http.get(RUNS, json=[])
        self.log = http.get(LOG, [{"json": each} for each in logs or [{}]])

    def sleep(self, seconds: float) -> None:
        if self.stopped is not None:
            raise self.stopped
        self.pauses.append(seconds)
        self.seconds += seconds

    def write(self, *records: dict[str, Any], rejected: tuple[RejectedRecord, ...] = ()) -> list[Outcome | None]:
        mapped = [row for row in map(self.plan.mapping, records) if row is not None]
        batch = Batch(self.plan, [RecordWrite(each) for each in mapped], list(rejected))
        self.writer.write(batch)
        return [write.outcome for write in batch.records]

    def batches(self) -> list[dict[str, Any]]:
        return [r.json() for r in self.http.request_history if r.method == "POST" and r.url == BULK]

    def asked(self) -> int:
        return sum(r.method == "GET" and RUN.match(r.url) is not None for r in self.http.request_history)

    def finalized(self) -> list[str]:
        return [r.path.split("/")[4] for r in self.http.request_history if FINALIZE.match(r.url)]

    def finish(self, **more: Any) -> None:
        self.writer.finish(StreamEnd(more.get("complete", set()), more.get("broken", set()), rejected=False))

    def counts(self) -> dict[str, int]:
        return {name: n for name, n in self.report.as_dict()["users"].items() if isinstance(n, int) and n}


def ada(**more: Any) -> dict[str, Any]:
    return {"id": "U1", "name": "ada", "email": "ada@acme.example", "first_name": "Ada", "title": "Countess", **more}


def log(status: str = "finished", failed_lines: list[str] | None = None, **objects: int) -> dict[str, Any]:
    names = ("added", "updated", "skipped", "unchanged", "failed", "canceled", "processing")
    counts = {name: objects.get(name, 0) for name in names}
    return {"status": status, "objects": counts, "logs": {"failed": failed_lines or []}}


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


def test_batch_is_repeated_after_a_time_out(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    requests_mock.post(BULK, [{"exc": requests.ReadTimeout}, {"status_code": 503}, {"json": {}}])
    assert sync.write(ada()) == [None]
    assert len({str(batch) for batch in sync.batches()}) == 1


# Settings that only REST supports


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"field_mapping": [{"field": "phone_number", "value": "phone", "if_empty_only": True}]},
            r"entry for phone_number: Only if empty \(if_empty_only\) is on, which only the write method REST can do",
        ),
        ({"update_sync_keys": True}, r"Update sync keys \(update_sync_keys\) is on, which only the write method REST"),
        ({"on_failed_record": "fail_after_sync"}, r"\(on_failed_record\) is fail_after_sync, which only .* REST"),
        (
            {"field_mapping": [{"field": "badge", "value": "id"}]},
            r"entry for badge: Oomnitza does not report its internal id",
        ),
    ],
)
def test_setting_of_rest_alone_is_a_config_error(settings: dict[str, Any], sentence: str) -> None:
    metadata = PersonSchema.parse({"badge": {"label": "Badge", "data_type": "STR"}})
    with pytest.raises(AirbyteTracedException, match=sentence) as error:
        plan_stream(config(**settings), metadata, Stream("users"))
    assert error.value.failure_type is FailureType.config_error


def test_data_activation_of_saas_users_is_a_config_error() -> None:
    stream = Stream(
        "leavers",
        destination_sync_mode="soft_delete",
        object_name="saas_user",
        primary_key=("email",),
        properties={"email": {}},
    )
    with pytest.raises(AirbyteTracedException, match=r"leavers writes the object saas_user .* REST"):
        plan_stream(config(INTEGRATION, record_type=SAAS), PersonSchema.unknown(), stream)


def test_smart_mapping_leaves_out_fields_without_internal_id() -> None:
    metadata = {"slack_user_id": {**CUSTOM, "internal_id": None}}
    plan = plan_stream(config(), PersonSchema.parse(metadata), Stream("users", properties={"id": {}}))
    assert "slack_user_id" not in plan.mapping.rules
    with pytest.raises(AirbyteTracedException, match=r"entry for slack_user_id: .* internal id"):
        plan_stream(
            config(sync_keys=["slack_user_id"]), PersonSchema.parse(metadata), Stream("users", properties={"id": {}})
        )


# The protocol


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


def test_remarks_name_limits_of_ingest() -> None:
    plan = plan_stream(config(INTEGRATION, record_type=SAAS), PersonSchema.unknown(), Stream("users"))
    assert any("default_role" in remark and "new people" in remark for remark in plan.remarks)
    assert any("roles" in remark and "no user is deactivated" in remark for remark in plan.remarks)
    assert plan_stream(config(write_mode="create_only"), PersonSchema.unknown(), Stream("users")).remarks == ()


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


# -- the run log, by number; and a run without records


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
