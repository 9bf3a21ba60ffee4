"""Runs a pipeline with a fake writer.

The executor is a list of tasks that the test runs at chosen times, so hypothesis chooses every timing, and the machine none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import orjson
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.mapping.values import folded
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.pipeline.checkpoints import Checkpoints
from destination_oomnitza.pipeline.first_records import FirstRecords
from destination_oomnitza.pipeline.pipeline import Pipeline
from destination_oomnitza.pipeline.scheduler import Scheduler
from destination_oomnitza.pipeline.settlement import Settlement
from destination_oomnitza.pipeline.sync_key_watch import SyncKeyWatch
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.report import Outcome, Report, SkipReason
from destination_oomnitza.writers.base import Batch, Deferral, RecordWrite, StreamEnd

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
        plans = plan_streams(parsed, PersonSchema.unknown(), [Stream(name) for name in streams or ("users",)])
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


def keyless(number: int, **more: Any) -> dict[str, Any]:
    """Return a record whose sync key field has another name."""
    return {"type": "RECORD", "record": {"stream": "users", "data": {"mail": f"p{number}@acme.example", **more}}}
