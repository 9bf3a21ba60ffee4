"""Tests of the pipeline's promises, for any order of input and batches.

The executor is a list of tasks that the test runs at chosen times, so hypothesis chooses every timing, and the machine none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config
from destination_oomnitza.errors import transient_error
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.mapping.values import folded
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.pipeline.batches import MAX_BYTES
from destination_oomnitza.pipeline.checkpoints import Checkpoints
from destination_oomnitza.pipeline.first_records import FirstRecords
from destination_oomnitza.pipeline.pipeline import Pipeline
from destination_oomnitza.pipeline.scheduler import Scheduler
from destination_oomnitza.pipeline.settlement import Settlement
from destination_oomnitza.pipeline.sync_key_watch import SyncKeyWatch
from destination_oomnitza.planning.stream_plan import plan_stream
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.report import Outcome, Report, SkipReason
from destination_oomnitza.writers.base import Batch, Deferral, RecordWrite, StreamEnd
from hypothesis import given, settings
from hypothesis import strategies as st

DEFERRALS = {"v": Deferral.VALUE, "i": Deferral.IDENTITY}
OUTCOMES = {"a": Outcome.ADDED, "u": Outcome.UPDATED, "n": Outcome.UNCHANGED, "s": Outcome.SKIPPED, "f": Outcome.FAILED}


def keys(batch: Batch) -> list[tuple[str, str]]:
    """Return the sync keys of a batch's records, folded."""
    pairs = [zip(batch.plan.mapping.sync_keys, write.record.keys, strict=True) for write in batch.records]
    return [(name, folded(value)) for each in pairs for name, value in each if value is not None]


class Tasks(Executor):
    """Replaces the thread pool and `wait`; tasks run when the test or scheduler waits."""

    def __init__(self, choose: Callable[[int], int] = lambda number: 0) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[Any], Any], Batch]] = []
        self.most = 0
        self._choose = choose

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        (batch,) = arguments
        busy = [key for _, _, other in self.waiting for key in keys(other)]
        assert not set(busy) & set(keys(batch)), "a key is in flight twice"
        future: Future[Any] = Future()
        self.waiting.append((future, function, batch))
        self.most = max(self.most, len(self.waiting))
        return future

    def run_one(self) -> None:
        if self.waiting:
            future, function, batch = self.waiting.pop(self._choose(len(self.waiting)))
            future.set_running_or_notify_cancel()
            try:
                future.set_result(function(batch))
            except BaseException as error:
                future.set_exception(error)

    def wait(self, fs: Collection[Future[Any]], timeout: float | None, return_when: str) -> None:
        while fs and not any(future.done() for future in fs):
            assert self.waiting, "it waits for nothing"
            self.run_one()


class FakeWriter:
    """Records what is written.

    A record's field `position` decides its outcome: a letter of OUTCOMES, after one of DEFERRALS if it first waits for the end of
    the sync. As in Identities, a later record of the same person supersedes one that waits.
    """

    def __init__(self) -> None:
        self.written: list[MappedRecord] = []
        self.superseded: list[MappedRecord] = []
        self.latest: dict[str, MappedRecord] = {}
        self.batches: list[list[MappedRecord]] = []
        self.failure: BaseException | None = None

    def write(self, batch: Batch) -> None:
        if self.failure is not None:
            raise self.failure
        self.batches.append([write.record for write in batch.records])
        for write in batch.records:
            self._write(write, batch.last)

    def _write(self, write: RecordWrite, last: bool) -> None:
        person = write.record.fields.get("email", "").lower()
        waits, outcome = write.record.fields["position"][:-1], OUTCOMES[write.record.fields["position"][-1]]
        if not last:
            self.latest[person] = write.record
        if waits and not last:
            write.defer(1, DEFERRALS[waits])
        elif self.latest[person] is not write.record:
            self.superseded.append(write.record)
            write.skip(SkipReason.SUPERSEDED)
        else:
            self.written.append(write.record)
            write.end(outcome, SkipReason.WRITE_MODE if outcome is Outcome.SKIPPED else "because")

    def finish(self, end: StreamEnd) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def record(number: int, key: str, outcome: str = "a", stream: str = "users", **more: Any) -> dict[str, Any]:
    data = {"name": f"person {key}", "email": f"{key}@acme.example", "title": outcome, "phone": str(number), **more}
    return {"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 0}}


def state(number: int, stream: str | None = "users", kind: str = "STREAM") -> dict[str, Any]:
    body: dict[str, Any] = {"type": kind, "x-number": number, "sourceStats": {"recordCount": 1.0}}
    if kind == "STREAM":
        body["stream"] = {"stream_descriptor": {"name": stream}, "stream_state": {"n": number}}
    elif kind == "LEGACY":
        body = {"data": {"n": number}, "x-number": number}
    return {"type": "STATE", "state": body}


class Sync:
    """Pipeline with a fake writer, and the states that it sent."""

    def __init__(
        self,
        *streams: str,
        tasks: Tasks | None = None,
        batch_size: int = 3,
        num_workers: int = 2,
        fail_on_rejected: bool = False,
        max_waiting: int = 10_000,
        **config: Any,
    ) -> None:
        parsed = Config.parse(
            {
                "instance_url": "acme",
                "credentials": {"auth_type": "api_token", "api_token": "made-up"},
                "default_role": 25,
                **config,
            }
        )
        plans = [plan_stream(parsed, PersonSchema.unknown(), Stream(name)) for name in streams or ("users",)]
        self.report = Report([plan.stream.title for plan in plans])
        self.sent: list[dict[str, Any]] = []
        self.on_send: Callable[[dict[str, Any]], None] = lambda message: None
        self.cancellation = Cancellation()
        self.writer = FakeWriter()
        self.keys = SyncKeyWatch()
        self.checkpoints = Checkpoints(
            self._send, fail_on_rejected, hold=lambda: bool(self.keys.keyless()), max_waiting=max_waiting
        )
        self.tasks = tasks
        self.executor = tasks or ThreadPoolExecutor(num_workers)
        settlement = Settlement(self.report, self.checkpoints)
        scheduler = Scheduler(
            self.executor,
            self.writer,
            settlement.settle,
            self.cancellation,
            max_in_flight=2 * num_workers,
            wait=tasks.wait if tasks else futures.wait,
        )
        self.pipeline = Pipeline(
            plans,
            scheduler,
            self.checkpoints,
            self.report,
            self.keys,
            first_records=FirstRecords(shown=False),
            cancellation=self.cancellation,
            take_deferred=settlement.take_deferred,
            batch_size=batch_size,
        )

    def _send(self, message: dict[str, Any]) -> None:
        as_read = orjson.loads(orjson.dumps(message))
        self.on_send(as_read)
        self.sent.append(as_read)

    def run(self, *lines: Any) -> None:
        """Run over messages (dicts), lines (bytes) and silences (None)."""
        encoded = (line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
        self.end = self.pipeline.run([[line] if line != b"null" else [] for line in encoded])

    def numbers(self) -> list[int]:
        return [message["state"]["x-number"] for message in self.sent]

    def stats(self) -> list[tuple[float, float]]:
        stats = [message["state"]["destinationStats"] for message in self.sent]
        return [(each["recordCount"], each.get("rejectedRecordCount", 0)) for each in stats]

    def counts(self, stream: str = "users") -> dict[str, int]:
        return {name: n for name, n in self.report.as_dict()[stream].items() if isinstance(n, int) and n}


# -- errors first ------------------------------------------------------------------------------------------------------------


BROKEN_LINES = [
    b"not json",
    b"\xff\xfe\x00",
    b"{",
    b"[1, 2]",
    b"5",
    b'"text"',
    b"true",
    b"{}",
    b'{"type": 7}',
    b'{"type": []}',
    b'{"type": {}}',
    b'{"type": "NEWS"}',
    b'{"type": "RECORD"}',
    b'{"type": "RECORD", "record": 3}',
    b'{"type": "RECORD", "record": {"data": {}}}',
    b'{"type": "RECORD", "record": {"stream": [], "data": {}}}',
    b'{"type": "RECORD", "record": {"stream": "users", "namespace": {"a": 1}, "data": {}}}',
    b'{"type": "RECORD", "record": {"stream": "strangers", "data": {}}}',
    b'{"type": "STATE"}',
    b'{"type": "STATE", "state": "s"}',
    b'{"type": "STATE", "state": {"type": "STREAM"}}',
    b'{"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": 1}}}',
    b'{"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": {"name": "strangers"}}}}',
    b"[" * 3000 + b"]" * 3000,
]


@pytest.mark.parametrize("line", BROKEN_LINES, ids=lambda line: line[:70].decode(errors="replace"))
def test_ignored_input_is_logged_once_and_counted(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run(record(1, "ada"), *[line] * 50, state(1))
    sync.report.finish()
    assert sync.numbers() == [1]
    assert sync.counts() == {"added": 1}
    logged = [each.getMessage() for each in caplog.records if each.getMessage().startswith("Ignored")]
    assert len(logged) == 2
    assert logged[1].endswith("50 times.")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"   ",
        b'{"type": "LOG", "log": {"level": "INFO", "message": "m"}}',
        b'{"type": "TRACE"}',
        b'{"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": 5}}',
        b'{"type": "CONTROL", "control": null}',
    ],
)
def test_other_messages_of_the_protocol_are_not_logged(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run(line, record(1, "ada"), line)
    assert caplog.records == []
    assert sync.counts() == {"added": 1}


def test_ignored_input_of_2000_kinds_is_150_lines(caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run(*[record(1, "ada", stream=f"stranger {number}") for number in range(2000)])
    sync.report.finish()
    assert len(caplog.records) < 150


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "b", "email": "b\xff@acme.example"}}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "\\ud800", "email": "b@acme.example"}}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "b", "email": "b@acme.example", "x": NaN}}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": 5, "email": "b@acme.example"}}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": [1]}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": null}}',
        b'{"type": "RECORD", "record": {"stream": "users"}}',
    ],
)
def test_record_that_cannot_be_read_is_rejected(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run(record(1, "ada"), line, state(1))
    assert sync.counts() == {"added": 1, "failed": 1}
    assert sync.stats() == [(1, 1)]
    assert len([each for each in caplog.records if each.getMessage().startswith("Rejected")]) == 1


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


def keyless(number: int, **more: Any) -> dict[str, Any]:
    """Return a record whose sync key field has another name."""
    return {"type": "RECORD", "record": {"stream": "users", "data": {"mail": f"p{number}@acme.example", **more}}}


def test_ten_records_without_a_sync_key_are_an_error() -> None:
    sync = Sync("users", "others")
    sync.run(state(1), *(keyless(number) for number in range(10)), state(2), record(1, "ada", stream="others"))
    assert sync.numbers() == [1]
    assert sync.end.broken == {(None, "users")}
    error = sync.keys.error()
    assert error is not None
    assert error.failure_type is FailureType.config_error
    assert "None of 10 records of users has a value for a sync key: email (from email)" in str(error)
    assert "The stream lacks email; its fields are mail" in str(error)
    assert sync.report.as_dict()["users"]["skipped_because"]["no_sync_key"] == 10


@pytest.mark.parametrize("why", ["nine", "one has a key", "inactive", "filtered"])
def test_records_without_a_sync_key_otherwise_hold_no_state(why: str) -> None:
    sync = Sync(record_filter="{{ not record['is_bot'] }}")
    more = {"inactive": {"deleted": True}, "filtered": {"is_bot": True}}.get(why, {})
    sync.run(
        *(keyless(number, **more) for number in range(9 if why == "nine" else 30)),
        *([record(40, "ada")] if why == "one has a key" else []),
        state(50),
    )
    assert sync.keys.error() is None
    assert sync.end.broken == set()
    assert sync.numbers() == [50]


def test_inactive_account_without_a_key_excuses_no_stream() -> None:
    """It is mapped by its id in the application, which is no sync key."""
    sync = Sync(record_type={"type": "user_and_saas_user", "saas_name": "Slack"})
    sync.run(*(keyless(number) for number in range(10)), keyless(20, id="U20", deleted=True, title="s"), state(30))
    assert sync.keys.error() is not None
    assert sync.numbers() == []


def test_held_state_leaves_with_the_first_keyed_record() -> None:
    sync = Sync()
    sync.run(*(keyless(number) for number in range(10)), state(20), record(21, "ada"), state(22))
    assert sync.numbers() == [20, 22]


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


# -- the promises, in any interleaving -----------------------------------------------------------------------------------------


KEYS = st.sampled_from(["ada", "bob", "cy", "Ada", "dee", "eve", "flo"])
FATES = st.sampled_from([*"auunnsf", "va", "vf", "ia", "is", "if"])
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), KEYS, FATES, st.sampled_from(["users", "others"])),
        st.tuples(st.just("unmappable"), st.sampled_from(["users", "others"])),
        st.tuples(st.just("filtered"), st.sampled_from(["users", "others"])),
        st.tuples(st.just("unknown"), st.just("strangers")),
        st.tuples(st.just("state"), st.sampled_from(["users", "others", "strangers", "global", "legacy"])),
        st.tuples(st.just("silence")),
        st.tuples(st.just("work"), st.integers(1, 4)),
    ),
    max_size=60,
)


class Model:
    """Expected result of a list of events, without batches or workers."""

    def __init__(self, events: list[Any]) -> None:
        self.messages: list[Any] = []
        self.records: list[tuple[int, str, str, str]] = []  # number, stream, key, fate
        self.before: dict[int, int] = {}  # number of records before each state
        self.scope: dict[int, str] = {}
        for event in events:
            number = len(self.messages)
            kind, *what = event
            if kind == "record":
                key, outcome, stream = what
                self.records.append((number, stream, key.lower(), outcome))
                self.messages.append(record(number, key, outcome, stream))
            elif kind == "unmappable":
                self.records.append((number, what[0], "", "f"))
                self.messages.append(record(number, "zed", stream=what[0], name=["a", "list"]))
            elif kind == "filtered":
                self.records.append((number, what[0], "", "s"))
                self.messages.append(record(number, "zed", stream=what[0], is_bot=True))
            elif kind == "unknown":
                self.records.append((number, "", "", ""))
                self.messages.append(record(number, "zed", stream="strangers"))
            elif kind == "state":
                self.before[number], self.scope[number] = len(self.records), what[0]
                kinds = {"global": "GLOBAL", "legacy": "LEGACY"}
                self.messages.append(state(number, what[0], kinds.get(what[0], "STREAM")))
            else:
                self.messages.append(what[0] if kind == "work" else None)

    def taken_since_last_state(self, number: int) -> int:
        mine = self.scope[number]
        whole = mine in ("global", "legacy")
        earlier = [
            self.before[other]
            for other, scope in self.scope.items()
            if other < number and scope != "strangers" and (whole or scope in (mine, "global", "legacy"))
        ]
        if whole:  # no later state counts these records again
            return sum(
                1
                for place, (_, stream, _, _) in enumerate(self.records[: self.before[number]])
                if not any(
                    place < self.before[other]
                    for other, scope in self.scope.items()
                    if other < number and scope in (stream, "global", "legacy") and scope != "strangers"
                )
            )
        start = max(earlier, default=0)
        return sum(1 for _, stream, _, _ in self.records[start : self.before[number]] if stream == mine)


@settings(max_examples=400, deadline=None)
@given(EVENTS, st.data(), st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_pipeline_of_any_interleaving_keeps_promises(
    events: list[Any], data: st.DataObject, batch_size: int, num_workers: int, fail_on_rejected: bool
) -> None:
    model = Model(events)
    tasks = Tasks(lambda number: data.draw(st.integers(0, number - 1)))
    sync = Sync(
        "users",
        "others",
        tasks=tasks,
        batch_size=batch_size,
        num_workers=num_workers,
        fail_on_rejected=fail_on_rejected,
        record_filter="{{ not record['is_bot'] }}",
    )

    def check(message: dict[str, Any]) -> None:
        """Check a state that leaves against the records written so far."""
        number = message["state"]["x-number"]
        done = {int(row.fields["phone_number"]) for row in (*sync.writer.written, *sync.writer.superseded)}
        last: dict[tuple[str, str], int] = {}
        before = model.records[: model.before[number]]
        for place, stream, key, _ in before:
            last[stream, key] = place
        for place, stream, key, _ in before:
            if key and last[stream, key] == place:
                assert place in done, f"state {number} left before record {place} was written"

    sync.on_send = check

    def lines() -> Iterator[list[bytes]]:
        for message in model.messages:
            if isinstance(message, int):
                for _ in range(message):
                    tasks.run_one()
            else:
                yield [] if message is None else [orjson.dumps(message)]

    sync.pipeline.run(lines())
    assert not tasks.waiting
    assert tasks.most <= 2 * num_workers
    check_outcomes(model, sync)
    check_states(model, sync, fail_on_rejected)


def check_outcomes(model: Model, sync: Sync) -> None:
    """Check that each record has one outcome, and each person the last record."""
    counts = sync.report.as_dict()
    standing = {row.fields["email"].lower(): row.fields["phone_number"] for row in sync.writer.written}
    for stream in ("users", "others"):
        taken = sum(1 for _, of, _, _ in model.records if of == stream)
        assert sum(n for n in counts[stream].values() if isinstance(n, int)) == taken
        assert sum(counts[stream]["skipped_because"].values()) == counts[stream]["skipped"]
    for key, number in {key: number for number, _, key, _ in model.records if key}.items():
        assert standing[f"{key}@acme.example"] == str(number), "the earlier record was written last"


def check_states(model: Model, sync: Sync, fail_on_rejected: bool) -> None:
    """Check that states come back unchanged, in order and with the right counts.

    All of them come back unless rejected records hold some back.
    """
    acknowledged = sync.numbers()
    known = [number for number, scope in model.scope.items() if scope != "strangers"]
    assert acknowledged == known[: len(acknowledged)]
    for message, number in zip(sync.sent, acknowledged, strict=True):
        stats = message["state"].pop("destinationStats")
        assert message == model.messages[number]
        assert stats["recordCount"] + stats["rejectedRecordCount"] == model.taken_since_last_state(number)
    without_refused = [number for number in known if not _refused_by(model, number, sync)]
    everything = sync.report.rejected() == sum(1 for _, stream, _, _ in model.records if stream)
    assert acknowledged == (without_refused if fail_on_rejected or everything else known)


def _refused_by(model: Model, number: int, sync: Sync) -> int:
    """Return the number of records before a state that were rejected.

    These are the ones that could not be mapped, and those that the writer rejected.
    """
    written = {int(row.fields["phone_number"]) for row in sync.writer.written}
    return sum(
        1
        for place, stream, key, fate in model.records[: model.before[number]]
        if stream and fate.endswith("f") and (not key or place in written)
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(KEYS, FATES), min_size=1, max_size=40), st.integers(1, 5), st.data())
def test_rejected_counts_add_up_to_the_rejected_records(
    people: list[tuple[str, str]], every: int, data: st.DataObject
) -> None:
    tasks = Tasks(lambda number: data.draw(st.integers(0, number - 1)))
    sync = Sync(tasks=tasks)
    messages: list[Any] = [record(0, "zoe", "n")]
    for number, (key, outcome) in enumerate(people):
        messages.append(record(number, key, outcome))
        if number % every == 0:
            messages.append(state(number))
    sync.run(*messages, state(1000))
    assert sum(rejected for _, rejected in sync.stats()) == sync.report.rejected()
    assert sum(map(sum, sync.stats())) == len(people) + 1


# -- batches ------------------------------------------------------------------------------------------------------------------------


def batches(sync: Sync) -> list[list[str]]:
    return [[each.fields["email"].partition("@")[0] for each in records] for records in sync.writer.batches]


def test_batch_closes_on_size_state_silence_and_end() -> None:
    sync = Sync(tasks=Tasks(), batch_size=3)
    people = [record(n, key) for n, key in enumerate(["a", "b", "c", "d", "e", "f", "g"])]
    sync.run(*people[:4], None, people[4], state(1), *people[5:])
    assert batches(sync) == [["a", "b", "c"], ["d"], ["e"], ["f", "g"]]


def test_state_does_not_wait_for_later_batches() -> None:
    tasks = Tasks(lambda number: number - 1)  # the latest batch always ends first
    sync = Sync(tasks=tasks, batch_size=1, num_workers=4)
    sync.run(record(1, "a"), state(1), record(2, "b"), state(2), record(3, "c"), state(3))
    assert batches(sync) == [["c"], ["b"], ["a"]]
    assert sync.numbers() == [1, 2, 3]


def test_person_who_comes_20000_times_is_one_record() -> None:
    sync = Sync(tasks=Tasks(), sync_keys=["email", "username"], batch_size=100)

    def lines() -> Iterator[list[bytes]]:
        for number in range(20_000):
            yield [orjson.dumps(record(number, "ada", name=f"ada {number}"))]

    sync.pipeline.run(lines())
    assert len(sync.writer.batches) == 1
    assert [row.fields["username"] for row in sync.writer.written] == ["ada 19999"]
    assert sync.counts() == {"added": 1, "skipped": 19_999}


def test_key_in_flight_is_not_written_twice_across_streams() -> None:
    sync = Sync(
        "users", "others", tasks=Tasks(lambda number: number - 1), sync_keys=["email", "username"], batch_size=2
    )
    sync.run(record(1, "a", name="same"), record(2, "b", name="same"), record(3, "c", name="SAME", stream="others"))
    assert [row.fields["phone_number"] for row in sync.writer.written] == ["1", "2", "3"]


def test_ingest_earlier_record_of_one_person_is_written_first() -> None:
    """Closes the batch with the person's earlier record before it adds the later one.

    Inactive accounts have batches of their own.
    """
    sync = Sync(tasks=Tasks(), batch_size=10, write_method={"method": "ingest"})
    sync.run(record(1, "bob", deleted=True), record(2, "ada"), record(3, "ada", deleted=True))
    assert [each.fields["phone_number"] for each in sync.writer.written] == ["2", "1", "3"]


def test_batch_with_a_person_of_another_stream_is_written_first() -> None:
    """The later record of a person wins, whichever stream fills its batch first."""
    sync = Sync("users", "others", tasks=Tasks(), batch_size=2)
    sync.run(record(1, "ada"), record(2, "bob", stream="others"), record(3, "ada", stream="others"), record(4, "cy"))
    assert [each.fields["phone_number"] for each in sync.writer.written] == ["1", "2", "3", "4"]


def test_batch_closes_at_its_limit_of_bytes() -> None:
    sync = Sync(tasks=Tasks(), batch_size=100)
    sync.run(*(record(number, f"p{number}", about="x" * (MAX_BYTES // 2)) for number in range(5)))
    assert [len(records) for records in sync.writer.batches] == [2, 2, 1]


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


# -- with real threads -----------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("at_the_end", "counts"), [("ia", (3.0, 0.0)), ("vf", (2.0, 1.0))])
def test_deferred_record_is_last_and_holds_states_behind_it(at_the_end: str, counts: tuple[float, float]) -> None:
    sync = Sync(batch_size=2)
    sync.run(record(1, "a", at_the_end), record(2, "b"), record(3, "c"), state(1), record(4, "d"), state(2))
    assert sync.writer.batches[-1][0].fields["phone_number"] == "1"
    assert (sync.numbers(), sync.stats()) == ([1, 2], [counts, (1.0, 0.0)])


def test_deferred_records_of_many_batches_are_written_in_few() -> None:
    """Writes records that wait for a value first, then those that change an identity.

    A value can go from one record to the next, and on to one that changes an identity.
    """
    sync = Sync("users", "others", batch_size=1)
    fates = ["ia", "va", "a", "va", "ia"]
    sync.run(*(record(number, f"p{number}", fate) for number, fate in enumerate(fates)), record(9, "z", "va", "others"))
    last = [[each.fields["phone_number"] for each in records] for records in sync.writer.batches[6:]]
    assert last == [["1", "3"], ["9"], ["0", "4"]]


def test_deferred_records_sharing_a_key_have_two_batches() -> None:
    sync = Sync(batch_size=1, sync_keys=["email", "username"])
    sync.run(record(1, "a", "ia", name="same"), record(2, "b", "ia", name="same"), record(3, "c", "ia"))
    last = [[each.fields["phone_number"] for each in records] for records in sync.writer.batches[3:]]
    assert last == [["1"], ["2", "3"]]
