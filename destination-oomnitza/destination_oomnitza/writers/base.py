"""Types that pipeline and writers share: Batch, RecordWrite and Writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.report import Outcome, SkipReason

Person = Mapping[str, Any]
"""A row of Oomnitza's list of people."""

Key = tuple[str, str]
"""A sync key and its folded value."""


class Deferral(IntEnum):
    """Reason to defer a record to the end of the sync; sorts by the order of writing."""

    VALUE = 1
    """Another person has the value of a sync key that the record writes, and may give it up by then."""
    IDENTITY = 2
    """The record would change an identity, and another record may make that unnecessary."""
    ACCOUNT = 3
    """The record would deactivate somebody by the id of an account, and they may have a newer account."""


@dataclass(slots=True)
class RecordWrite:
    """One record on its way through a writer; each step adds its result."""

    record: MappedRecord
    keys: Sequence[Key] = ()
    """Sync keys of the record that have a value."""
    person: Person | None = None
    """The person that the record's sync keys found."""
    outcome: Outcome | None = None
    """None until it is decided, and at the end if only Oomnitza's run log reports it."""
    reason: str = ""
    """The reason of a failure, or the SkipReason."""
    user_id: str | None = None
    """The person's id in Oomnitza, if the record also concerns their SaaS user."""
    deferred: Deferral | None = None
    """Reason to wait for the end of the sync; None if the record does not wait."""
    turn: int = 0
    """Position among the deferred records; 0 if the record was not deferred."""

    def end(self, outcome: Outcome, reason: str = "") -> None:
        """Set the outcome of the record."""
        self.outcome, self.reason = outcome, reason

    def skip(self, reason: SkipReason) -> None:
        """Skip the record."""
        self.end(Outcome.SKIPPED, reason)

    def defer(self, turn: int, why: Deferral) -> None:
        """Move the record to a batch at the end of the sync, which looks it up again."""
        self.reopen()
        self.person, self.user_id, self.deferred, self.turn = None, None, why, turn

    def reopen(self) -> None:
        """Clear the outcome, because the cause of the rejection or deferral may be gone."""
        self.outcome, self.reason, self.deferred = None, "", None

    def fail(self, reason: str) -> None:
        """Reject the record; append the reason to an earlier one."""
        both = f"{self.reason.rstrip('.')}; {reason}" if self.outcome is Outcome.FAILED else reason
        self.end(Outcome.FAILED, both)


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """Record that could not be mapped: its key for messages, and the reason."""

    key: str
    reason: str


@dataclass(slots=True)
class Batch:
    """Records of one stream that are written together."""

    plan: StreamPlan
    records: list[RecordWrite] = field(default_factory=list)
    rejected: list[RejectedRecord] = field(default_factory=list)
    last: bool = False
    """Whether all other records of the sync are written, so that no record is deferred again."""
    skipped: list[list[tuple[str, Any]]] = field(default_factory=list)
    """SaaS user fields and values of each record that is not written, but keeps its user from counting as missing."""


@dataclass(frozen=True)
class StreamEnd:
    """Streams that ended, and whether a record was rejected."""

    complete: Set[StreamKey]
    """Streams that the source read completely."""
    broken: Set[StreamKey]
    """Streams that the source began but did not complete."""
    rejected: bool
    """Whether a record was rejected, or a line of the input could not be read and may have been a record."""


class Writer(Protocol):
    """Writes batches to Oomnitza; implemented by RestWriter and IngestWriter."""

    def write(self, batch: Batch) -> None:
        """Write a batch, from any thread, and set the outcome of each record.

        An outcome stays None if only Oomnitza's run log reports it. Raises AirbyteTracedException if the sync cannot go on; records
        with an outcome are written.
        """

    @property
    def holds_states(self) -> bool:
        """Whether the sync will fail, and the next one needs these records again."""

    def finish(self, end: StreamEnd) -> None:
        """End a sync whose input was read and written completely. Raises as `write`."""

    def close(self) -> None:
        """Release the writer's resources, however the sync ended."""
