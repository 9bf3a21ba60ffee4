"""Groups the changes of one run by person, with old and new values. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from integration_tests.playground.values import shown
from integration_tests.sandbox.oomnitza.fields import Field

Row = Mapping[str, Any]
SAAS_FIELDS = {"active": "Status", "roles": "Slack role", "user_external_id": "External id"}
# Kept by the server itself at each edit: nothing that a sync wrote.
UNTOLD = {"full_name", "version", "change_date", "changed_by", "creation_date", "created_by", "user_id", "uid"}


@dataclass
class Change:
    """Holds one field of a story: its id, its label, and both values in words."""

    field: str
    label: str
    before: str
    after: str


@dataclass
class Story:
    """Holds what one run did to a person, or to their SaaS user."""

    user_id: str
    name: str
    action: str
    changes: list[Change] = dataclasses.field(default_factory=list)


def person_stories(changes: Iterable[Row], people: Mapping[str, Row], fields: Mapping[str, Field]) -> list[Story]:
    """Return one story a person; who was added and edited in one run was added.

    `changes` are those that the instance recorded in the run, in order; `people` everybody by id; `fields` those of a person, by id.
    """
    stories: dict[str, Story] = {}
    for change in changes:
        person = people.get(change["user_id"], {})
        story = stories.setdefault(
            change["user_id"], Story(change["user_id"], _name(person, change["user_id"]), change["action"])
        )
        known = {each.field: each for each in story.changes}
        for name, value in change["after"].items():
            if name in UNTOLD:
                continue
            field = fields.get(name)
            before, after = shown(field, change["before"].get(name)), shown(field, value)
            if name in known:
                known[name].after = after
            else:
                story.changes.append(Change(name, field.label if field else name, before, after))
    return list(stories.values())


def saas_stories(before: Mapping[str, Row], after: Mapping[str, Row]) -> list[Story]:
    """Return one story a SaaS user that differs; both maps are by the person's id."""
    stories = []
    for user_id, now in after.items():
        then = before.get(user_id)
        changes = [
            Change(name, label, saas_value(then, name), saas_value(now, name))
            for name, label in SAAS_FIELDS.items()
            if then is None or then[name] != now[name]
        ]
        if changes:
            stories.append(Story(user_id, _name(now, user_id), "assigned" if then is None else "changed", changes))
    return stories


def saas_value(user: Row | None, name: str) -> str:
    """Return a value of a SaaS user in words; "" without a user."""
    if user is None:
        return ""
    if name == "active":
        return "Active" if user["active"] else "Deactivated"
    return ", ".join(user["roles"]) if name == "roles" else str(user[name] or "")


def _name(person: Row, otherwise: str) -> str:
    return person.get("full_name") or person.get("email") or person.get("username") or otherwise
