"""What became of a batch: counted in the report, and noted among the checkpoints."""

from __future__ import annotations

from collections import Counter
from functools import partial

from destination_oomnitza.pipeline.batches import OpenBatch
from destination_oomnitza.pipeline.checkpoints import Checkpoints
from destination_oomnitza.report import Outcome, Report, SkipReason
from destination_oomnitza.writers.base import RecordWrite


class Settlement:
    """Takes the batches that have ended. The reading thread alone calls it."""

    def __init__(self, report: Report, checkpoints: Checkpoints) -> None:
        self._report = report
        self._checkpoints = checkpoints

    def settle(self, batch: OpenBatch, written: bool) -> None:
        """Count what became of a batch's records. `written`: whether it ended without an error, so that its states may leave."""
        counts: Counter[Outcome] = Counter()
        for write in batch.batch.records:
            if write.outcome is Outcome.FAILED:
                self._report.reject(batch.stream, write.record.key, write.reason)
            elif write.outcome is Outcome.SKIPPED:
                self._report.skip(batch.stream, SkipReason(write.reason), partial(_name, write))
            elif write.outcome is not None:
                counts[write.outcome] += 1
        for outcome, number in counts.items():
            self._report.count(batch.stream, outcome, number)
        if written:
            failed = sum(write.outcome is Outcome.FAILED for write in batch.batch.records)
            accepted = batch.accepted or failed < len(batch.batch.records)
            self._checkpoints.settle(batch.place, failed + len(batch.batch.rejected), accepted)


def _name(write: RecordWrite) -> str:
    return write.record.key
