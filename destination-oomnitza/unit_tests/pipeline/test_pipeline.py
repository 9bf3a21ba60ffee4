"""Tests of the pipeline: failures, cancellation, counts and states."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import orjson
import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.errors import transient_error
from destination_oomnitza.report import Outcome
from destination_oomnitza.writers.base import Batch, StreamEnd

from .fake_sync import Sync, Tasks, keyless, record, state


def test_failed_batch_ends_the_sync_and_keeps_its_state() -> None:
    sync = Sync(batch_size=1)
    failure = AirbyteTracedException(message="no more", failure_type=FailureType.transient_error)

    def lines() -> Iterator[list[bytes]]:
        yield [orjson.dumps(record(1, "ada")), orjson.dumps(state(1))]
        while not sync.sent:
            yield []
        sync.writer.failure = failure
        yield [orjson.dumps(record(2, "eve")), orjson.dumps(state(2))]
        while True:
            yield []

    with pytest.raises(AirbyteTracedException) as raised:
        sync.pipeline.run(lines())
    assert raised.value is failure
    assert sync.numbers() == [1]


def test_cancellation_ends_a_silent_sync_with_its_error() -> None:
    sync = Sync()
    stopped = transient_error("stopped")

    def lines() -> Iterator[list[bytes]]:
        yield [orjson.dumps(record(1, "ada"))]
        sync.cancellation.cancel(stopped)
        while True:
            yield []

    with pytest.raises(AirbyteTracedException) as raised:
        sync.pipeline.run(lines())
    assert raised.value is stopped


def test_superseded_record_is_accepted() -> None:
    sync = Sync()
    sync.run(record(1, "ada", "a"), record(2, "ada", "f"), state(3))
    assert sync.counts() == {"skipped": 1, "failed": 1}
    assert sync.stats() == [(1, 1)]
    assert not sync.report.all_rejected()


def test_skipped_records_are_counted_by_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    sync = Sync(record_filter="{{ not record['is_bot'] }}", tasks=Tasks())
    sync.run(record(1, "bot", is_bot=True), keyless(2), record(3, "ada", "a"), record(4, "ada", "s"))
    counts = sync.report.as_dict()["users"]
    assert counts["skipped"] == 4
    assert {reason: n for reason, n in counts["skipped_because"].items() if n} == dict.fromkeys(
        ("filtered", "no_sync_key", "superseded", "write_mode"), 1
    )
    assert "Skipped (filtered): users, email=bot@acme.example: " in caplog.text
    assert "Skipped (superseded): users, email=ada@acme.example: " in caplog.text


def test_states_behind_a_slow_batch_stop_the_reading() -> None:
    sync = Sync("users", "others", tasks=Tasks(), batch_size=1, max_waiting=10)
    most = 0

    def lines() -> Iterator[list[bytes]]:
        nonlocal most
        yield [orjson.dumps(record(1, "ada"))]
        for number in range(100):
            yield [orjson.dumps(state(number, "others"))]
            most = max(most, sync.checkpoints.waiting())

    sync.pipeline.run(lines())
    assert most <= 12
    assert sync.numbers() == list(range(100))


def test_complete_streams_are_told_to_the_writer() -> None:
    sync = Sync("users", "others")
    status = {"stream_descriptor": {"name": "users"}, "status": "COMPLETE"}
    sync.run({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": status}})
    assert sync.end == StreamEnd({(None, "users")}, set(), rejected=False)


def test_states_leave_while_the_input_is_silent() -> None:
    """States leave when the first of two batches ends, though no more input comes."""
    sync = Sync(batch_size=1, num_workers=2)
    held, second_done = threading.Event(), threading.Event()
    write = sync.writer.write

    def slow(batch: Batch) -> None:
        number = batch.records[0].record.fields["phone_number"]
        if number == "1":
            assert held.wait(10)
        write(batch)
        if number == "2":
            second_done.set()

    sync.writer.write = slow  # type: ignore[method-assign]  # the same writer, slower

    def lines() -> Iterator[list[bytes]]:
        yield [orjson.dumps(each) for each in (record(1, "a"), state(1), record(2, "b"), state(2))]
        assert second_done.wait(10)
        yield []
        assert sync.sent == []
        held.set()
        while len(sync.sent) < 2:
            yield []

    sync.pipeline.run(lines())
    assert sync.numbers() == [1, 2]


def test_failed_sync_counts_records_of_running_batches() -> None:
    """Counts the record that a running batch has written when another batch fails."""
    sync = Sync(batch_size=2, num_workers=2)
    failure = AirbyteTracedException(message="no more", failure_type=FailureType.transient_error)
    half_written = threading.Event()

    def write(batch: Batch) -> None:
        if batch.records[0].record.fields["phone_number"] == "3":
            assert half_written.wait(10)
            raise failure
        batch.records[0].end(Outcome.ADDED)
        half_written.set()
        sync.cancellation.sleep(10)

    sync.writer.write = write  # type: ignore[method-assign]  # a writer that goes on until the sync is over
    with pytest.raises(AirbyteTracedException) as raised:
        sync.run(*[record(number, f"p{number}") for number in (1, 2, 3, 4)], state(5))
    assert raised.value is failure
    assert sync.counts() == {"added": 1}
    assert sync.sent == []
