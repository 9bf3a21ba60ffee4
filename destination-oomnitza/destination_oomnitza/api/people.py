"""People over HTTP: lookups by a field, creates and edits."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from destination_oomnitza.api.bisection import bisect
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.filters import MAX_URL, look_ups, one_of
from destination_oomnitza.api.pagination import PAGE, Listing
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.normalize import folded

Person = Mapping[str, Any]
"""A row of Oomnitza's list of people."""

USERS = "/api/v3/users"

_OVERRIDE = {"Oomnitza-Ignore-Meta-Restriction": "1"}
"""Header to write fields that the data model calls not editable."""

MAX_RECENT = 1000
_UNIQUE_NAMES = ("username", "email")


@dataclass
class Found:
    """Result of a lookup, by the folded value of the field."""

    people: dict[str, list[Person]] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    """The reason for each value that could not be looked up."""


@dataclass(frozen=True)
class Created:
    """Person after a create; `ours` is true if this sync created the person."""

    person: Person
    found: bool
    """Whether a lookup returned the person, whose fields may then differ from those sent."""
    ours: bool


class PeopleApi:
    """People of an instance. Thread-safe; every method raises as Client does.

    Remembers the people created last, because a lookup may not return them yet.
    """

    def __init__(self, client: Client, origin: str) -> None:
        self._client = client
        self._room = MAX_URL - len(f"{origin}{USERS}?limit={PAGE}&skip=00000&sortby=user_id%20asc&filter=")
        self._recent = _RecentPeople()
        # User names of people whom Oomnitza accepted without returning a user_id; they are not created again.
        self._unlisted: set[tuple[str, str]] = set()

    def look_up(self, key: str, values: Sequence[Any]) -> Found:
        """Find people by the values of one field.

        `literal` must accept every value, and none may be empty.
        """
        found = Found()
        for some, expression in look_ups(key, values, self._room):
            self._look_up_some(key, some, expression, found)
        if len(found.people) + len(found.rejected) < len(values):
            recent = self._recent.by(key)
            missing = set(map(folded, values)) - found.people.keys() - found.rejected.keys()
            found.people.update((value, [recent[value]]) for value in missing if value in recent)
        return found

    def _look_up_some(self, key: str, values: Sequence[Any], expression: str, found: Found) -> None:
        """Add the people found by one filter, and the values that Oomnitza rejects."""

        def ask(some: Sequence[Any]) -> None:
            self._look_up_once(key, some, expression if len(some) == len(values) else one_of(key, some), found)

        found.rejected.update((folded(value), reason) for value, reason in bisect(values, ask))

    def _look_up_once(self, key: str, values: Sequence[Any], expression: str, found: Found) -> None:
        """Add the people who have one of the values.

        Raises RequestRejected if Oomnitza rejects the filter or its list is incomplete.
        """
        listing = Listing(self._client, USERS, "user_id", query=f"filter={expression}")
        wanted = {folded(value) for value in values}
        people: dict[str, list[Person]] = {}
        for page in listing.pages():
            for person in page:
                value = folded(person.get(key))
                if value in wanted:
                    people.setdefault(value, []).append(person)
            if len(page) < PAGE and people.keys() == wanted:
                break  # every value was found on the last, partial page
        else:
            if not listing.whole and people.keys() != wanted:
                raise RequestRejected(200, "its list of people is incomplete, so this person may exist")
        found.people.update(people)

    def create(
        self, body: Mapping[str, Any], find: Callable[[], Person | None], override: bool = False
    ) -> Created | None:
        """Create a person; return the one who is in Oomnitza afterwards.

        Args:
            body: The fields.
            find: Looks the person up; returns None if there is none.
            override: Whether the data model calls a field of `body` not editable.

        Returns:
            None if Oomnitza accepted the person, and does not list them yet: their `user_id` is not known.

        Raises:
            RequestRejected: Oomnitza rejects the person.
        """
        names = {(name, folded(body[name])) for name in _UNIQUE_NAMES if body.get(name)}
        if self._unlisted.isdisjoint(names):
            creation = self._client.create(USERS, body, find, _OVERRIDE if override else None)
            if creation.found is not None:
                self._recent.add(creation.found)
                return Created(creation.found, True, creation.ours)
            answer = creation.json
            if isinstance(answer, list):  # the OpenAPI document shows both an object and a list
                answer = answer[0] if answer else None
            if isinstance(answer, dict) and user_id_of(answer) is not None:
                person = {**body, **answer}
                self._recent.add(person)
                return Created(person, False, True)
        found = self._client.look_again(find)
        if found is None:
            self._unlisted |= names
            return None
        self._recent.add(found)
        return Created(found, True, True)

    def edit(self, user_id: str, changes: Mapping[str, Any], override: bool = False) -> Person | None:
        """Edit a person; return the stored person, or None if the response has none.

        Raises RequestRejected if Oomnitza rejects the changes.
        """
        path = f"{USERS}/{quote(user_id, safe='')}"
        answer = self._client.edit("PATCH", path, changes, _OVERRIDE if override else None).json
        self._recent.change(user_id, changes)
        return answer if isinstance(answer, dict) else None


class _RecentPeople:
    """People created last. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._people: OrderedDict[str, Person] = OrderedDict()

    def add(self, person: Person) -> None:
        user_id = user_id_of(person)
        if user_id is not None:
            with self._lock:
                self._people[user_id] = person
                if len(self._people) > MAX_RECENT:
                    self._people.popitem(last=False)

    def change(self, user_id: str, changes: Mapping[str, Any]) -> None:
        with self._lock:
            if user_id in self._people:
                self._people[user_id] = {**self._people[user_id], **changes}

    def by(self, key: str) -> dict[str, Person]:
        """Return the people by the folded value of a field."""
        with self._lock:
            return {folded(person[key]): person for person in self._people.values() if person.get(key) is not None}


def user_id_of(person: Person) -> str | None:
    """Return a person's id in Oomnitza, or None if the row has none."""
    user_id = person.get("user_id")
    return None if user_id is None or user_id == "" else str(user_id)
