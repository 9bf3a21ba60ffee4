"""Airbyte's data activation: streams whose fields are Oomnitza's already.

The stream's primary key is the sync key. `destination_catalog` lists the objects, their fields and their keys. The CDK has
neither `discover` for destinations nor a model of its message; its form is the Airbyte protocol's DestinationCatalog.
"""

from __future__ import annotations

from typing import Any

from destination_oomnitza.config.models import Config
from destination_oomnitza.mapping.expressions import field_value
from destination_oomnitza.mapping.record_mapping import MappedRecord, Record, RecordMapping, RecordRejected, SaasRules
from destination_oomnitza.mapping.rules import Rule, field_fit
from destination_oomnitza.person_schema import Kind, PersonField, PersonSchema
from destination_oomnitza.planning.capabilities import capabilities
from destination_oomnitza.planning.model import ExistingPeople, PeoplePlan, SaasPlan, StreamPlan
from destination_oomnitza.planning.new_people import defaults, prove_complete
from destination_oomnitza.planning.problems import Problems, unknown_field
from destination_oomnitza.protocol.catalog import Stream

USER, SAAS_USER = "user", "saas_user"
"""Objects of data activation."""

_PEOPLE_MODES: dict[str, tuple[bool, ExistingPeople]] = {
    "append": (True, "skip"),
    "append_dedup": (True, "write"),
    "update": (False, "write"),
}
_SAAS_MODES = ("append_dedup", "soft_delete")

_TYPES: dict[Kind, dict[str, str]] = {
    Kind.TEXT: {"type": "string"},
    Kind.NUMBER: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.DATE: {"type": "string", "format": "date-time"},
    Kind.UNKNOWN: {"type": "string"},
}


class _Cleared(RecordMapping):
    """Mapping of a stream that "Clear data" sends, which has no records."""

    def __init__(self, stream: Stream) -> None:
        super().__init__([], [], {})
        self._stream = stream

    def __call__(self, record: Record, meta: object = None) -> MappedRecord | None:
        """Raise RecordRejected: data activation offers no overwrite."""
        raise RecordRejected(f"data activation offers no overwrite of {self._stream.object_name}")


def plan_activation(config: Config, schema: PersonSchema, stream: Stream, problems: Problems) -> StreamPlan:
    """Return the plan of a stream that is mapped to an Oomnitza object already."""
    people = _people(config, stream, schema)
    saas = _saas(config, stream)
    cleared = _is_cleared(stream)
    if stream.object_name == SAAS_USER and config.saas is None and not cleared:
        problems.add(
            f"The stream {stream.title} writes SaaS users: choose User plus SaaS user (record_type) and name the application."
        )
    elif people is None and saas is None and not cleared:
        problems.add(_no_such_operation(stream))
    return StreamPlan(
        stream=stream,
        mapping=_Cleared(stream) if cleared else _mapping(config, schema, stream, people, problems),
        filter=None,
        people=people,
        saas=saas,
        write_method=capabilities(config.write_method),
    )


def _is_cleared(stream: Stream) -> bool:
    """Return whether the stream may come from "Clear data".

    Its mode is one that Oomnitza does not offer for its object.
    """
    # If the metadata declares supportsRefreshes, the platform sends overwrite as append with a new generation.
    appends = stream.destination_sync_mode == "append" and stream.is_new_generation
    return stream.destination_sync_mode == "overwrite" or (appends and stream.object_name == SAAS_USER)


def _people(config: Config, stream: Stream, schema: PersonSchema) -> PeoplePlan | None:
    mode = _PEOPLE_MODES.get(stream.destination_sync_mode)
    if stream.object_name != USER or mode is None:
        return None
    # Data activation writes every field, also if a further key found the person.
    return PeoplePlan(
        *mode, update_sync_keys=True, on_identity_change=config.on_identity_change, edit_only=schema.edit_only()
    )


def _saas(config: Config, stream: Stream) -> SaasPlan | None:
    if stream.object_name != SAAS_USER or stream.destination_sync_mode not in _SAAS_MODES or config.saas is None:
        return None
    return SaasPlan(config.saas, deactivates_all=stream.destination_sync_mode == "soft_delete")


def _no_such_operation(stream: Stream) -> str:
    known = [f"{mode} of {USER}" for mode in _PEOPLE_MODES] + [f"{mode} of {SAAS_USER}" for mode in _SAAS_MODES]
    return (
        f"The stream {stream.title} has the mode {stream.destination_sync_mode} of {stream.object_name}, which Oomnitza does not "
        f"offer; choose one of {', '.join(known)}."
    )


def _mapping(
    config: Config, schema: PersonSchema, stream: Stream, people: PeoplePlan | None, problems: Problems
) -> RecordMapping:
    sync_keys = stream.primary_key or tuple(config.sync_keys)
    properties = stream.properties or {}

    def rule(name: str) -> Rule | None:
        if stream.object_name == SAAS_USER and name not in sync_keys:
            return None  # a record of a SaaS user has only the fields that find the person
        if name not in schema.fields and schema.known:
            return None
        field = schema.fields.get(name) or PersonField(name, name, Kind.UNKNOWN)
        return Rule(
            field, name, field_value(name), field_fit(field, schema), reads=frozenset([name]), origin="data activation"
        )

    rules = [made for made in map(rule, dict.fromkeys([*sync_keys, *properties])) if made is not None]
    mapped = {made.field.id for made in rules}
    if stream.object_name == USER:
        for name in sorted(properties.keys() - mapped):
            problems.add(unknown_field(f"The stream {stream.title}", name, schema))
    new = defaults(config, schema, problems) if people is not None and people.creates else {}
    # Without a schema, the fields show in the records. "Clear data" of an update stream may come as append without records.
    if people is not None and people.creates and properties and not stream.is_new_generation:
        prove_complete(mapped | new.keys(), schema, problems)
    return RecordMapping(
        rules,
        sync_keys,
        schema.fields,
        saas=SaasRules(field_value("user_external_id"), field_value("role"))
        if stream.object_name == SAAS_USER
        else None,
        defaults=new,
        dynamic=None if stream.properties else rule,
    )


def destination_catalog(schema: PersonSchema, has_default_role: bool) -> dict[str, Any]:
    """Return the DESTINATION_CATALOG message for an instance with these fields.

    The field `role` is required of new people unless the configuration has a default role.
    """
    fields = {each.id: each for each in schema.fields.values() if each.editable}
    unique = [each for each in schema.fields.values() if each.unique]
    needed = [each.id for each in schema.mandatory() if each.id != "role" or not has_default_role]
    user = {name: _property(each) for name, each in fields.items()}
    known_user = {**{each.id: _property(each) for each in unique}, **user}
    saas_user = {
        **{each.id: _property(each) for each in unique},
        "user_external_id": {"title": "Id in the application", "type": "string"},
        "role": {"title": "Role in the application", "type": "string"},
    }
    keys = [[each.id] for each in unique]
    # Keys that Oomnitza assigns (user_id) cannot add people.
    keys_of_new = [[each.id] for each in unique if each.editable]
    operations = [
        _operation(USER, "append", user, needed, keys_of_new),
        _operation(USER, "append_dedup", user, needed, keys_of_new),
        _operation(USER, "update", known_user, [], keys),
        _operation(SAAS_USER, "append_dedup", saas_user, [], keys),
        _operation(SAAS_USER, "soft_delete", saas_user, [], keys),
    ]
    return {"type": "DESTINATION_CATALOG", "destination_catalog": {"operations": operations}}


def _property(field: PersonField) -> dict[str, str]:
    kind = {"type": "integer"} if field.id == "role" else _TYPES[field.kind]
    return {"title": field.label, **kind}


def _operation(
    name: str, mode: str, properties: dict[str, Any], required: list[str], keys: list[list[str]]
) -> dict[str, Any]:
    return {
        "object_name": name,
        "sync_mode": mode,
        "json_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        },
        "matching_keys": keys,
    }
