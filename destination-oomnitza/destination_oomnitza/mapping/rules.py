"""Rules of a mapping: the value of each field, set or by smart mapping.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from destination_oomnitza.config.models import FieldMapping
from destination_oomnitza.mapping.expressions import Value, compile_value, field_value, paths_read
from destination_oomnitza.mapping.templates import TemplateFailed
from destination_oomnitza.mapping.values import ValueRejected, fit
from destination_oomnitza.normalize import clean_text, letters_and_digits
from destination_oomnitza.person_schema import Kind, PersonField, PersonSchema

# Oomnitza field <- field of the stream, always.
SMART_FIELDS = {
    "username": "name",
    "email": "email",
    "first_name": "first_name",
    "last_name": "last_name",
    "phone_number": "phone",
    "position": "title",
}
# Label of a field in Oomnitza's own Slack integration <- field of the stream.
SLACK_LABELS = {
    "Slack User Id": "id",
    "Is Admin?": "is_admin",
    "Deleted?": "deleted",
    "Is bot user?": "is_bot",
    "Is restricted (guest) user?": "is_restricted",
    "Is ultra restricted (single channel only) user?": "is_ultra_restricted",
    "Skype": "skype",
    "Team ID": "team_id",
}
INSTEAD = {"id": "user_id"}
"""Field that has the person's id in Slack's streams of logins, billing and activity, by its name in `users`."""
SMART_MAPPING = "smart mapping"
# Differs in every sync and would cost one write per person, so only an explicit rule maps it.
NEVER_SMART = "connector_sync_time"


@dataclass(frozen=True)
class Rule:
    """Rule for the value of one Oomnitza field."""

    field: PersonField
    expression: str | None
    value: Value | None
    fit: Callable[[Any], Any]
    default: Any = None
    if_empty_only: bool = False
    write_empty: bool = False
    newest: bool = False
    reads: frozenset[str] = frozenset()
    """Paths of the record that the value is made from; "" is the whole record."""
    origin: str = SMART_MAPPING

    @property
    def empty(self) -> Any:
        """Value that empties the field.

        That is "" for text fields, because the OpenAPI document has no nullable text, and null for others.
        """
        return "" if self.field.kind is Kind.TEXT else None

    def reads_any(self, paths: Iterable[str]) -> bool:
        """Return whether the value depends on one of these paths, or on a part of it."""
        return any(_overlap(mine, path) for mine in self.reads for path in paths)


def _overlap(one: str, other: str) -> bool:
    return one in ("", other) or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _role_fit(schema: PersonSchema) -> Callable[[Any], Any]:
    known: dict[Any, int] = {}

    def role(value: Any) -> Any:
        if isinstance(value, str):
            value = clean_text(value)
            if not value:
                return value
        if isinstance(value, (bool, list, dict)):
            raise ValueRejected("is not a role; a role is an id or a name")
        if value not in known:
            try:
                known[value] = schema.role_id(value)
            except ValueError as error:
                raise ValueRejected(f"names no role: {error}") from None
        return known[value]

    return role


def field_fit(target: PersonField, schema: PersonSchema) -> Callable[[Any], Any]:
    """Return the function that converts a value to the field's type.

    It raises ValueRejected. A role may be an id or a name.
    """
    return _role_fit(schema) if target.id == "role" else fit(target)


def _holds_one_value(declared: Any) -> bool:
    types = declared.get("type") if isinstance(declared, Mapping) else None
    kinds = {each for each in (types if isinstance(types, list) else [types]) if isinstance(each, str)}
    return not kinds or not kinds <= {"object", "array", "null"}


def _present(source: str, properties: Mapping[str, Any]) -> str:
    """Return the field that smart mapping reads, or the one that replaces it."""
    other = INSTEAD.get(source)
    return other if other is not None and other in properties and source not in properties else source


def _first_of(source: str, other: str) -> Value:
    return lambda record: record.get(source, record.get(other))


def smart_rules(schema: PersonSchema, properties: Mapping[str, Any]) -> list[Rule]:
    """Return the rules of smart mapping for a stream.

    `properties` are those of its JSON schema.
    """
    sources = dict(SMART_FIELDS)
    # Leaves out names without letters and digits, which would all be equal, and objects and lists, which fit no field.
    by_name = {
        letters_and_digits(name): name
        for name, declared in properties.items()
        if name != NEVER_SMART and letters_and_digits(name) and _holds_one_value(declared)
    }
    by_label = {letters_and_digits(label): _present(source, properties) for label, source in SLACK_LABELS.items()}
    for each in schema.fields.values():
        if each.standard:
            continue
        label = letters_and_digits(each.label)
        source = by_name.get(label) or by_name.get(letters_and_digits(each.id)) or by_label.get(label)
        if source is not None:
            sources[each.id] = source
    return [
        Rule(
            schema.fields[name],
            source,
            field_value(source) if properties or source not in INSTEAD else _first_of(source, INSTEAD[source]),
            field_fit(schema.fields[name], schema),
            reads=frozenset([source]),
        )
        for name, source in sources.items()
        if name in schema.fields and schema.fields[name].editable
    ]


def explicit_rule(entry: FieldMapping, schema: PersonSchema) -> Rule:
    """Return the rule of one entry of the configured field mapping.

    Raises ValueError, with the problem but without the entry's name, if the value does not compile or the default does not fit
    its field.
    """
    target = schema.fields.get(entry.field) or PersonField(entry.field, entry.field, Kind.UNKNOWN)
    fitting = field_fit(target, schema)
    try:
        value = compile_value(entry.value) if entry.value is not None else None
    except TemplateFailed as error:
        raise ValueError(f"the template does not compile: {error}") from None
    try:
        default = None if entry.default is None else fitting(entry.default)
    except ValueRejected as error:
        raise ValueError(f"the default {error}") from None
    return Rule(
        target,
        entry.value,
        value,
        fitting,
        default,
        entry.if_empty_only,
        entry.write_empty,
        entry.newest,
        frozenset() if entry.value is None else paths_read(entry.value),
        origin="your field mapping",
    )
