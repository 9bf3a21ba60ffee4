"""Identities: a person has one record per sync, and identities change last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from destination_oomnitza.api.people import user_id_of
from destination_oomnitza.normalize import folded, is_empty
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.report import Outcome, SkipReason
from destination_oomnitza.writers.base import Batch, Deferral, Person, RecordWrite
from destination_oomnitza.writers.changes import changed_fields, changes_identity, has_other_user_name
from destination_oomnitza.writers.claims import Claims

logger = logging.getLogger("airbyte")

MAX_DEFERRED = 20_000
"""Number of records that may wait for the end of a sync; bounds the memory."""
MAX_NAMED = 10
_MAX_EXAMPLES = 3


class Identities:
    """Claims people for records, as hashes of both. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims = Claims()
        self._left: set[int] = set()
        self._deferred = 0
        self._latest: dict[int, int] = {}
        self._changed = 0
        self._kept_names = 0
        self._examples: list[str] = []

    def settle(self, batch: Batch) -> None:
        """Reject, skip or defer the records that may not have the person they found."""
        looks_up_only = batch.plan.existing == "skip"
        for write in batch.records:
            if write.outcome is None and self._latest and self._is_superseded(batch, write):
                write.skip(SkipReason.SUPERSEDED)
            if write.person is not None and write.outcome is None and not looks_up_only:
                self._settle(batch, write, write.person)
        _supersede_earlier(batch.records)

    def _settle(self, batch: Batch, write: RecordWrite, person: Person) -> None:
        plan = batch.plan
        if batch.last and self._has_left(plan, write, person):
            write.person = None
            return
        changes = plan.people is not None and changes_identity(plan, write.record, person)
        if changes and not batch.last:
            self.defer(plan, write, Deferral.IDENTITY)
            return
        owner = self._claim(plan, write, user_id_of(person))
        if owner is not None:
            write.fail(_claimed_by(batch, write, person, owner))
        elif changes and plan.people is not None and plan.people.on_identity_change == "refuse":
            write.fail(
                f"{plan.mapping.sync_keys[0]} of its person is {person.get(plan.mapping.sync_keys[0])} in Oomnitza, and "
                "When an identity changes (on_identity_change) is refuse"
            )
        elif plan.existing == "write" and has_other_user_name(write.record, person):
            self._note_user_name(write, person)

    def _is_superseded(self, batch: Batch, write: RecordWrite) -> bool:
        """Return whether its stream had a newer record of the same first key."""
        key = _first_key(batch.plan, write)
        with self._lock:
            if write.record.keys[0] is None or key not in self._latest:
                return False
            if batch.last:
                return self._latest[key] != write.turn
            self._latest[key] = 0
            return False

    def defer(self, plan: StreamPlan, write: RecordWrite, why: Deferral) -> None:
        """Defer a record to the end of the sync; reject it if too many wait."""
        with self._lock:
            self._deferred += 1
            turn = self._deferred
            self._latest[_first_key(plan, write)] = turn
        if turn > MAX_DEFERRED:
            write.fail(f"more than {MAX_DEFERRED} records wait for the end of this sync; this one is for the next sync")
        else:
            write.defer(turn, why)

    def _claim(self, plan: StreamPlan, write: RecordWrite, user_id: str | None) -> int | None:
        """Claim a person for a record; return the claim of another record, or None."""
        first = write.record.keys[0]
        if user_id is None or first is None:
            return None
        mine = hash(folded(first))
        with self._lock:
            claim = self._claims.setdefault(hash((plan.mapping.sync_keys[0], user_id)), mine)
        return None if claim == mine else claim

    def note(self, batch: Batch) -> None:
        """Claim the people that were added, and log identities that changed."""
        for write in batch.records:
            if write.outcome is Outcome.ADDED:
                self._claim(batch.plan, write, write.user_id)
            elif write.outcome is Outcome.UPDATED and write.person is not None:
                self._leave(batch.plan, write, write.person)
                if batch.last:
                    self._log_change(batch.plan, write, write.person)

    def _leave(self, plan: StreamPlan, write: RecordWrite, person: Person) -> None:
        """Remember the sync keys that a person gave up, less those taken again.

        A lookup may still return the old values, and always does in a test run.
        """
        if plan.people is None or not plan.people.update_sync_keys:
            return
        changes = changed_fields(plan, write.record, person)
        for name in changes.keys() & plan.mapping.sync_keys:
            with self._lock:
                self._left.add(_mark(name, person.get(name), user_id_of(person)))
                self._left.discard(_mark(name, changes[name], user_id_of(person)))

    def _has_left(self, plan: StreamPlan, write: RecordWrite, person: Person) -> bool:
        """Return whether a person gave up every key by which the lookup found it."""
        by = [
            _mark(name, value, user_id_of(person))
            for name, value in zip(plan.mapping.sync_keys, write.record.keys, strict=True)
            if value is not None and folded(person.get(name)) == folded(value)
        ]
        with self._lock:
            return bool(by) and self._left.issuperset(by)

    def _log_change(self, plan: StreamPlan, write: RecordWrite, person: Person) -> None:
        if plan.mapping.sync_keys[0] not in changed_fields(plan, write.record, person):
            return
        with self._lock:
            self._changed += 1
            is_named = self._changed <= MAX_NAMED
        if is_named:
            first = plan.mapping.sync_keys[0]
            logger.warning(
                f"Identity changed: {plan.stream.title}, {write.record.key}: its {first} was {person.get(first)}."
            )

    def _note_user_name(self, write: RecordWrite, person: Person) -> None:
        with self._lock:
            self._kept_names += 1
            if len(self._examples) < _MAX_EXAMPLES:
                self._examples.append(f"{person.get('username')} ({write.record.fields['username']} in the record)")

    def close(self) -> None:
        """Log the totals."""
        if self._kept_names:
            logger.info(
                f"User names are never changed in Oomnitza: {self._kept_names} people keep theirs, though their record has another one, "
                f"for example {', '.join(self._examples)}."
            )
        if self._changed > MAX_NAMED:
            logger.warning(f"Identity changed: {self._changed - MAX_NAMED} more.")


def _first_key(plan: StreamPlan, write: RecordWrite) -> int:
    # Records of another stream set other fields, so they replace none of this stream's.
    return hash((plan.stream.key, folded(write.record.keys[0])))


def _mark(*parts: Any) -> int:
    return hash(tuple(folded(part) for part in parts))


def _claimed_by(batch: Batch, write: RecordWrite, person: Person, owner: int) -> str:
    """Return the reason to reject a record whose person another record has claimed."""
    name = batch.plan.mapping.sync_keys[0]
    known = [person.get(name), *(other.record.keys[0] for other in batch.records)]
    found = next(
        (f"{name}={each}" for each in known if not is_empty(each) and hash(folded(each)) == owner), "another record"
    )
    people = batch.plan.people
    advice = ""
    if people is not None and not people.update_sync_keys and len(write.record.keys) > 1:
        advice = ". If it went from one person to the other, switch on Update sync keys (update_sync_keys)"
    return f"its person was claimed by {found} in this sync{advice}"


def _supersede_earlier(writes: Sequence[RecordWrite]) -> None:
    """Skip all but the last of several records that found the same person."""
    last: dict[str, RecordWrite] = {}
    for write in writes:
        user_id = user_id_of(write.person) if write.person is not None and write.outcome is None else None
        if user_id is not None:
            if user_id in last:
                last[user_id].skip(SkipReason.SUPERSEDED)
            last[user_id] = write
