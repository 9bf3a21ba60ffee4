"""Defaults of new people, and the check that no mandatory field is missing."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from destination_oomnitza.config.models import StreamSettings
from destination_oomnitza.mapping.rules import field_fit
from destination_oomnitza.mapping.values import ValueRejected
from destination_oomnitza.person_schema import REQUIRED, PersonSchema
from destination_oomnitza.planning.problems import Problems

_NAMES = {"username": "a user name (username)", "email": "an e-mail address (email)", "role": "a role"}


def defaults(settings: StreamSettings, schema: PersonSchema, problems: Problems) -> dict[str, Any]:
    """Return the configured values of new people, by field."""
    given: dict[str, Any] = {}
    if settings.default_role is not None:
        try:
            given["role"] = schema.role_id(settings.default_role)
        except ValueError as error:
            problems.add(f"Role of new people (default_role): {error}.")
            given["role"] = None
    if settings.default_position is not None:
        try:
            given["position"] = field_fit(schema.fields["position"], schema)(settings.default_position)
        except ValueRejected as error:
            problems.add(f"Position of new people (default_position): {error}.")
    return given


def prove_complete(filled: Set[str], schema: PersonSchema, problems: Problems) -> None:
    """Add a problem that names the fields which a new person needs and nothing fills."""
    missing = [each for each in schema.mandatory() if each.id not in filled]
    missing.sort(key=lambda each: each.id not in REQUIRED)
    if missing:
        names = [_NAMES.get(each.id) or f"{each.label} ({each.id})" for each in missing]
        listed = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
        role = " or give a role of new people (default_role)" if any(each.id == "role" for each in missing) else ""
        problems.add(f"To add people, Oomnitza needs {listed}: add it to the field mapping (field_mapping){role}.")
