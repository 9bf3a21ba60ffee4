"""The pipeline: records become batches, batches are written by workers, states are acknowledged in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.mapping.record_mapping import MappedRecord, RecordRejected
from destination_oomnitza.mapping.templates import TemplateFailed
from destination_oomnitza.mapping.values import folded
from destination_oomnitza.pipeline.checkpoints import Checkpoints, Entry
from destination_oomnitza.planning.stream_plan import StreamPlan
from destination_oomnitza.protocol.messages import BrokenText, NoMessage, StreamKey, read_message, read_state
from destination_oomnitza.report import Outcome, Report, Result

logger = logging.getLogger("airbyte")

SILENCE = 2.0
"""Seconds without input after which what is there is written, so that a slow source is not held back."""

MAX_WAITING = 10_000
"""Batches and states that may wait for a slow batch before them, until reading waits too."""

Mark = tuple[str, str]
"""A sync key and its value, as values are compared."""


class Writer(Protocol):
    """Gets batches into Oomnitza. There are two: `rest.RestWriter` and `ingest.IngestWriter`."""

    def write(self, plan: StreamPlan, rows: list[MappedRecord], refusals: list[str]) -> list[Result | None]:
        """Write the rows of one batch, from any thread, and return what became of each; None where Oomnitza tells only at the end.

        `refusals` are the batch's records that could not be mapped, each with its key and the reason.
        Raises AirbyteTracedException where the sync cannot go on.
        """

    def seen(self, plan: StreamPlan, record: Mapping[str, Any]) -> None:
        """Note a record that is not written (filtered or skipped), for it counts as appearing."""

    def finish(self, complete: set[StreamKey], broken: set[StreamKey], refused: bool) -> None:
        """End a sync whose input came to its end, when all of it is written.

        `complete`: the streams of which the source said COMPLETE; `broken`: those that it began, and of which it did not. `refused`:
        whether any record was refused, or anything came that could not be read and may have been one. Raises as `write`.
        """


@dataclass(slots=True)
class Batch:
    """Records of one stream that are written together."""

    plan: StreamPlan
    entry: Entry
    rows: list[MappedRecord] = field(default_factory=list)
    marks: list[list[Mark]] = field(default_factory=list)
    owners: dict[Mark, int] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    accepted: bool = False
    inactive: bool = False

    @property
    def place(self) -> tuple[StreamKey, bool]:
        """What tells open batches apart: their stream and, where the writer wants it, whether they are of inactive accounts."""
        return self.plan.stream.key, self.inactive


class Pipeline:
    """Reads messages, writes records, acknowledges states. One run a pipeline.

    Bounded: at most `2 * num_workers` batches are in memory, and the source waits while Oomnitza is slow. A sync key's value is in
    flight once: batches that share one are written one after the other, in order.
    """

    def __init__(
        self,
        plans: Iterable[StreamPlan],
        writer: Writer,
        report: Report,
        checkpoints: Checkpoints,
        *,
        batch_size: int,
        num_workers: int,
        cancellation: Cancellation,
    ) -> None:
        self._plans = {plan.stream.key: plan for plan in plans}
        self._writer = writer
        self._report = report
        self._checkpoints = checkpoints
        self._batch_size = batch_size
        self._most_batches = 2 * num_workers
        self._cancellation = cancellation
        self._workers = ThreadPoolExecutor(num_workers, thread_name_prefix="batch")
        self._changed = threading.Condition()
        self._under_way = 0
        self._busy: set[Mark] = set()
        self._open: dict[tuple[StreamKey, bool], Batch] = {}
        self._complete: set[StreamKey] = set()
        self._begun: set[StreamKey] = set()
        self._unreadable = False

    def run(self, lines: Iterable[list[bytes]]) -> set[StreamKey]:
        """Take everything in, and return when all of it is written. An empty list of lines means that the source is silent.

        Returns the streams that the source began, and did not read to the end.

        Raises AirbyteTracedException where the sync cannot go on; what was acknowledged until then is written.
        """
        try:
            for some in lines:
                self._cancellation.raise_if_cancelled()
                for line in some:
                    self._take_line(line)
                if not some:
                    self._close_batches()
            self._close_batches()
            self._wait_while(lambda: self._under_way > 0)
            return self._finish()
        finally:
            self._workers.shutdown(wait=False, cancel_futures=True)

    def _finish(self) -> set[StreamKey]:
        # A source that speaks of no status at all is taken at its word that it came to its end.
        broken = self._begun - self._complete
        for key in broken:
            logger.warning(
                f"The source did not read {self._plans[key].stream.title} to the end. What came is written, and nothing "
                "is concluded from what did not come."
            )
        self._writer.finish(self._complete, broken, refused=self._report.failed() > 0 or self._unreadable)
        return broken

    def _take_line(self, line: bytes) -> None:
        try:
            kind, message = read_message(line)
        except NoMessage as error:
            self._unreadable = True
            self._report.complain(str(error))
            return
        except BrokenText as error:
            self._take_record(error.record, broken=True)
            return
        if kind == "RECORD":
            self._take_record(message.get("record"))
        elif kind == "STATE":
            self._take_state(message)
        elif kind == "TRACE":
            self._take_trace(message.get("trace"))

    def _take_record(self, record: Any, broken: bool = False) -> None:
        try:
            key = (record.get("namespace") or None, record["stream"])
            if broken and key not in self._plans:
                key = self._only_one_named(key)
            plan = self._plans.get(key)
        except (AttributeError, KeyError, TypeError):
            self._unreadable = True
            self._checkpoints.take(None)
            self._report.complain("a record without a stream")
            return
        if plan is None:
            self._unreadable = self._unreadable or broken
            self._checkpoints.take(None)
            self._report.complain(f"a record of the stream {str(key[1])[:100]}, which is not in the catalog")
            return
        self._checkpoints.take(key)
        batch = self._batch(plan)
        data = record.get("data")
        try:
            row = _map(plan, data, broken)
        except RecordRejected as refusal:
            described = plan.mapping.describe(data)
            batch.refusals.append(f"{described}: {refusal}")
            self._report.refuse(plan.stream.title, described, str(refusal))
            self._close_if_full(batch)
            return
        if row is None:
            batch.accepted = True
            self._report.count(plan.stream.title, Outcome.SKIPPED)
            self._writer.seen(plan, data)
            return
        self._add(plan, row)

    def _only_one_named(self, key: StreamKey) -> StreamKey:
        """Of a record that was cut before its namespace, the stream is known if there is only one of the name."""
        named = [each for each in self._plans if each[1] == key[1]]
        return named[0] if key[0] is None and len(named) == 1 else key

    def _batch(self, plan: StreamPlan, inactive: bool = False) -> Batch:
        batch = self._open.get((plan.stream.key, inactive))
        if batch is None:
            batch = Batch(plan, self._checkpoints.open(plan.stream.key), inactive=inactive)
            self._open[batch.place] = batch
        return batch

    def _add(self, plan: StreamPlan, row: MappedRecord) -> None:
        keys = plan.mapping.sync_keys
        marks = [(key, folded(value)) for key, value in zip(keys, row.keys, strict=True) if value is not None]
        inactive = plan.inactive_apart and row.inactive
        other = self._open.get((plan.stream.key, not inactive))
        if other is not None and any(mark in other.owners for mark in marks):
            self._close(other)  # the earlier record of the same person is written first
        batch = self._batch(plan, inactive)
        owners = {batch.owners[mark] for mark in marks if mark in batch.owners}
        if len(owners) == 1 and batch.owners.get(marks[0]) in owners:
            # The same person again: the last record wins.
            (place,) = owners
            for mark in [mark for mark in batch.marks[place] if mark not in marks]:
                del batch.owners[mark]
            batch.rows[place], batch.marks[place] = row, marks
            batch.accepted = True  # the earlier record counts as skipped, which is not refused
            self._report.count(batch.plan.stream.title, Outcome.SKIPPED)
        else:
            if owners:
                # Another person with a further key in common: not at the same time.
                self._close(batch)
                batch = self._batch(plan, inactive)
            place = len(batch.rows)
            batch.rows.append(row)
            batch.marks.append(marks)
        for mark in marks:
            batch.owners[mark] = place
        self._close_if_full(batch)

    def _close_if_full(self, batch: Batch) -> None:
        if len(batch.rows) + len(batch.refusals) >= self._batch_size:
            self._close(batch)

    def _take_state(self, message: dict[str, Any]) -> None:
        state = read_state(message)
        if state is None:
            self._report.complain("a STATE message without a state")
        elif state.scope != "every stream" and state.scope not in self._plans:
            self._report.complain(f"a state of the stream {state.scope[1][:100]}, which is not in the catalog")
        else:
            self._close_batches()
            self._wait_while(lambda: bool(self._under_way) and self._checkpoints.waiting() > MAX_WAITING)
            self._checkpoints.add_state(state)

    def _take_trace(self, trace: Any) -> None:
        try:
            status = trace["stream_status"]
            key = (status["stream_descriptor"].get("namespace") or None, status["stream_descriptor"]["name"])
            if key in self._plans:
                self._begun.add(key)
                if status["status"] == "COMPLETE":
                    self._complete.add(key)
        except (TypeError, KeyError, AttributeError):
            return  # another kind of trace

    def _close_batches(self) -> None:
        for batch in list(self._open.values()):
            self._close(batch)

    def _close(self, batch: Batch) -> None:
        """Hand a batch to the workers, when there is room and none of its keys is in flight."""
        del self._open[batch.place]
        if not batch.rows and not batch.refusals:
            self._checkpoints.settle(batch.entry, 0, batch.accepted)
            return
        self._wait_while(
            lambda: self._under_way >= self._most_batches or not self._busy.isdisjoint(batch.owners),
        )
        with self._changed:
            self._under_way += 1
            self._busy.update(batch.owners)
        self._workers.submit(self._write, batch)

    def _wait_while(self, held_up: Callable[[], bool]) -> None:
        """Let the source wait. Raises where the sync is over."""
        with self._changed:
            while held_up():
                self._cancellation.raise_if_cancelled()
                self._changed.wait(1)
            self._cancellation.raise_if_cancelled()

    def _write(self, batch: Batch) -> None:
        try:
            self._cancellation.raise_if_cancelled()
            self._settle(batch, self._writer.write(batch.plan, batch.rows, batch.refusals))
        except BaseException as error:  # it must reach the reading thread, whatever it is
            self._cancellation.cancel(error)
        finally:
            with self._changed:
                self._under_way -= 1
                self._busy.difference_update(batch.owners)
                self._changed.notify_all()

    def _settle(self, batch: Batch, results: list[Result | None]) -> None:
        stream = batch.plan.stream.title
        refused = len(batch.refusals)
        accepted = batch.accepted
        counts: dict[Outcome, int] = {}
        for row, result in zip(batch.rows, results, strict=True):
            if result is not None and result.outcome is Outcome.FAILED:
                refused += 1
                self._report.refuse(stream, row.key, result.reason)
                continue
            accepted = True
            if result is not None:
                counts[result.outcome] = counts.get(result.outcome, 0) + 1
        for outcome, number in counts.items():
            self._report.count(stream, outcome, number)
        self._checkpoints.settle(batch.entry, refused, accepted)


def _map(plan: StreamPlan, data: Any, broken: bool) -> MappedRecord | None:
    """Return what a record says of a person, None where it is filtered out or has no key. Raises RecordRejected."""
    if broken:
        raise RecordRejected("the record is not valid JSON in UTF-8")
    if not isinstance(data, dict):
        raise RecordRejected("the record's data is not an object")
    try:
        wanted = plan.filter is None or plan.filter(data)
    except TemplateFailed as error:
        raise RecordRejected(f"record_filter: {error}") from None
    return plan.mapping(data) if wanted else None
