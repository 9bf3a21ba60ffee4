"""Turns a mapping drawn in Oomnitza for one of its integrations into rules.

Its shape, as Oomnitza's own connector reads it (https://github.com/Oomnitza/oomnitza-connector): `{"<internal id>": {"type": "attribute",
"value": "profile.email"}}`. An attribute is a Jinja expression over the vendor's record, a value is a constant; two further types
come from the inputs of the integration itself.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from destination_oomnitza.mapping.expressions import compile_native, native_paths_read
from destination_oomnitza.mapping.rules import Rule, field_fit
from destination_oomnitza.mapping.values import ValueRejected
from destination_oomnitza.person_schema import PersonField, PersonSchema
from destination_oomnitza.planning.problems import Problems

DRAWN_SETTING = "Mapping drawn in Oomnitza (integration_mapping)"
DRAWN = "drawn in Oomnitza"
"""How the origin of such a rule begins."""
_INPUTS = ("catalog_input", "credential_input")


class DrawnMapping:
    """Reads the mapping of one integration. `document`: Oomnitza's answer, or None."""

    def __init__(self, integration: int, document: Any, schema: PersonSchema) -> None:
        self._integration = integration
        self._document: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
        self._schema = schema
        self._fields = {each.internal_id.lower(): each for each in schema.fields.values() if each.internal_id}

    def rules(self, overruled: Container[str], problems: Problems) -> Iterator[Rule]:
        """Yield a rule for each field that is drawn. `overruled`: ids of fields that have a rule of their own."""
        if not self._document:
            problems.add(
                f"{DRAWN_SETTING}: Oomnitza has no mapping for the integration {self._integration}. Take the id from the address of the "
                f"integration's page (/settings/connectors?id=...), and see whether fields are mapped there."
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
        """Yield a sentence on what is left out."""
        left_out = [
            self._fields[internal_id.lower()].id if internal_id.lower() in self._fields else internal_id
            for internal_id, source in self._document.items()
            if _is_input(source)
        ]
        if left_out:
            yield f"{DRAWN_SETTING}: left out, for they are filled from inputs of the integration itself: {', '.join(left_out)}."

    def _rule(self, field: PersonField, source: Any) -> Rule | None:
        """Return the rule of one field, None if nothing is given for it. Raises ValueError with what is wrong."""
        kind, value = (source.get("type"), source.get("value")) if isinstance(source, Mapping) else (None, None)
        origin = f"{DRAWN} (integration {self._integration})"
        fitting = field_fit(field, self._schema)
        if kind == "attribute" and (value is None or isinstance(value, str)):
            if value is None or not value.strip():
                return None
            return Rule(field, value, compile_native(value), fitting, reads=native_paths_read(value), origin=origin)
        if kind == "value":
            try:
                return (
                    None
                    if value is None or value == ""
                    else Rule(field, None, None, fitting, fitting(value), origin=origin)
                )
            except ValueRejected as error:
                raise ValueError(f"the constant {error}") from None
        raise ValueError(f"a mapping of the type {kind} is not known")


def _is_input(source: Any) -> bool:
    return isinstance(source, Mapping) and source.get("type") in _INPUTS
