"""Batches while they are filled: one a stream, with each person in it once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.normalize import folded
from destination_oomnitza.pipeline.checkpoints import Checkpoints, Place
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.writers.base import Batch, Deferral, RecordWrite, RejectedRecord

Key = tuple[str, str]
"""A sync key and its value, as values are compared."""

MAX_SKIPPED = 1000
"""Records that are not written, but noted, in one batch."""
MAX_DEFERRED = 1000
"""Records that waited for the end of the sync, in one batch."""
MAX_BYTES = 1 << 22
"""Input of one batch, so that memory is bounded whatever the size of a record."""


@dataclass(slots=True)
class OpenBatch:
    """A batch, its place among the checkpoints, and the keys of its records."""

    batch: Batch
    place: Place
    inactive: bool = False
    """Whether it holds inactive accounts alone (Capabilities.separates_inactive_accounts)."""
    accepted: bool = False
    """Whether any record came that was not rejected, and is not among those to be written."""
    rejected: int = 0
    """Records of its place that were rejected, and are not among those any more."""
    owners: dict[Key, int] = field(default_factory=dict)
    """The index of the record that has a key."""
    keys: list[list[Key]] = field(default_factory=list)
    """The keys of each record."""
    bytes: int = 0
    """How much input came for it."""

    @property
    def stream(self) -> str:
        """The stream's title."""
        return self.batch.plan.stream.title

    def add(self, write: RecordWrite, keys: list[Key]) -> None:
        """Add a record."""
        self.owners.update(dict.fromkeys(keys, len(self.keys)))
        self.batch.records.append(write)
        self.keys.append(keys)

    def replace(self, index: int, record: MappedRecord, keys: list[Key]) -> MappedRecord:
        """Put a later record of the same person in the place of an earlier one, which is returned."""
        for key in self.keys[index]:
            del self.owners[key]
        self.owners.update(dict.fromkeys(keys, index))
        superseded = self.batch.records[index].record
        self.batch.records[index], self.keys[index] = RecordWrite(record), keys
        self.accepted = True  # the earlier record is skipped, which is not rejected
        return superseded

    def keep_deferred(self, rejected: int, accepted: bool) -> None:
        """Forget all records but those that wait for the end of the sync. `rejected`, `accepted`: what became of the others."""
        kept = [(write, keys) for write, keys in zip(self.batch.records, self.keys, strict=True) if write.deferred]
        self.batch.records, self.keys = [write for write, _ in kept], [keys for _, keys in kept]
        self.batch.rejected, self.batch.skipped = [], []
        self.rejected, self.accepted = rejected, accepted


class OpenBatches:
    """Fills the batches, and closes each that is full. `close` takes a closed batch; it may wait, and raise."""

    def __init__(self, checkpoints: Checkpoints, batch_size: int, close: Callable[[OpenBatch], None]) -> None:
        self._checkpoints = checkpoints
        self._batch_size = batch_size
        self._take = close
        self._open: dict[tuple[StreamKey, bool], OpenBatch] = {}

    def add(self, plan: StreamPlan, record: MappedRecord, size: int) -> MappedRecord | None:
        """Add a record of so many bytes. Returns the earlier record of the same person if it takes that one's place."""
        keys = [
            (name, folded(value))
            for name, value in zip(plan.mapping.sync_keys, record.keys, strict=True)
            if value is not None
        ]
        inactive = plan.write_method.separates_inactive_accounts and record.inactive
        batch = self._batch(plan, inactive)
        if len(self._open) > 1:
            self._close_others(batch, keys)
        owners = {batch.owners[key] for key in keys if key in batch.owners}
        superseded = None
        if len(owners) == 1 and batch.owners.get(keys[0]) in owners:
            superseded = batch.replace(owners.pop(), record, keys)
        else:
            if owners:  # another person with a further key in common: not at the same time
                self._close(batch)
                batch = self._batch(plan, inactive)
            batch.add(RecordWrite(record), keys)
        self._close_if_full(batch, size)
        return superseded

    def _close_others(self, batch: OpenBatch, keys: Sequence[Key]) -> None:
        """Close the other batches that hold a key, of any stream: the earlier record of a person is written first."""
        for other in list(self._open.values()):
            if other is not batch and not other.owners.keys().isdisjoint(keys):
                self._close(other)

    def reject(self, plan: StreamPlan, rejected: RejectedRecord, size: int) -> None:
        """Add a record that could not be mapped."""
        batch = self._batch(plan)
        batch.batch.rejected.append(rejected)
        self._close_if_full(batch, size)

    def skip(self, plan: StreamPlan, identities: Sequence[tuple[str, Any]] | None, size: int) -> None:
        """Add a record that is not written; its `identities`, if it counts as appearing in a stream that is read whole."""
        batch = self._batch(plan)
        batch.accepted = True
        if identities is not None:
            batch.batch.skipped.append(list(identities))
            self._close_if_full(batch, size)

    def close(self) -> None:
        """Close all batches."""
        for batch in list(self._open.values()):
            self._close(batch)

    def _batch(self, plan: StreamPlan, inactive: bool = False) -> OpenBatch:
        batch = self._open.get((plan.stream.key, inactive))
        if batch is None:
            batch = OpenBatch(Batch(plan), self._checkpoints.open(plan.stream.key), inactive)
            self._open[plan.stream.key, inactive] = batch
        return batch

    def _close_if_full(self, batch: OpenBatch, size: int) -> None:
        batch.bytes += size
        written = len(batch.batch.records) + len(batch.batch.rejected)
        if written >= self._batch_size or len(batch.batch.skipped) >= MAX_SKIPPED or batch.bytes >= MAX_BYTES:
            self._close(batch)

    def _close(self, batch: OpenBatch) -> None:
        del self._open[batch.batch.plan.stream.key, batch.inactive]
        self._take(batch)


def batches_of_deferred(waiting: Iterable[OpenBatch]) -> list[OpenBatch]:
    """Return the deferred records in as few batches as may be: within one, a value goes from record to record as it becomes free.

    They have places of their own: those where the records came from are settled when all of them are written.
    """
    deferred = [
        (write, keys, batch.batch.plan)
        for batch in waiting
        for write, keys in zip(batch.batch.records, batch.keys, strict=True)
    ]
    deferred.sort(key=lambda each: each[0].deferred or 0)
    batches: list[OpenBatch] = []
    kind: tuple[Deferral | None, StreamPlan] | None = None
    for write, keys, plan in deferred:
        full = not batches or len(batches[-1].keys) >= MAX_DEFERRED
        if full or kind != (write.deferred, plan) or not batches[-1].owners.keys().isdisjoint(keys):
            batches.append(OpenBatch(Batch(plan, last=True), Place(plan.stream.key)))
        kind = write.deferred, plan
        write.reopen()
        batches[-1].add(write, keys)
    return batches
