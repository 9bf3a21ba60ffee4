"""Settles batches: counts the outcomes, and updates the checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from destination_oomnitza.pipeline.batches import OpenBatch, batches_of_deferred
from destination_oomnitza.pipeline.checkpoints import Checkpoints
from destination_oomnitza.report import Outcome, Report, SkipReason
from destination_oomnitza.writers.base import RecordWrite


class Settlement:
    """Settles the batches that have ended. Only the reading thread calls it."""

    def __init__(self, report: Report, checkpoints: Checkpoints) -> None:
        self._report = report
        self._checkpoints = checkpoints
        self._deferred: list[OpenBatch] = []

    def settle(self, batch: OpenBatch, written: bool) -> None:
        """Count the outcomes of a batch.

        `written`: whether the batch ended without an error, so that states behind it may be sent.
        """
        for write in batch.batch.records:
            if write.outcome is Outcome.FAILED:
                self._report.reject(batch.stream, write.record.key, write.reason)
            elif write.outcome is Outcome.SKIPPED:
                self._report.skip(batch.stream, SkipReason(write.reason), partial(_name, write))
        outcomes = [write.outcome for write in batch.batch.records]
        for outcome in (Outcome.ADDED, Outcome.UPDATED, Outcome.UNCHANGED):
            self._report.count(batch.stream, outcome, outcomes.count(outcome))
        if written:
            self._settle_place(batch)

    def _settle_place(self, batch: OpenBatch) -> None:
        failed = sum(write.outcome is Outcome.FAILED for write in batch.batch.records)
        rejected = batch.rejected + failed + len(batch.batch.rejected)
        deferred = sum(write.deferred is not None for write in batch.batch.records)
        accepted = batch.accepted or failed + deferred < len(batch.batch.records)
        if deferred:
            # States behind this batch are acknowledged when its deferred records are written, too.
            self._checkpoints.defer(batch.place)
            batch.keep_deferred(rejected, accepted)
            self._deferred.append(batch)
        else:
            self._checkpoints.settle(batch.place, rejected, accepted)

    def take_deferred(self) -> Iterator[OpenBatch]:
        """Yield the deferred records in batches.

        Each batch has to be settled before the next one is requested.
        """
        yield from batches_of_deferred(self._deferred)
        for batch in self._deferred:
            self._settle_place(batch)


def _name(write: RecordWrite) -> str:
    return write.record.key
