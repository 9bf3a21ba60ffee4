"""People over REST: found in batches, compared, created or updated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destination_oomnitza.api.client import Client, RequestRejected
from destination_oomnitza.api.filters import MAX_URL, literal, look_ups
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.mapping.values import differs, folded, is_empty
from destination_oomnitza.person_schema import REQUIRED
from destination_oomnitza.planning.stream_plan import StreamPlan
from destination_oomnitza.report import Outcome, Report, Result

Person = Mapping[str, Any]
Written = tuple[Result, str | None]
"""What became of a record, and the person's `user_id` where it is known and the SaaS side may go on."""

USERS = "/api/v3/users"
PAGE = 500
"""People a page. Public clients page with 500 and with 2000."""

_ALWAYS_WITHOUT_CASE = frozenset({"email", "username"})
_NEEDED = {"username": "a user name", "email": "an e-mail address", "role": "a role"}
_OVERRIDE = {"Oomnitza-Ignore-Meta-Restriction": "1"}


def skipped() -> Result:
    """The outcome of a record that is not to be written."""
    return Result(Outcome.SKIPPED)


def failed(reason: str) -> Result:
    """The outcome of a record that Oomnitza, or its mapping, refuses."""
    return Result(Outcome.FAILED, reason)


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

    def find(self, plan: StreamPlan, rows: list[MappedRecord]) -> list[Person | Result | None]:
        """Return for each row the person that its sync keys find, None where there is none, or a Result where that settles it.

        The keys are tried in order, and the first that finds somebody wins. More than one person for a value refuses the row;
        of two rows that find the same person, the last one wins.
        """
        found: list[Person | Result | None] = [None] * len(rows)
        for place, key in enumerate(plan.mapping.sync_keys):
            wanted: dict[str, Any] = {}
            for index, row in enumerate(rows):
                value = row.keys[place]
                if found[index] is None and value is not None:
                    try:
                        literal(value)
                    except ValueError as error:
                        found[index] = failed(f"{key} {error}")
                    else:
                        wanted[folded(value)] = value
            people, refusals = self._look_up(key, list(wanted.values()))
            for index, row in enumerate(rows):
                if found[index] is None and row.keys[place] is not None:
                    value = folded(row.keys[place])
                    hits = people.get(value, ())
                    if len(hits) == 1:
                        found[index] = hits[0]
                    elif hits:
                        found[index] = failed(f"{len(hits)} people in Oomnitza have this {key}; it must be one")
                    elif value in refusals:
                        found[index] = failed(f"Oomnitza refuses to look up this {key}: {refusals[value]}")
        return _last_wins(found)

    def decide(self, plan: StreamPlan, row: MappedRecord, person: Person | None) -> Written | Callable[[], Written]:
        """Return what becomes of a record where that needs no request, else the function that makes it so (and may raise as Client)."""
        if person is None:
            return self._decide_new(plan, row)
        user_id = _user_id(person)
        if not plan.update:
            # Only the SaaS side of a record of data activation's saas_user goes on from here.
            return (Result(Outcome.UNCHANGED), user_id) if plan.saas_user_only else (skipped(), None)
        changes = self._changes(plan, row, person)
        if not changes:
            return Result(Outcome.UNCHANGED), user_id
        if self._test_run:
            self._report.example(plan.stream.title, row.key, "updated", dict(person), changes)
            return Result(Outcome.UPDATED), user_id
        return lambda: (self._update(plan, person, changes), user_id)

    def _decide_new(self, plan: StreamPlan, row: MappedRecord) -> Written | Callable[[], Written]:
        if row.inactive or not plan.create:
            return skipped(), None
        body = plan.mapping.new_person(row)
        missing = [_NEEDED[name] for name in REQUIRED if is_empty(body.get(name))]
        if missing:
            return failed(f"a new person needs {' and '.join(missing)}, and the record has none"), None
        if self._test_run:
            self._report.example(plan.stream.title, row.key, "added", {}, body)
            return Result(Outcome.ADDED), None
        return lambda: self._create(plan, row, body)

    def _update(self, plan: StreamPlan, person: Person, changes: dict[str, Any]) -> Result:
        user_id = _user_id(person)
        if user_id is None:
            return failed("Oomnitza's answer has no user_id for this person")
        try:
            self._client.edit("PATCH", f"{USERS}/{quote(user_id, safe='')}", changes, _headers(plan, changes))
        except RequestRejected as refusal:
            return failed(f"Oomnitza refused to change {', '.join(changes)}: {refusal}")
        return Result(Outcome.UPDATED)

    def _create(self, plan: StreamPlan, row: MappedRecord, body: dict[str, Any]) -> Written:
        try:
            created, was_found = self._client.create(
                USERS, body, lambda: self._find_again(plan, row), _headers(plan, body)
            )
        except RequestRejected as refusal:
            return failed(f"Oomnitza refused to add this person: {refusal}"), None
        if isinstance(created, Result):
            return created, None
        if isinstance(created, list):  # the OpenAPI document shows the answer of this POST both ways
            created = created[0] if created else None
        person = created if isinstance(created, dict) and _user_id(created) else None
        if person is None and plan.saas:  # the answer does not tell the key that the SaaS side needs
            again = self._find_again(plan, row)
            person = again if isinstance(again, dict) else None
        changes = self._changes(plan, row, person) if person is not None and was_found else {}
        if person is not None and changes:
            update = self._update(plan, person, changes)
            if update.outcome is Outcome.FAILED:
                return update, None
        return Result(Outcome.ADDED), _user_id(person or {})

    def _find_again(self, plan: StreamPlan, row: MappedRecord) -> Person | Result | None:
        return self.find(plan, [row])[0]

    def _changes(self, plan: StreamPlan, row: MappedRecord, person: Person) -> dict[str, Any]:
        """Return the fields of a person that have to be written."""
        changes: dict[str, Any] = {}
        sync_keys = plan.mapping.sync_keys
        for name, wanted in row.fields.items():
            current = person.get(name)
            if current == wanted and current.__class__ is wanted.__class__:
                continue
            if name in sync_keys[1:] and not plan.update_sync_keys:
                continue
            rule = plan.mapping.rules[name]
            if rule.if_empty_only and not is_empty(current):
                continue
            if differs(rule.field, current, wanted, name in sync_keys or name in _ALWAYS_WITHOUT_CASE):
                changes[name] = wanted
        return changes

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
    return None if plan.edit_only.isdisjoint(body) else _OVERRIDE


def _last_wins(found: list[Person | Result | None]) -> list[Person | Result | None]:
    owners: dict[str, int] = {}
    for index, person in enumerate(found):
        user_id = _user_id(person) if isinstance(person, dict) else None
        if user_id is not None:
            earlier = owners.get(user_id)
            if earlier is not None:
                found[earlier] = skipped()
            owners[user_id] = index
    return found
