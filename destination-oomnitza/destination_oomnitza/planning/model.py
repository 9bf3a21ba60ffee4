"""Holds the plan of a stream, for the pipeline and the writers."""

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
"""What happens to a person who is in Oomnitza: changed fields are written; only the SaaS user is kept up to date; nothing at all."""


@dataclass(frozen=True)
class PeoplePlan:
    """Holds what may be written of people."""

    creates: bool
    existing: ExistingPeople
    update_sync_keys: bool = False
    on_identity_change: IdentityChange = "update"
    edit_only: Set[str] = frozenset()
    """Fields that are edit-only elsewhere: writing one needs `Oomnitza-Ignore-Meta-Restriction`."""


@dataclass(frozen=True)
class SaasPlan:
    """Holds what is kept of the users of an application."""

    application: UserAndSaasUserRecords
    deactivates_all: bool = False
    """Every record is of an account that is to be deactivated (data activation's soft_delete)."""
    deactivates_missing: bool = False
    """The stream is the whole truth: SaaS users that are missing from it are deactivated."""


@dataclass(frozen=True)
class StreamPlan:
    """Holds how one stream is written."""

    stream: Stream
    mapping: RecordMapping
    filter: Condition | None
    people: PeoplePlan | None
    """None if people are only looked up: the records are of SaaS users (data activation's object saas_user)."""
    saas: SaasPlan | None
    write_method: Capabilities
    remarks: tuple[str, ...] = ()
    """Sentences for the log, for information."""
    warnings: tuple[str, ...] = ()
    """Sentences for the log, on what is probably not meant."""

    @property
    def creates(self) -> bool:
        """Return whether people may be added."""
        return self.people is not None and self.people.creates

    @property
    def existing(self) -> ExistingPeople:
        """Return what happens to people who are in Oomnitza."""
        return "keep" if self.people is None else self.people.existing

    @property
    def deactivates_missing(self) -> bool:
        """Return whether SaaS users missing from the stream are deactivated."""
        return self.saas is not None and self.saas.deactivates_missing

    @property
    def must_know_people(self) -> bool:
        """Return whether new people, who get defaults, must be distinguished."""
        return self.creates and self.existing != "skip" and bool(self.mapping.defaults)
