"""Plan of a stream, for the pipeline and the writers."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

from destination_oomnitza.config.models import IdentityChange, UserAndSaasUserRecords
from destination_oomnitza.mapping.expressions import Condition
from destination_oomnitza.mapping.record_mapping import RecordMapping
from destination_oomnitza.planning.capabilities import Capabilities
from destination_oomnitza.protocol.catalog import Stream

ExistingPeople = Literal["write", "keep", "skip"]
"""Writes to a person who is in Oomnitza: changed fields and the SaaS user; only the SaaS user; none."""


@dataclass(frozen=True)
class PeoplePlan:
    """Allowed writes to people."""

    creates: bool
    existing: ExistingPeople
    update_sync_keys: bool = False
    on_identity_change: IdentityChange = "update"
    edit_only: Set[str] = frozenset()
    """Fields that the data model calls not editable; writing one needs `Oomnitza-Ignore-Meta-Restriction`."""


@dataclass(frozen=True)
class SaasPlan:
    """Allowed writes to the users of an application."""

    application: UserAndSaasUserRecords
    deactivates_all: bool = False
    """Whether the accounts of all records are deactivated (data activation's soft_delete)."""
    deactivates_missing: bool = False
    """Whether SaaS users without a record in the stream are deactivated."""


@dataclass(frozen=True)
class StreamPlan:
    """Plan of one stream."""

    stream: Stream
    mapping: RecordMapping
    filter: Condition | None
    people: PeoplePlan | None
    """None if people are only looked up (data activation's object saas_user)."""
    saas: SaasPlan | None
    write_method: Capabilities
    remarks: tuple[str, ...] = ()
    """Sentences for the log, as information."""
    warnings: tuple[str, ...] = ()
    """Sentences for the log, on probable mistakes."""

    @property
    def writes(self) -> bool:
        """Whether records are written; false for a skipped or cleared stream."""
        return self.people is not None or self.saas is not None

    @property
    def creates(self) -> bool:
        """Whether people may be added."""
        return self.people is not None and self.people.creates

    @property
    def existing(self) -> ExistingPeople:
        """Writes to people who are in Oomnitza."""
        return "keep" if self.people is None else self.people.existing

    @property
    def deactivates_missing(self) -> bool:
        """Whether SaaS users without a record in the stream are deactivated."""
        return self.saas is not None and self.saas.deactivates_missing

    @property
    def must_know_people(self) -> bool:
        """Whether new people, who get defaults, must be distinguished from others."""
        rules = self.mapping.rules
        needed = any(name not in rules or rules[name].default is None for name in self.mapping.defaults)
        return self.creates and self.existing != "skip" and needed
