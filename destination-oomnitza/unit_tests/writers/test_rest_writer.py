"""Tests of the REST writer: outcomes of people and SaaS users in one record."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.people import PeopleApi
from destination_oomnitza.api.read_only_client import ReadOnlyClient
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.config.models import Config, RestWriting
from destination_oomnitza.errors import transient_error
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.report import Outcome, Report, SkipReason
from destination_oomnitza.writers.base import Batch, RecordWrite, StreamEnd
from destination_oomnitza.writers.deactivation_limit import DeactivationLimit
from destination_oomnitza.writers.missing_users import MissingUsers
from destination_oomnitza.writers.people import People
from destination_oomnitza.writers.rest_writer import Application, RestWriter
from destination_oomnitza.writers.saas_users import SaasUsers
from requests_mock import Mocker

HOST = "https://acme.oomnitza.com"
USERS = f"{HOST}/api/v3/users"
SAAS_USERS = f"{HOST}/api/v3/saas/7/users"


class Sync:
    """Writer of an instance where Ada (u1) and Bob (u2) are active users of Slack."""

    def __init__(self, http: Mocker, **settings: Any) -> None:
        config = Config.parse(
            {
                "instance_url": HOST,
                "credentials": {"auth_type": "api_token", "api_token": "made-up"},
                "record_type": {
                    "type": "user_and_saas_user",
                    "saas_name": "Slack",
                    "external_id": "{{ record.account }}",
                },
                "default_role": 25,
                "write_method": {"method": "rest", "deactivate_missing": True, "max_deactivated_percent": 100},
                **settings,
            }
        )
        self.people = [
            {"user_id": f"u{number}", "username": name, "email": f"{name}@acme.example", "role": 25}
            for number, name in ((1, "ada"), (2, "bob"))
        ]
        stream = Stream("users", destination_sync_mode="overwrite")
        (self.plan,) = plan_streams(config, PersonSchema.unknown(), [stream])
        self.key = stream.key
        self.report = Report(["users"], config.test_run)
        http.get(USERS, json=lambda request, _: [p for p in self.people if p["email"] in request.qs["filter"][0]])
        http.get(f"{HOST}/api/v3/saas", json=[{"saas_id": 7, "saas_name": "Slack"}])
        listed = [{**person, "user_external_id": person["username"].upper(), "active": True} for person in self.people]
        http.get(SAAS_USERS, json=lambda request, _: listed if request.qs["skip"] == ["0"] else [])
        http.post(SAAS_USERS, text="")
        self.deactivated = http.patch(f"{HOST}/api/v3/saas_users/deactivate", json=[])
        client = (ReadOnlyClient if config.test_run else Client)(config, RetryPolicy(faults=0))
        assert config.saas is not None
        assert isinstance(config.write_method, RestWriting)
        application = SaasApplication(client, config.saas)
        limit = DeactivationLimit(application, config.write_method.max_deactivated_percent)
        self.writer = RestWriter(
            People(PeopleApi(client, HOST), self.report),
            {
                stream.key: Application(
                    SaasUsers(application, limit, config.write_method, self.report),
                    limit,
                    MissingUsers(application, limit, self.report, [stream]),
                )
            },
            2,
        )

    def mapped(self, record: dict[str, Any]) -> MappedRecord:
        mapped = self.plan.mapping(record)
        assert mapped is not None
        return mapped

    def write(self, *records: dict[str, Any], last: bool = False) -> list[tuple[Outcome | None, str]]:
        batch = Batch(self.plan, [RecordWrite(self.mapped(each)) for each in records], last=last)
        self.writer.write(batch)
        self.writer.close()
        return [(write.outcome, write.reason) for write in batch.records]

    def missing(self) -> list[str]:
        self.writer.finish(StreamEnd({self.key}, set(), rejected=False))
        return [ident for request in self.deactivated.request_history for ident in request.json()["saas_user_ids"]]


def record(name: str, **more: Any) -> dict[str, Any]:
    return {"account": name.upper(), "name": name, "email": f"{name}@acme.example", **more}


def test_written_batch_keeps_no_person_in_memory(requests_mock: Mocker) -> None:
    """The reading thread settles a batch later, and needs no rows of Oomnitza."""
    sync = Sync(requests_mock)
    batch = Batch(sync.plan, [RecordWrite(sync.mapped(record("ada")))])
    sync.writer.write(batch)
    assert [(write.outcome, write.user_id, write.person) for write in batch.records] == [
        (Outcome.UNCHANGED, "u1", None)
    ]


def test_record_rejected_on_both_sides_has_both_reasons(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    requests_mock.patch(f"{USERS}/u1", status_code=400, json={"error": "Too long."})
    requests_mock.post(f"{SAAS_USERS}/u1", status_code=400, json={"error": "Taken."})
    ((outcome, reason),) = sync.write(record("ada", title="x" * 500, account="other"))
    assert outcome is Outcome.FAILED
    assert (
        reason
        == "Oomnitza rejected the change of position: Too long; SaaS user: its id in the application could not be set: Taken."
    )


def test_leaver_with_a_rejected_person_is_deactivated(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    requests_mock.patch(f"{USERS}/u1", status_code=400, json={"error": "Too long."})
    ((outcome, _),) = sync.write(record("ada", title="x", deleted=True))
    assert outcome is Outcome.FAILED
    assert sync.deactivated.last_request.json() == {"saas_user_ids": ["u1"]}


def test_new_person_without_user_id_fails_the_record(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    requests_mock.post(USERS, json={})
    ((outcome, reason),) = sync.write(record("new"))
    assert outcome is Outcome.FAILED
    assert "without a user_id" in reason


def test_test_run_counts_saas_users_of_new_people(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock, test_run=True)
    assert sync.write(record("new")) == [(Outcome.ADDED, "")]
    assert sync.report.as_dict()["users"]["saas"]["assigned"] == 1
    assert {request.method for request in requests_mock.request_history} == {"GET"}


@pytest.mark.parametrize("mode", ["create_and_update", "create_only", "update_only"])
def test_person_with_record_is_not_missing_in_any_mode(requests_mock: Mocker, mode: str) -> None:
    sync = Sync(requests_mock, write_mode=mode)
    sync.write(record("ada"))
    assert sync.missing() == ["u2"]


def test_person_found_by_an_unlisted_field_is_not_missing(requests_mock: Mocker) -> None:
    sync = Sync(
        requests_mock,
        write_mode="create_only",
        sync_keys=["external_id"],
        field_mapping=[{"field": "external_id", "value": "number"}],
    )
    requests_mock.get(USERS, json=[{"user_id": "u1", "external_id": "1"}])
    assert sync.write(record("renamed", number="1")) == [(Outcome.SKIPPED, SkipReason.WRITE_MODE)]
    assert sync.missing() == ["u2"]


def test_user_name_identifies_a_user_with_record(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    assert sync.write(record("else", deleted=True) | {"name": "ada"}) == [
        (Outcome.SKIPPED, SkipReason.INACTIVE_UNKNOWN)
    ]
    assert sync.missing() == ["u2"]


@pytest.mark.parametrize(("mode", "gone"), [("create_only", []), ("update_only", ["u1"])])
def test_leaver_without_address_is_deactivated_by_mode(requests_mock: Mocker, mode: str, gone: list[str]) -> None:
    """At the end of the sync, because the person may have a newer account."""
    sync = Sync(requests_mock, write_mode=mode)
    skipped = (Outcome.SKIPPED, SkipReason.NO_SYNC_KEY)
    leaver = record("ada", email=None, deleted=True)
    assert sync.write(leaver) == [(None, "") if gone else skipped]
    assert not sync.deactivated.called
    assert sync.write(leaver, last=True) == [skipped]
    assert [request.json()["saas_user_ids"] for request in sync.deactivated.request_history] == ([gone] if gone else [])


@pytest.mark.parametrize(
    "unwritten",
    [
        record("bob", email=None),
        record("else", account="BOB"),
        {"account": "BOB", "name": ["cannot", "be", "mapped"]},
        {"name": "bob", "account": None},
    ],
)
def test_record_that_is_skipped_keeps_its_person(requests_mock: Mocker, unwritten: dict[str, Any]) -> None:
    sync = Sync(requests_mock)
    sync.writer.write(Batch(sync.plan, skipped=[list(sync.plan.mapping.identities(unwritten))]))
    assert sync.missing() == ["u1"]


class TwoRequests:
    """Replaces People: Ada's request ends the sync while Bob's is running."""

    def __init__(self) -> None:
        self.asked, self.ended = threading.Event(), threading.Event()

    def find(self, plan: StreamPlan, writes: list[RecordWrite]) -> None:
        """Find nobody."""

    def decide(self, plan: StreamPlan, write: RecordWrite) -> dict[str, Any]:
        return write.record.fields

    def write(self, plan: StreamPlan, write: RecordWrite, fields: dict[str, Any]) -> None:
        if fields["username"] == "ada":
            assert self.asked.wait(10)
            raise transient_error("gave up")
        self.asked.set()
        self.ended.wait(0.2)
        write.end(Outcome.ADDED)


def test_write_that_raises_has_waited_for_requests_under_way(requests_mock: Mocker) -> None:
    sync, people = Sync(requests_mock), TwoRequests()
    writer = RestWriter(people, {}, 2)  # type: ignore[arg-type]  # it has what the writer asks of People
    batch = Batch(sync.plan, [RecordWrite(sync.mapped(record(name))) for name in ("ada", "bob")])
    with pytest.raises(AirbyteTracedException):
        writer.write(batch)
    people.ended.set()
    assert [write.outcome for write in batch.records] == [None, Outcome.ADDED]
    writer.close()


def test_write_raises_the_error_that_ends_the_sync(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    requests_mock.patch(f"{USERS}/u1", status_code=401)
    with pytest.raises(Exception, match="does not accept the token"):
        sync.write(record("ada", title="x"), record("bob"))
