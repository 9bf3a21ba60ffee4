"""What the pipeline and the writers share: a batch, what becomes of each of its records, and what a writer does."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.report import Outcome, SkipReason

Person = Mapping[str, Any]
"""A person as Oomnitza lists it."""


@dataclass(slots=True)
class RecordWrite:
    """One record on its way through a writer: each step adds what it found or did."""

    record: MappedRecord
    person: Person | None = None
    """The person that the record's sync keys found."""
    outcome: Outcome | None = None
    """None until it is decided; None at the end, too, if only Oomnitza's run log reports it."""
    reason: str = ""
    """Why it failed, in words; or the SkipReason."""
    user_id: str | None = None
    """The person's id in Oomnitza, if the SaaS side may go on with it."""
    deferred: bool = False
    """Whether it waits for the end of the sync: it would change an identity, which another record may yet explain."""

    def end(self, outcome: Outcome, reason: str = "") -> None:
        """Decide what became of the record."""
        self.outcome, self.reason = outcome, reason

    def skip(self, reason: SkipReason) -> None:
        """Leave the record out."""
        self.end(Outcome.SKIPPED, reason)

    turn: int = 0
    """Its number among the records that were deferred; 0 if it was not."""

    def defer(self, turn: int) -> None:
        """Leave the record to a batch at the end of the sync, where its person is looked up again."""
        self.person, self.deferred, self.turn = None, True, turn

    def reopen(self) -> None:
        """Forget the outcome: what rejected the record may be gone."""
        self.outcome, self.reason = None, ""

    def fail(self, reason: str) -> None:
        """Reject the record; a second reason stands behind the first."""
        both = f"{self.reason}; {reason}" if self.outcome is Outcome.FAILED else reason
        self.end(Outcome.FAILED, both)


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that could not be mapped: how it is named in messages, and why."""

    key: str
    reason: str


@dataclass(slots=True)
class Batch:
    """Records of one stream that are written together."""

    plan: StreamPlan
    records: list[RecordWrite] = field(default_factory=list)
    rejected: list[RejectedRecord] = field(default_factory=list)
    last: bool = False
    """Whether every other record of the sync is written, so that none of these is deferred."""
    skipped: list[list[tuple[str, Any]]] = field(default_factory=list)
    """Of each record that is not written and counts as appearing: fields of a SaaS user and their values."""


@dataclass(frozen=True)
class StreamEnd:
    """How the input ended."""

    complete: Set[StreamKey]
    """Streams that the source read to the end."""
    broken: Set[StreamKey]
    """Streams that the source began, and did not read to the end."""
    rejected: bool
    """Whether any record was rejected, or anything came that could not be read and may have been one."""


class Writer(Protocol):
    """Gets batches into Oomnitza. There are two: RestWriter and IngestWriter."""

    def write(self, batch: Batch) -> None:
        """Write a batch, from any thread, and decide what became of each record; None if only the run log reports it.

        Raises AirbyteTracedException if the sync cannot go on; the records decided until then are written.
        """

    @property
    def holds_states(self) -> bool:
        """Whether the sync will fail, and the next one has to bring records of ended batches again."""

    def finish(self, end: StreamEnd) -> None:
        """End a sync whose input came to its end, when all of it is written. Raises as `write`."""

    def close(self) -> None:
        """Let go of what the writer holds, however the sync ended."""
