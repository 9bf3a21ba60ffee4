"""What is to be done with a stream, as the writers and the pipeline read it."""

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
    """What may be written of people."""

    creates: bool
    existing: ExistingPeople
    update_sync_keys: bool = False
    on_identity_change: IdentityChange = "update"
    edit_only: Set[str] = frozenset()
    """Fields that are edit-only elsewhere: writing one needs `Oomnitza-Ignore-Meta-Restriction`."""


@dataclass(frozen=True)
class SaasPlan:
    """What is kept of the users of an application."""

    application: UserAndSaasUserRecords
    deactivates_all: bool = False
    """Every record is of an account that is to be deactivated (data activation's soft_delete)."""
    deactivates_missing: bool = False
    """The stream is the whole truth: SaaS users that are missing from it are deactivated."""


@dataclass(frozen=True)
class StreamPlan:
    """How one stream is written."""

    stream: Stream
    mapping: RecordMapping
    filter: Condition | None
    people: PeoplePlan | None
    """None if people are only looked up: the records are of SaaS users (data activation's object saas_user)."""
    saas: SaasPlan | None
    write_method: Capabilities
    remarks: tuple[str, ...] = ()
    """What the administrator should know, in sentences."""
    warnings: tuple[str, ...] = ()
    """What is probably not meant, in sentences."""

    @property
    def creates(self) -> bool:
        """Whether people may be added."""
        return self.people is not None and self.people.creates

    @property
    def existing(self) -> ExistingPeople:
        """What happens to people who are in Oomnitza."""
        return "keep" if self.people is None else self.people.existing

    @property
    def must_know_people(self) -> bool:
        """Whether new people must be told from known ones, who must not get the defaults of new ones."""
        return self.creates and self.existing != "skip" and bool(self.mapping.defaults)

    # The writers' words for the parts above, until they ask those themselves.

    @property
    def create(self) -> bool:
        """Whether people may be added."""
        return self.creates

    @property
    def update(self) -> bool:
        """Whether people who are in Oomnitza may be written."""
        return self.people is not None and self.people.existing != "skip"

    @property
    def saas_user_only(self) -> bool:
        """Whether people are only looked up."""
        return self.people is None

    @property
    def soft_delete(self) -> bool:
        """Whether every record is of an account that is to be deactivated."""
        return self.saas is not None and self.saas.deactivates_all

    @property
    def whole(self) -> bool:
        """Whether the stream is the whole truth about SaaS users."""
        return self.saas is not None and self.saas.deactivates_missing

    @property
    def edit_only(self) -> Set[str]:
        """Fields that are edit-only elsewhere."""
        return self.people.edit_only if self.people is not None else frozenset()

    @property
    def update_sync_keys(self) -> bool:
        """Whether the second and further sync keys of existing people are written."""
        return self.people is not None and self.people.update_sync_keys

    @property
    def inactive_apart(self) -> bool:
        """Whether inactive accounts go in batches of their own."""
        return self.write_method.separates_inactive_accounts

    @property
    def defaults_need_known_people(self) -> bool:
        """Whether a writer that does not look people up must know who is there."""
        return self.must_know_people
