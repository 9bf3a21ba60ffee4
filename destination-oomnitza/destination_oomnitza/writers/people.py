"""People over REST: found in batches, compared, created or updated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destination_oomnitza.api.client import Client, RequestRejected
from destination_oomnitza.api.filters import MAX_URL, literal, look_ups
from destination_oomnitza.mapping.record_mapping import RecordRejected
from destination_oomnitza.normalize import folded, is_empty
from destination_oomnitza.person_schema import REQUIRED
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.report import Outcome, Report, SkipReason
from destination_oomnitza.writers.base import Person, RecordWrite
from destination_oomnitza.writers.changes import changed_fields

USERS = "/api/v3/users"
PAGE = 500
"""People a page. Public clients page with 500 and with 2000."""

_NEEDED = {"username": "a user name", "email": "an e-mail address", "role": "a role"}
_OVERRIDE = {"Oomnitza-Ignore-Meta-Restriction": "1"}


def pages(client: Client, path: str, query: str) -> Iterator[Sequence[Person]]:
    """Yield the pages of a listing of `/api/v3`. `query` is encoded, and holds neither limit nor skip.

    Ends where the header X-Total-Count says so or, without it, with a page that is not full. Raises as Client.get_list.
    """
    skip = 0
    while True:
        rows, headers = client.get_list(f"{path}?limit={PAGE}&skip={skip}{query and '&'}{query}")
        yield rows
        skip += len(rows)
        total = headers.get("X-Total-Count", "")
        if not rows or (skip >= int(total) if total.isdigit() else len(rows) < PAGE):
            return


class People:
    """The people of an instance. For use from many threads."""

    def __init__(self, client: Client, report: Report, room: int, test_run: bool = False) -> None:
        """`room`: how many characters the origin takes of a URL's length."""
        self._client = client
        self._report = report
        self._room = MAX_URL - room - len(f"{USERS}?limit={PAGE}&skip=00000&filter=")
        self._test_run = test_run

    def find(self, plan: StreamPlan, writes: Sequence[RecordWrite]) -> None:
        """Find the person of each record by its sync keys; rejects a record that more than one person fits.

        The keys are tried in order, and the first that finds somebody wins. Of two records that find the same person, the last
        one wins.
        """
        for place, key in enumerate(plan.mapping.sync_keys):
            wanted: dict[str, Any] = {}
            for write in writes:
                value = write.record.keys[place]
                if write.person is None and write.outcome is None and value is not None:
                    try:
                        literal(value)
                    except ValueError as error:
                        write.fail(f"{key} {error}")
                    else:
                        wanted[folded(value)] = value
            people, rejected = self._look_up(key, list(wanted.values()))
            for write in writes:
                if write.person is None and write.outcome is None and write.record.keys[place] is not None:
                    _take_found(write, key, folded(write.record.keys[place]), people, rejected)
        _supersede_earlier(writes)

    def decide(self, plan: StreamPlan, write: RecordWrite) -> dict[str, Any]:
        """Return the fields to write for a record; empty if its outcome is decided without a request."""
        if write.person is None:
            return self._decide_new(plan, write)
        if plan.existing == "skip":
            write.skip(SkipReason.WRITE_MODE)
            return {}
        write.user_id = _user_id(write.person)
        changes = changed_fields(plan, write.record, write.person)
        if not changes:
            write.end(Outcome.UNCHANGED)
        elif self._test_run:
            self._report.example(plan.stream.title, write.record.key, "updated", dict(write.person), changes)
            write.end(Outcome.UPDATED)
            return {}
        return changes

    def write(self, plan: StreamPlan, write: RecordWrite, fields: dict[str, Any]) -> None:
        """Create or update the person of a record, and decide its outcome. Raises as Client."""
        if write.person is None:
            self._create(plan, write, fields)
        elif self._update(plan, write, write.person, fields):
            write.end(Outcome.UPDATED)

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
        if self._test_run:
            self._report.example(plan.stream.title, write.record.key, "added", {}, body)
            write.end(Outcome.ADDED)
            return {}
        return body

    def _update(self, plan: StreamPlan, write: RecordWrite, person: Person, changes: dict[str, Any]) -> bool:
        user_id = _user_id(person)
        if user_id is None:
            write.fail("Oomnitza's answer has no user_id for this person")
            return False
        try:
            self._client.edit("PATCH", f"{USERS}/{quote(user_id, safe='')}", changes, _headers(plan, changes))
        except RequestRejected as rejected:
            write.fail(f"Oomnitza refused to change {', '.join(changes)}: {rejected}")
            return False
        return True

    def _create(self, plan: StreamPlan, write: RecordWrite, body: dict[str, Any]) -> None:
        def find() -> Person | None:
            return self._find_again(plan, write)

        try:
            created, was_found = self._client.create(USERS, body, find, _headers(plan, body))
            if isinstance(created, list):  # the OpenAPI document shows the answer of this POST both ways
                created = created[0] if created else None
            person: Person | None = created if isinstance(created, dict) and _user_id(created) else None
            if person is None and plan.saas is not None:  # the answer lacks the key that the SaaS side needs
                person = find()
        except RequestRejected as rejected:
            write.fail(f"Oomnitza refused to add this person: {rejected}")
            return
        except RecordRejected as rejected:
            write.fail(str(rejected))
            return
        if person is not None and was_found:
            changes = changed_fields(plan, write.record, person)
            if changes and not self._update(plan, write, person, changes):
                return
        write.user_id = _user_id(person or {})
        write.end(Outcome.ADDED)

    def _find_again(self, plan: StreamPlan, write: RecordWrite) -> Person | None:
        """Return the person that is found by now. Raises RecordRejected if it cannot be said who it is."""
        again = RecordWrite(write.record)
        self.find(plan, [again])
        if again.outcome is Outcome.FAILED:
            raise RecordRejected(again.reason)
        return again.person

    def _look_up(self, key: str, values: list[Any]) -> tuple[dict[str, list[Person]], dict[str, str]]:
        """Return the people of each (folded) value, and for values that Oomnitza refuses to look up its reason."""
        people: dict[str, list[Person]] = {}
        refusals: dict[str, str] = {}
        wanted = {folded(value) for value in values}
        listed: set[str | None] = set()
        for some, expression in look_ups(key, values, self._room):
            try:
                for page in pages(self._client, USERS, f"filter={expression}"):
                    for person in page:
                        value, user_id = folded(person.get(key)), _user_id(person)
                        # Somebody who moves between two pages while others are added is listed twice, and is one person.
                        if value in wanted and (user_id is None or user_id not in listed):
                            listed.add(user_id)
                            people.setdefault(value, []).append(person)
            except RequestRejected as refusal:
                if len(some) == 1:
                    refusals[folded(some[0])] = str(refusal)
                    continue
                # One value that Oomnitza cannot take must not cost the others: ask for each half by itself.
                for half in (some[: len(some) // 2], some[len(some) // 2 :]):
                    more, refused = self._look_up(key, half)
                    people.update(more)
                    refusals.update(refused)
        return people, refusals


def _user_id(person: Person) -> str | None:
    user_id = person.get("user_id")
    return None if user_id is None or user_id == "" else str(user_id)


def _headers(plan: StreamPlan, body: Mapping[str, Any]) -> dict[str, str] | None:
    return None if plan.people is None or plan.people.edit_only.isdisjoint(body) else _OVERRIDE


def _take_found(
    write: RecordWrite,
    key: str,
    value: str,
    people: Mapping[str, Sequence[Person]],
    rejected: Mapping[str, str],
) -> None:
    found = people.get(value, ())
    if len(found) == 1:
        write.person = found[0]
    elif found:
        write.fail(f"{len(found)} people in Oomnitza have this {key}; it must be one")
    elif value in rejected:
        write.fail(f"Oomnitza refuses to look up this {key}: {rejected[value]}")


def _supersede_earlier(writes: Sequence[RecordWrite]) -> None:
    """Of several records that found the same person, skip all but the last."""
    last: dict[str, RecordWrite] = {}
    for write in writes:
        user_id = _user_id(write.person) if write.person is not None else None
        if user_id is not None:
            if user_id in last:
                last[user_id].skip(SkipReason.SUPERSEDED)
            last[user_id] = write
