"""Tests of missing users: reasons to deactivate none, and users who count as seen."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.config.models import Config
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.report import Report
from destination_oomnitza.writers import deactivation_limit
from destination_oomnitza.writers.base import Batch, Deferral, RecordWrite, StreamEnd
from destination_oomnitza.writers.deactivation_limit import DeactivationLimit
from destination_oomnitza.writers.missing_users import MissingUsers
from requests_mock import Mocker

HOST = "https://acme.oomnitza.com"
STREAM = Stream("users", destination_sync_mode="overwrite")
COMPLETE = {STREAM.key}


class Sync:
    """Sync before its end: ten active users (u0 to u9) and one inactive (u10)."""

    def __init__(
        self, http: Mocker, max_percent: float = 20, streams: tuple[Stream, ...] = (STREAM,), activity: bool = True
    ) -> None:
        config = Config.parse(
            {
                "instance_url": HOST,
                "credentials": {"auth_type": "api_token", "api_token": "made-up"},
                "default_role": 25,
                "record_type": {"type": "user_and_saas_user", "saas_name": "Slack"},
            }
        )
        rows = [
            {
                "user_id": f"u{number}",
                "email": f"P{number}@acme.example",
                "username": f"p{number}",
                "user_external_id": f"U{number}",
                **({"deactivated": number == 10} if activity else {}),
            }
            for number in range(11)
        ]
        http.get(f"{HOST}/api/v3/saas", json=[{"saas_id": 7, "saas_name": "Slack"}])
        self.total = ""
        """The list's X-Total-Count, if it has one."""

        def listed(request: Any, context: Any) -> Any:
            context.headers.update({"X-Total-Count": self.total} if self.total else {})
            return rows if request.qs["skip"] == ["0"] else []

        self.list = http.get(f"{HOST}/api/v3/saas/7/users", json=listed)
        self.sent = http.patch(f"{HOST}/api/v3/saas_users/deactivate", json=[])
        assert config.saas is not None
        self.application = SaasApplication(Client(config, RetryPolicy(faults=0)), config.saas)
        self.report = Report([stream.title for stream in streams])
        (self.plan,) = plan_streams(config, PersonSchema.unknown(), [STREAM])
        self.limit = DeactivationLimit(self.application, max_percent)
        self.missing = MissingUsers(self.application, self.limit, self.report, streams)

    def came(self, *numbers: int) -> None:
        for number in numbers:
            self.skipped()
            self.application.users()[f"u{number}"].appeared = True

    def skipped(self, *identities: tuple[str, Any]) -> None:
        """Take a record that is not written."""
        self.missing.note(Batch(self.plan, skipped=[list(identities)]))

    def finish(self, complete: set[Any], rejected: bool = False) -> None:
        self.missing.finish(StreamEnd(complete, set(), rejected))
        self.limit.raise_if_exceeded()

    def deactivated(self) -> list[str]:
        return [ident for request in self.sent.request_history for ident in request.json()["saas_user_ids"]]


@pytest.fixture(autouse=True)
def _small_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limit's minimum of ten people, so that the share decides."""
    monkeypatch.setattr(deactivation_limit, "AT_LEAST", 0)


def test_missing_beyond_the_limit_deactivates_none(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    sync.came(*range(7))
    numbers = r"0 of the 10 active .* Slack were deactivated, and 3 missing from the source were not: at most 2 "
    with pytest.raises(AirbyteTracedException, match=numbers + r".*write_method\.max_deactivated_percent") as error:
        sync.finish(COMPLETE)
    assert error.value.failure_type is FailureType.config_error
    assert sync.deactivated() == []


def test_missing_without_known_activity_gives_advice(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock, activity=False)
    sync.came(*range(7))
    with pytest.raises(AirbyteTracedException, match=r"of the 11 .* 4 missing .* does not report who is inactive"):
        sync.finish(COMPLETE)


def test_exactly_the_limit_is_allowed(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    sync.came(*range(8))
    sync.finish(COMPLETE)
    assert sync.deactivated() == ["u8", "u9"]
    assert sync.report.as_dict()["users"]["saas"]["deactivated"] == 2


def test_missing_with_a_limit_of_100_percent_are_deactivated(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock, max_percent=100)
    sync.skipped(("email", "somebody@else.example"))
    sync.finish(COMPLETE)
    assert len(sync.deactivated()) == 10


@pytest.mark.parametrize("why", ["incomplete", "another stream never came", "rejected", "empty"])
def test_missing_users_are_left_active(requests_mock: Mocker, why: str, caplog: pytest.LogCaptureFixture) -> None:
    other = Stream("guests", destination_sync_mode="overwrite")
    sync = Sync(requests_mock, streams=(STREAM, other) if why == "another stream never came" else (STREAM,))
    if why != "empty":
        sync.came(*range(9))
    sync.finish(set() if why == "incomplete" else COMPLETE, rejected=why == "rejected")
    assert sync.deactivated() == []
    assert "No missing SaaS user is deactivated, because" in caplog.text


@pytest.mark.parametrize(
    "mark",
    [("email", "p9@ACME.example"), ("username", "P9"), ("user_external_id", "U9"), ("user_id", "u9")],
)
def test_record_that_was_skipped_counts_as_appearing(requests_mock: Mocker, mark: tuple[str, str]) -> None:
    sync = Sync(requests_mock)
    sync.came(*range(8))
    sync.skipped(mark)
    sync.finish(COMPLETE)
    assert sync.deactivated() == ["u8"]


def test_mark_is_of_its_field_alone(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    sync.came(*range(9))
    sync.skipped(("username", "U9"), ("email", "p9"), ("position", "p9@acme.example"))
    sync.finish(COMPLETE)
    assert sync.deactivated() == ["u9"]


def test_list_is_not_read_again_if_all_appeared(requests_mock: Mocker) -> None:
    sync = Sync(requests_mock)
    sync.came(*range(10))
    sync.skipped(("email", "filtered@acme.example"))
    before = sync.list.call_count
    sync.finish(COMPLETE)
    assert sync.list.call_count == before
    assert sync.deactivated() == []


def test_missing_user_rejected_is_reported(requests_mock: Mocker, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync(requests_mock)
    sync.came(*range(8))
    answer: list[dict[str, Any]] = [{"saas_user_id": "u8", "error": "The last administrator stays."}]
    requests_mock.patch(f"{HOST}/api/v3/saas_users/deactivate", json=answer)
    sync.finish(COMPLETE)
    counts = sync.report.as_dict()["users"]
    assert (counts["saas"]["deactivated"], counts["failed"]) == (1, 1)
    assert "user_id=u8" in caplog.text
    assert "The last administrator stays." in caplog.text


def test_missing_from_list_incomplete_at_first_are_left(requests_mock: Mocker) -> None:
    """The list that shows who is missing is complete only when it is read again."""
    sync = Sync(requests_mock)
    sync.total = "99"
    sync.came(*range(9))
    sync.skipped(("email", "someone@acme.example"))
    sync.total = ""
    sync.finish(COMPLETE)
    assert sync.deactivated() == []


def test_deferred_record_counts_at_the_end_only(requests_mock: Mocker) -> None:
    """Its address may be that of another person, who gives it up by then."""
    sync = Sync(requests_mock)
    sync.came(0, *range(2, 10))
    record = MappedRecord(("p1@acme.example",), {"email": "p1@acme.example"})
    sync.missing.note(Batch(sync.plan, records=[RecordWrite(record, deferred=Deferral.VALUE)]))
    sync.finish(COMPLETE)
    assert sync.deactivated() == ["u1"]
