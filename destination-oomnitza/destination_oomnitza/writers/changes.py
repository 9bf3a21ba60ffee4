"""What a record changes of a person who is in Oomnitza. Pure functions."""

from __future__ import annotations

from typing import Any

from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.mapping.values import differs, is_empty
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.writers.base import Person

_ALWAYS_WITHOUT_CASE = frozenset({"email", "username"})


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
        if name in further_keys:
            continue
        rule = plan.mapping.rules[name]
        if rule.if_empty_only and not is_empty(current):
            continue
        if differs(rule.field, current, wanted, name in sync_keys or name in _ALWAYS_WITHOUT_CASE):
            changes[name] = wanted
    return changes
