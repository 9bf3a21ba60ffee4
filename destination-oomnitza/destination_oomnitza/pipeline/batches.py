"""Fills batches: one per stream, with at most one record per person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.normalize import folded
from destination_oomnitza.pipeline.checkpoints import Checkpoints, Place
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.writers.base import Batch, Deferral, Key, RecordWrite, RejectedRecord

MAX_SKIPPED = 1000
"""Number of skipped records whose identities one batch keeps."""
LAST_BATCH_SIZE = 1000
"""Number of deferred records in one batch."""
MAX_BYTES = 1 << 22
"""Bytes of input of one batch; bounds the memory for records of any size."""


@dataclass(slots=True)
class OpenBatch:
    """Batch, its place among the checkpoints, and the keys of its records."""

    batch: Batch
    place: Place
    inactive: bool = False
    """Whether it has inactive accounts only (Capabilities.separates_inactive_accounts)."""
    accepted: bool = False
    """Whether it had a record, skipped or already written, that was not rejected."""
    rejected: int = 0
    """Number of rejected records of its place that it no longer has."""
    owners: dict[Key, RecordWrite] = field(default_factory=dict)
    """The record that has a key."""
    bytes: int = 0
    """Bytes of input."""

    @property
    def stream(self) -> str:
        """Title of the stream."""
        return self.batch.plan.stream.title

    def add(self, write: RecordWrite) -> None:
        """Add a record."""
        for key in write.keys:
            self.owners[key] = write
        self.batch.records.append(write)

    def owner(self, keys: Sequence[Key]) -> RecordWrite | None:
        """Return the record of the first key; None if another one has a further key."""
        first = self.owners.get(keys[0]) if keys else None
        return first if first is not None and all(self.owners.get(key, first) is first for key in keys) else None

    def replace(self, write: RecordWrite, record: MappedRecord, keys: Sequence[Key]) -> MappedRecord:
        """Replace a record by a later one of the same person; return the earlier one."""
        for key in write.keys:
            del self.owners[key]
        self.owners.update(dict.fromkeys(keys, write))
        superseded = write.record
        write.record, write.keys = record, keys
        self.accepted = True  # the earlier record is skipped, which is not rejected
        return superseded

    def keep_deferred(self, rejected: int, accepted: bool) -> None:
        """Drop all records but the deferred ones.

        Args:
            rejected: The number of rejected records among the others.
            accepted: Whether any of the others was not rejected.
        """
        self.batch.records = [write for write in self.batch.records if write.deferred]
        self.batch.rejected, self.batch.skipped, self.owners = [], [], {}
        self.rejected, self.accepted = rejected, accepted


class OpenBatches:
    """Fills batches, and closes the full ones.

    `submit` takes a closed batch; it may wait, and raise.
    """

    def __init__(self, checkpoints: Checkpoints, batch_size: int, submit: Callable[[OpenBatch], None]) -> None:
        self._checkpoints = checkpoints
        self._batch_size = batch_size
        self._submit = submit
        self._open: dict[tuple[StreamKey, bool], OpenBatch] = {}

    def add(self, plan: StreamPlan, record: MappedRecord, size: int) -> MappedRecord | None:
        """Add a record of `size` bytes; return the earlier one it replaces, or None."""
        keys = [
            (name, folded(value))
            for name, value in zip(plan.mapping.sync_keys, record.keys, strict=True)
            if value is not None
        ]
        inactive = plan.write_method.separates_inactive_accounts and record.inactive
        batch = self._batch(plan, inactive)
        if len(self._open) > 1:
            self._close_others(batch, keys)
            batch = self._batch(plan, inactive)  # the one before may be closed with them
        superseded = None
        owner = batch.owner(keys)
        if owner is not None:
            superseded = batch.replace(owner, record, keys)
        else:
            if not batch.owners.keys().isdisjoint(keys):
                # a different person who shares a further key must not be written at the same time
                self._close(batch)
                batch = self._batch(plan, inactive)
            batch.add(RecordWrite(record, keys))
        self._close_if_full(batch, size)
        return superseded

    def _close_others(self, batch: OpenBatch, keys: Sequence[Key]) -> None:
        """Close the other batches that have one of the keys, of any stream.

        So the earlier record of a person is written first.
        """
        for other in list(self._open.values()):
            if other is not batch and not other.owners.keys().isdisjoint(keys):
                self._close(other)

    def reject(self, plan: StreamPlan, rejected: RejectedRecord, size: int) -> None:
        """Add a record that could not be mapped."""
        batch = self._batch(plan)
        batch.batch.rejected.append(rejected)
        self._close_if_full(batch, size)

    def skip(self, plan: StreamPlan, identities: Sequence[tuple[str, Any]] | None, size: int) -> None:
        """Add a record that is not written.

        `identities` are given if its user must not count as missing.
        """
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
        """Close a batch that is still open, after those that may add its people."""
        place = (batch.batch.plan.stream.key, batch.inactive)
        if self._open.get(place) is not batch:
            return
        del self._open[place]
        if not batch.batch.plan.creates:
            for other in [each for each in self._open.values() if each.batch.plan.creates]:
                self._close(other)
        self._submit(batch)


def batches_of_deferred(waiting: Iterable[OpenBatch]) -> list[OpenBatch]:
    """Return the deferred records in as few batches as possible.

    Within a batch, a record can take a value as soon as another one gives it up. The batches have places of their own; the
    records' first places are settled when all of them are written.
    """
    deferred = [(write, batch.batch.plan) for batch in waiting for write in batch.batch.records]
    deferred.sort(key=lambda each: each[0].deferred or 0)
    batches: list[OpenBatch] = []
    kind: tuple[Deferral | None, StreamPlan] | None = None
    for write, plan in deferred:
        full = not batches or len(batches[-1].batch.records) >= LAST_BATCH_SIZE
        if full or kind != (write.deferred, plan) or not batches[-1].owners.keys().isdisjoint(write.keys):
            batches.append(OpenBatch(Batch(plan, last=True), Place(plan.stream.key)))
        kind = write.deferred, plan
        write.reopen()
        batches[-1].add(write)
    return batches
