"""People over REST: finds them in batches, compares, creates or updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from destination_oomnitza.api.filters import can_be_quoted, literal
from destination_oomnitza.api.people import Found, PeopleApi, user_id_of
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.mapping.record_mapping import RecordRejected
from destination_oomnitza.normalize import folded, is_empty
from destination_oomnitza.person_schema import REQUIRED
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.report import Outcome, Report, SkipReason
from destination_oomnitza.writers.base import Person, RecordWrite
from destination_oomnitza.writers.changes import changed_fields, changes_identity, fields_kept_otherwise

_NEEDED = {"username": "a user name", "email": "an e-mail address", "role": "a role"}

Edit = tuple[RecordWrite, dict[str, Any]]
"""A record, and the fields to write to its person."""


class People:
    """People of an instance. Thread-safe."""

    def __init__(self, api: PeopleApi, report: Report) -> None:
        self._api = api
        self._report = report

    def find(self, plan: StreamPlan, writes: Sequence[RecordWrite]) -> None:
        """Find the person of each record by its sync keys.

        The keys are tried in order, and the first match wins. A record that matches several people is rejected.
        """
        for place, key in enumerate(plan.mapping.sync_keys):
            wanted: dict[str, Any] = {}
            asked: list[tuple[RecordWrite, str]] = []
            for write in writes:
                value = write.record.keys[place]
                if write.person is None and write.outcome is None and value is not None:
                    try:
                        literal(value)
                    except ValueError as error:
                        write.fail(f"{key} {error}")
                    else:
                        name = folded(value)
                        asked.append((write, name))
                        wanted[name] = value
            found = self._api.look_up(key, list(wanted.values()))
            for write, name in asked:
                _take_found(write, key, name, found)

    def decide(self, plan: StreamPlan, write: RecordWrite) -> dict[str, Any]:
        """Return the fields to write; empty if the outcome is set without a request."""
        if write.person is None:
            return self._decide_new(plan, write)
        if plan.existing == "skip":
            write.skip(SkipReason.WRITE_MODE)
            return {}
        write.user_id = user_id_of(write.person)
        changes = changed_fields(plan, write.record, write.person)
        if changes:
            self._report.example(plan.stream.title, write.record.key, "updated", write.person, changes)
        else:
            write.end(Outcome.UNCHANGED)
        return changes

    def write(self, plan: StreamPlan, write: RecordWrite, fields: dict[str, Any]) -> None:
        """Create or update the person of a record, and set its outcome. Raises as Client."""
        if write.person is None:
            self._create(plan, write, fields)
        elif self._update(plan, write, write.person, fields):
            write.end(Outcome.UPDATED)

    def name_holders(self, plan: StreamPlan, rejected: Sequence[Edit]) -> None:
        """Add the people who have the values to the reasons of rejected edits."""
        for key in plan.mapping.sync_keys:
            edits = [(write, fields[key]) for write, fields in rejected if can_be_quoted(fields.get(key))]
            found = self._api.look_up(key, [value for _, value in edits])
            for write, value in edits:
                for holder in found.people.get(folded(value), ()):
                    if user_id_of(holder) != write.user_id:
                        write.fail(_held_by(plan, key, value, holder))

    def _decide_new(self, plan: StreamPlan, write: RecordWrite) -> dict[str, Any]:
        if all(key is None for key in write.record.keys):
            write.skip(SkipReason.NO_SYNC_KEY)
            return {}
        if write.record.inactive or not plan.creates:
            write.skip(SkipReason.INACTIVE_UNKNOWN if write.record.inactive else SkipReason.WRITE_MODE)
            return {}
        body = plan.mapping.new_person(write.record)
        missing = [_NEEDED[name] for name in REQUIRED if is_empty(body.get(name))]
        if missing:
            write.fail(f"a new person needs {' and '.join(missing)}, and the record has none")
            return {}
        self._report.example(plan.stream.title, write.record.key, "added", {}, body)
        return body

    def _update(self, plan: StreamPlan, write: RecordWrite, person: Person, changes: dict[str, Any]) -> bool:
        user_id = user_id_of(person)
        if user_id is None:
            write.fail("Oomnitza's response has no user_id for this person")
            return False
        try:
            stored = self._api.edit(user_id, changes, _overrides(plan, changes))
        except RequestRejected as rejected:
            write.fail(f"Oomnitza rejected the change of {', '.join(changes)}: {rejected}")
            return False
        self._compare(plan, write, changes, stored or {})
        return True

    def _compare(self, plan: StreamPlan, write: RecordWrite, sent: Mapping[str, Any], stored: Person) -> None:
        """Report the fields in which Oomnitza stored another value than was sent."""
        for name in fields_kept_otherwise(plan, sent, stored):
            self._report.keep_otherwise(plan.stream.title, write.record.key, name, sent[name], stored[name])

    def _create(self, plan: StreamPlan, write: RecordWrite, body: dict[str, Any]) -> None:
        try:
            created = self._api.create(body, lambda: self._find_again(plan, write), _overrides(plan, body))
        except RequestRejected as rejected:
            write.fail(f"Oomnitza rejected this new person: {rejected}")
            return
        except RecordRejected as rejected:
            write.fail(str(rejected))
            return
        if created is None:
            write.fail("Oomnitza accepted this new person without a user_id, and does not list them yet; sync again")
            return
        if not created.ours:
            self._write_found(plan, write, created.person)
            return
        if not created.found:
            self._compare(plan, write, body, created.person)
        else:
            changes = changed_fields(plan, write.record, created.person)
            if changes and not self._update(plan, write, created.person, changes):
                return
        write.user_id = user_id_of(created.person)
        write.end(Outcome.ADDED)

    def _write_found(self, plan: StreamPlan, write: RecordWrite, person: Person) -> None:
        """Write a record whose person was added by others since the lookup."""
        write.person = person
        if plan.existing != "skip" and changes_identity(plan, write.record, person):
            name = plan.mapping.sync_keys[0]
            write.fail(
                f"Oomnitza has a person of its further sync keys by now, whose {name} is {person.get(name)}; sync again"
            )
            return
        changes = self.decide(plan, write)
        if changes:
            self.write(plan, write, changes)

    def _find_again(self, plan: StreamPlan, write: RecordWrite) -> Person | None:
        """Return the person of a record, or None. Raises RecordRejected if several match."""
        again = RecordWrite(write.record)
        self.find(plan, [again])
        if again.outcome is Outcome.FAILED:
            raise RecordRejected(again.reason)
        return again.person


def _overrides(plan: StreamPlan, body: Mapping[str, Any]) -> bool:
    return plan.people is not None and not plan.people.edit_only.isdisjoint(body)


def _take_found(write: RecordWrite, key: str, value: str, found: Found) -> None:
    people = found.people.get(value, ())
    if len(people) == 1:
        write.person = people[0]
    elif people:
        write.fail(f"{len(people)} people in Oomnitza have this {key}; it must be one")
    elif value in found.rejected:
        write.fail(f"Oomnitza rejected the lookup of this {key}: {found.rejected[value]}")


def _held_by(plan: StreamPlan, key: str, value: Any, holder: Person) -> str:
    first = plan.mapping.sync_keys[0]
    return (
        f"{key} {value} is that of {holder.get('username')} ({first} {holder.get(first)}), and no record of this sync frees it. "
        f"Give one of the two another {key} in Oomnitza, and the next sync sets both"
    )
