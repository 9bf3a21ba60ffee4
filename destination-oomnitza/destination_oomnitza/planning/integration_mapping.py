"""Turns a mapping that was drawn in Oomnitza for an integration into rules.

Its format, as Oomnitza's own connector reads it (https://github.com/Oomnitza/oomnitza-connector): `{"<internal id>": {"type":
"attribute", "value": "profile.email"}}`. An attribute is a Jinja expression over the vendor's record, a value is a constant;
two further types refer to inputs of the integration.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from destination_oomnitza.mapping.expressions import compile_native, native_paths_read
from destination_oomnitza.mapping.rules import Rule, field_fit
from destination_oomnitza.mapping.values import ValueRejected
from destination_oomnitza.normalize import is_empty
from destination_oomnitza.person_schema import PersonField, PersonSchema
from destination_oomnitza.planning.problems import Problems

DRAWN_SETTING = "Mapping drawn in Oomnitza (integration_mapping)"
DRAWN = "drawn in Oomnitza"
"""Start of the origin of such a rule."""
_INPUTS = ("catalog_input", "credential_input")


class DrawnMapping:
    """Mapping of one integration; `document` is Oomnitza's response, or None."""

    def __init__(self, integration: int, document: Any, schema: PersonSchema) -> None:
        self._integration = integration
        self._document: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
        self._schema = schema
        self._fields = {each.internal_id.lower(): each for each in schema.fields.values() if each.internal_id}

    def rules(self, overruled: Container[str], problems: Problems) -> Iterator[Rule]:
        """Yield a rule for each drawn field but the `overruled` ones."""
        if not self._document:
            problems.add(
                f"{DRAWN_SETTING}: Oomnitza has no mapping for the integration {self._integration}. Take the id from the address of the "
                f"integration's page (/settings/connectors?id=...), and check that fields are mapped there."
            )
        for internal_id, source in self._document.items():
            field = self._fields.get(internal_id.lower())
            if _is_input(source) or (field is not None and field.id in overruled):
                continue
            if field is None:
                problems.add(
                    f"{DRAWN_SETTING}: Oomnitza reports no field with the internal id {internal_id}, which is mapped there."
                )
                continue
            try:
                rule = self._rule(field, source)
            except ValueError as error:
                problems.add(f"{DRAWN_SETTING}, field {field.id}: {error}.")
                continue
            if rule is not None:
                yield rule

    def remarks(self) -> Iterator[str]:
        """Yield a sentence on the fields that are left out."""
        left_out = [
            self._fields[internal_id.lower()].id if internal_id.lower() in self._fields else internal_id
            for internal_id, source in self._document.items()
            if _is_input(source)
        ]
        if left_out:
            yield f"{DRAWN_SETTING}: left out, because inputs of the integration fill them: {', '.join(left_out)}."

    def _rule(self, field: PersonField, source: Any) -> Rule | None:
        """Return the rule of one field; None if its mapping is empty.

        Raises ValueError, with the problem, if it cannot be used.
        """
        kind, value = (source.get("type"), source.get("value")) if isinstance(source, Mapping) else (None, None)
        origin = f"{DRAWN} (integration {self._integration})"
        fitting = field_fit(field, self._schema)
        if kind == "attribute" and (value is None or isinstance(value, str)):
            if value is None or not value.strip():
                return None
            return Rule(field, value, compile_native(value), fitting, reads=native_paths_read(value), origin=origin)
        if kind == "value":
            try:
                constant = None if is_empty(value) else fitting(value)
                return None if is_empty(constant) else Rule(field, None, None, fitting, constant, origin=origin)
            except ValueRejected as error:
                raise ValueError(f"the constant {error}") from None
        raise ValueError(f"a mapping of the type {kind} is not supported")


def _is_input(source: Any) -> bool:
    return isinstance(source, Mapping) and source.get("type") in _INPUTS
