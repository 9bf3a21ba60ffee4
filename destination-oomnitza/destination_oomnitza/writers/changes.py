"""Compares a record with its person in Oomnitza. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.mapping.rules import Rule
from destination_oomnitza.mapping.values import WITHOUT_CASE, differs, kept_otherwise, later
from destination_oomnitza.normalize import folded, is_empty
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.writers.base import Person


def changed_fields(plan: StreamPlan, record: MappedRecord, person: Person) -> dict[str, Any]:
    """Return the fields of a person that have to be written."""
    if plan.people is None or plan.existing != "write":
        return {}
    changes: dict[str, Any] = {}
    sync_keys = plan.mapping.sync_keys
    further_keys = () if plan.people.update_sync_keys else sync_keys[1:]
    for name, wanted in record.fields.items():
        current = person.get(name)
        if current == wanted and current.__class__ is wanted.__class__:
            continue
        # A user name is not edited: a change can cause duplicates (https://oomnitza.zendesk.com/hc/en-us/articles/360023748434).
        if name == "username" or name in further_keys:
            continue
        rule = plan.mapping.rules[name]
        ignore_case = name in sync_keys or name in WITHOUT_CASE
        if _may_write(rule, current, wanted) and differs(rule.field, current, wanted, ignore_case):
            changes[name] = wanted
    return changes


def _may_write(rule: Rule, current: Any, wanted: Any) -> bool:
    if rule.if_empty_only and not is_empty(current):
        return False
    return not rule.newest or later(current, wanted)


def fields_kept_otherwise(plan: StreamPlan, sent: Mapping[str, Any], stored: Person) -> list[str]:
    """Return the fields in which Oomnitza stored another value than was sent."""
    rules = plan.mapping.rules
    known = {**plan.mapping.fields, **{name: rules[name].field for name in sent if name in rules}}
    return kept_otherwise(sent, stored, known, plan.mapping.sync_keys)


def has_other_user_name(record: MappedRecord, person: Person) -> bool:
    """Return whether a record has another user name than its person, who keeps theirs."""
    wanted = record.fields.get("username")
    if wanted == person.get("username"):
        return False
    return not is_empty(wanted) and folded(wanted) != folded(person.get("username") or "")


def writes_unique_field(plan: StreamPlan, fields: Mapping[str, Any]) -> bool:
    """Return whether Oomnitza may reject one of the fields as not unique."""
    rules, known = plan.mapping.rules, plan.mapping.fields
    written = (rules[name].field if name in rules else known.get(name) for name in fields)
    return any(name in plan.mapping.sync_keys for name in fields) or any(
        each is not None and each.unique for each in written
    )


def changes_identity(plan: StreamPlan, record: MappedRecord, person: Person) -> bool:
    """Return whether the person found by a further key has another first key.

    That is the case if an e-mail address, for example, now belongs to another person.
    """
    name, wanted = plan.mapping.sync_keys[0], record.keys[0]
    current = person.get(name)
    if current == wanted or name == "username":  # a user name is never written, so it may always differ
        return False
    if wanted is None or is_empty(current):
        return False
    return differs(plan.mapping.rules[name].field, current, wanted, ignore_case=True)
