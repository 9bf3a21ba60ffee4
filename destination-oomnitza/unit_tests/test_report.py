"""Tests of the report: bounded logs, and one line with the counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from destination_oomnitza.masking import mask
from destination_oomnitza.report import MAX_REJECTED, MAX_SKIPPED, Outcome, Report, SkipReason


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO", "airbyte")
    return caplog


def lines(log: pytest.LogCaptureFixture, beginning: str) -> list[str]:
    return [record.getMessage() for record in log.records if record.getMessage().startswith(beginning)]


def test_reject_logs_fifty_records_then_counts_by_reason(
    log: pytest.LogCaptureFixture,
) -> None:
    report = Report(["users"])
    for number in range(1000):
        report.reject("users", f"email=p{number}@acme.example", "too long" if number % 4 else "too short")
    report.finish()
    logged = lines(log, "Rejected")
    assert logged[0] == "Rejected: users, email=p0@acme.example: too short"
    assert len(logged) == MAX_REJECTED + 2
    assert logged[MAX_REJECTED:] == ["Rejected: 713 more: too long", "Rejected: 237 more: too short"]
    assert report.rejected() == 1000


def test_skip_names_ten_records_for_each_reason(log: pytest.LogCaptureFixture) -> None:
    report = Report(["users", "guests"])
    for number in range(100):
        for stream in ("users", "guests"):
            report.skip(stream, SkipReason.FILTERED, lambda number=number: f"id=U{number}")  # type: ignore[misc]
    report.skip("users", SkipReason.NO_SYNC_KEY, lambda: "made-up-token \ud800")
    assert lines(log, "Skipped (filtered): users, ") == [
        f"Skipped (filtered): users, id=U{number}: the record filter is not true for it"
        for number in range(MAX_SKIPPED)
    ]
    assert len(lines(log, "Skipped")) == 2 * MAX_SKIPPED + 1
    assert report.as_dict()["users"]["skipped_because"]["filtered"] == 100


def test_skip_names_a_record_only_if_it_is_logged() -> None:
    report = Report(["users"])
    named = []
    for number in range(100):
        report.skip("users", SkipReason.WRITE_MODE, lambda number=number: named.append(number) or "x")  # type: ignore[func-returns-value,misc]
    assert len(named) == MAX_SKIPPED


def test_keep_otherwise_logs_one_example_per_field(log: pytest.LogCaptureFixture) -> None:
    mask("made-up-token")
    report = Report(["users"])
    for number in range(12):
        report.keep_otherwise("users", f"email=p{number}@acme.example", "position", f"boss {number}", f"Boss {number}")
    report.keep_otherwise("users", "email=ada@acme.example", "address", "made-up-token", None)
    report.finish()
    assert lines(log, "Oomnitza stores another") == [
        "Oomnitza stores another position than was sent, for 12 people of users, for example email=p0@acme.example: "
        "sent boss 0, kept Boss 0. The field is written in every sync.",
        "Oomnitza stores another address than was sent, for 1 people of users, for example email=ada@acme.example: "
        "sent ****, kept (empty). The field is written in every sync.",
    ]


def test_reject_with_ever_new_reasons_is_bounded(log: pytest.LogCaptureFixture) -> None:
    report = Report(["users"])
    for number in range(10_000):
        report.reject("users", "email=p@acme.example", f"reason {number}")
    report.finish()
    assert len(log.records) < 200
    assert lines(log, "Rejected")[50].endswith("other reasons")


def test_reject_cuts_huge_texts_and_masks_secrets(log: pytest.LogCaptureFixture) -> None:
    mask("made-up-token")
    report = Report(["users"])
    report.reject("users", "email=" + "x" * 5_000_000, "made\\u002dup-token " + "y" * 5_000_000)
    (logged,) = lines(log, "Rejected")
    assert len(logged) < 1000
    assert "****" in logged


def test_reject_of_half_a_surrogate_pair_is_logged(log: pytest.LogCaptureFixture) -> None:
    Report(["users"]).reject("users", "email=\ud800", "reason \udfff")
    (logged,) = lines(log, "Rejected")
    logged.encode()


def test_ignore_logs_once_and_counts(log: pytest.LogCaptureFixture) -> None:
    report = Report([])
    for _ in range(1000):
        report.ignore("a line that is not JSON", " (column 3)")
    report.ignore("something else")
    report.finish()
    assert lines(log, "Ignored") == [
        "Ignored: a line that is not JSON (column 3). More of the same are counted at the end.",
        "Ignored: something else. More of the same are counted at the end.",
        "Ignored: a line that is not JSON, 1000 times.",
    ]


def test_message_holds_every_stream_and_count() -> None:
    report = Report(["users", "logins"])
    report.count("users", Outcome.ADDED, 3)
    report.count("users", Outcome.UPDATED)
    report.reject("users", "email=a@acme.example", "because")
    report.count_saas("users", "assigned", 2)
    report.skip("users", SkipReason.FILTERED, lambda: "id=U1")
    report.count_skipped("users", SkipReason.WRITE_MODE, 2)
    message = report.message()
    nothing: dict[str, Any] = {
        **dict.fromkeys(("added", "updated", "unchanged", "skipped", "failed"), 0),
        "skipped_because": dict.fromkeys(
            ("filtered", "no_sync_key", "inactive_unknown", "write_mode", "superseded"), 0
        ),
        "saas": dict.fromkeys(("assigned", "activated", "deactivated", "roles_changed"), 0),
    }
    assert (message["type"], message["log"]["level"]) == ("LOG", "INFO")
    assert json.loads(message["log"]["message"]) == {
        "sync_report": {
            "users": {
                **nothing,
                **{"added": 3, "updated": 1, "skipped": 3, "failed": 1},
                "skipped_because": {**nothing["skipped_because"], "filtered": 1, "write_mode": 2},
                "saas": {**nothing["saas"], "assigned": 2},
            },
            "logins": nothing,
        }
    }


@pytest.mark.parametrize(
    ("outcomes", "everything"),
    [([], False), ([Outcome.FAILED], True), ([Outcome.FAILED, Outcome.SKIPPED], False), ([Outcome.ADDED], False)],
)
def test_all_rejected_needs_records_and_all_of_them(outcomes: list[Outcome], everything: bool) -> None:
    report = Report(["users"])
    for outcome in outcomes:
        if outcome is Outcome.FAILED:
            report.reject("users", "email=a@acme.example", "because")
        else:
            report.count("users", outcome)
    assert report.all_rejected() is everything


def test_test_run_logs_ten_examples(log: pytest.LogCaptureFixture) -> None:
    report = Report(["users"], test_run=True)
    for number in range(50):
        report.example("users", f"email={number}", "updated", {"position": "Cook", "x": 1}, {"position": "Boss"})
    report.finish()
    (logged,) = lines(log, "Test run")
    assert logged.count("would be updated") == 10
    assert logged.count("position: Cook -> Boss") == 10
