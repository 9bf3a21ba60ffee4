"""Pipeline: reads the messages in order, and dispatches them by type."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.mapping.record_mapping import RecordRejected
from destination_oomnitza.mapping.templates import TemplateFailed
from destination_oomnitza.pipeline.batches import OpenBatch, OpenBatches
from destination_oomnitza.pipeline.checkpoints import Checkpoints
from destination_oomnitza.pipeline.first_records import FirstRecords
from destination_oomnitza.pipeline.scheduler import Scheduler
from destination_oomnitza.pipeline.stream_ends import StreamEnds
from destination_oomnitza.pipeline.sync_key_watch import SyncKeyWatch
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.protocol.messages import BrokenRecord, InvalidMessage, read_message
from destination_oomnitza.protocol.state import read_state
from destination_oomnitza.report import Report, SkipReason
from destination_oomnitza.writers.base import RejectedRecord, StreamEnd

logger = logging.getLogger("airbyte")

SILENCE = 2.0
"""Seconds without input after which open batches are written."""


class Pipeline:
    """Reads messages, and returns when all of their records are written.

    Runs once, in the reading thread. Memory is bounded: reading waits while Oomnitza is slow or the checkpoints are full.
    `take_deferred` yields the batches that are written last, one after the other.
    """

    def __init__(
        self,
        plans: Iterable[StreamPlan],
        scheduler: Scheduler,
        checkpoints: Checkpoints,
        report: Report,
        keys: SyncKeyWatch,
        *,
        first_records: FirstRecords,
        cancellation: Cancellation,
        take_deferred: Callable[[], Iterable[OpenBatch]],
        batch_size: int,
    ) -> None:
        self._plans = {plan.stream.key: plan for plan in plans}
        self._scheduler = scheduler
        self._checkpoints = checkpoints
        self._report = report
        self._keys = keys
        self._first_records = first_records
        self._cancellation = cancellation
        self._take_deferred = take_deferred
        self._batches = OpenBatches(checkpoints, batch_size, self._close_batch)
        self._ends = StreamEnds(plan.stream for plan in self._plans.values())
        self._unreadable = False

    def run(self, lines: Iterable[list[bytes]]) -> StreamEnd:
        """Process all messages; return how the streams ended.

        An empty list of lines means that the source is silent. Raises AirbyteTracedException if the sync cannot go on. The report
        then counts all records written until then, also those of running batches.
        """
        try:
            for some in lines:
                self._cancellation.raise_if_cancelled()
                self._scheduler.settle_ended()
                for line in some:
                    self._take_line(line)
                if not some:
                    self._batches.close()
            self._batches.close()
            self._scheduler.drain()
            for batch in self._take_deferred():
                self._scheduler.submit(batch)
                self._scheduler.drain()
        except BaseException as error:
            self._cancellation.cancel(error)
            self._scheduler.abandon()
            raise
        return self._end()

    def _end(self) -> StreamEnd:
        self._first_records.finish(self._plans.values())
        broken = self._ends.broken()
        for key in broken:
            logger.warning(
                f"The source did not read {self._plans[key].stream.title} to the end, "
                "so SaaS users without a record do not count as missing."
            )
        keyless = self._keys.keyless()  # count as broken: their records identify no one
        return StreamEnd(
            self._ends.complete() - keyless, broken | keyless, rejected=self._report.rejected() > 0 or self._unreadable
        )

    def _close_batch(self, batch: OpenBatch) -> None:
        if batch.batch.records or batch.batch.rejected or batch.batch.skipped:
            self._scheduler.submit(batch)
        else:
            self._checkpoints.settle(batch.place, 0, batch.accepted)

    def _take_line(self, line: bytes) -> None:
        try:
            kind, message = read_message(line)
        except InvalidMessage as error:
            self._unreadable = True
            self._report.ignore(str(error), error.where)
            return
        except BrokenRecord as error:
            self._take_record(error.record, len(line), broken=True)
            return
        if kind == "RECORD":
            self._take_record(message.get("record"), len(line))
        elif kind == "STATE":
            self._take_state(message, len(line))
        elif kind == "TRACE":
            self._take_trace(message.get("trace"))

    # -- records -------------------------------------------------------------------------------------------------------

    def _take_record(self, record: Any, size: int, broken: bool = False) -> None:
        plan = self._plan_of(record, broken)
        if plan is None:
            self._checkpoints.take(None)
            return
        self._checkpoints.take(plan.stream.key)
        self._ends.take_record(plan.stream.key)
        data = record.get("data")
        try:
            _check_whole(data, broken)
            wanted = _is_wanted(plan, data)
            if wanted:
                self._first_records.take(plan, data)
            mapped = plan.mapping(data, record.get("meta")) if wanted else None
        except RecordRejected as error:
            rejected = RejectedRecord(plan.mapping.describe(data), str(error))
            self._report.reject(plan.stream.title, rejected.key, rejected.reason)
            self._batches.reject(plan, rejected, size)
            return
        if mapped is None:
            self._skip(plan, data, SkipReason.NO_SYNC_KEY if wanted else SkipReason.FILTERED, size)
            return
        if mapped.keys.count(None) < len(mapped.keys):
            self._keys.take_keyed(plan)
        superseded = self._batches.add(plan, mapped, size)
        if superseded is not None:
            self._report.skip(plan.stream.title, SkipReason.SUPERSEDED, lambda: superseded.key)

    def _skip(self, plan: StreamPlan, data: dict[str, Any], reason: SkipReason, size: int) -> None:
        if reason is SkipReason.NO_SYNC_KEY and not plan.mapping.is_inactive(data):
            self._keys.take_keyless(plan, data)
        self._report.skip(plan.stream.title, reason, lambda: plan.mapping.describe(data))
        self._batches.skip(plan, list(plan.mapping.identities(data)) if plan.deactivates_missing else None, size)

    def _plan_of(self, record: Any, broken: bool) -> StreamPlan | None:
        """Return the plan of a record's stream.

        Reports the record as ignored and returns None if the catalog lacks its stream.
        """
        try:
            key = (record.get("namespace") or None, record["stream"])
            if broken and key not in self._plans:
                key = self._only_one_named(key)
            plan = self._plans.get(key)
        except (AttributeError, KeyError, TypeError):
            self._unreadable = True
            self._report.ignore("a record without a stream")
            return None
        if plan is None:
            self._unreadable = self._unreadable or broken
            self._report.ignore(f"a record of the stream {str(key[1])[:100]}, which is not in the catalog")
        return plan

    def _only_one_named(self, key: StreamKey) -> StreamKey:
        """Return the only stream of this name, for a record cut before its namespace."""
        named = [each for each in self._plans if each[1] == key[1]]
        return named[0] if key[0] is None and len(named) == 1 else key

    # -- states and statuses -------------------------------------------------------------------------------------------

    def _take_state(self, message: dict[str, Any], size: int) -> None:
        state = read_state(message, size)
        if state is None:
            self._report.ignore("a STATE message without a state")
        elif state.scope != "every stream" and state.scope not in self._plans:
            self._report.ignore(f"a state of the stream {state.scope[1][:100]}, which is not in the catalog")
        else:
            self._batches.close()
            while not self._scheduler.idle and self._checkpoints.is_full():
                self._scheduler.wait()
            self._checkpoints.add_state(state)
            self._ends.take_state(state.scope)

    def _take_trace(self, trace: Any) -> None:
        try:
            status = trace["stream_status"]
            key = (status["stream_descriptor"].get("namespace") or None, status["stream_descriptor"]["name"])
            self._ends.take_status(key, status["status"])
        except (TypeError, KeyError, AttributeError):
            return  # another kind of trace


def _check_whole(data: Any, broken: bool) -> None:
    if broken:
        raise RecordRejected("the record is not valid JSON in UTF-8, or longer than 32 MB")
    if not isinstance(data, dict):
        raise RecordRejected("the record's data is not an object")


def _is_wanted(plan: StreamPlan, data: dict[str, Any]) -> bool:
    try:
        return plan.filter is None or plan.filter(data)
    except TemplateFailed as error:
        raise RecordRejected(f"record_filter: {error}") from None
