"""What data activation offers: Oomnitza's objects, their fields and the keys by which records find them.

The CDK has no `discover` for destinations and no model of its message; the form is the Airbyte protocol's DestinationCatalog.
"""

from __future__ import annotations

from typing import Any

from destination_oomnitza.person_schema import REQUIRED, Kind, PersonField, PersonSchema
from destination_oomnitza.planning.stream_plan import SAAS_USER, USER

_TYPES: dict[Kind, dict[str, str]] = {
    Kind.TEXT: {"type": "string"},
    Kind.NUMBER: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.DATE: {"type": "string", "format": "date-time"},
    Kind.UNKNOWN: {"type": "string"},
}


def destination_catalog(metadata: PersonSchema, has_default_role: bool) -> dict[str, Any]:
    """Return the DESTINATION_CATALOG message for an instance with these fields.

    A role is required of new people unless the configuration gives one.
    """
    fields = {each.id: each for each in metadata.fields.values() if each.editable}
    unique = [each for each in metadata.fields.values() if each.unique]
    needed = [name for name in REQUIRED if name in fields and (name != "role" or not has_default_role)]
    needed += [name for name, each in fields.items() if not each.optional and name not in REQUIRED]
    user = {name: _property(each) for name, each in fields.items()}
    known_user = {**{each.id: _property(each) for each in unique}, **user}
    saas_user = {
        **{each.id: _property(each) for each in unique},
        "user_external_id": {"title": "Id in the application", "type": "string"},
        "role": {"title": "Role in the application", "type": "string"},
    }
    keys = [[each.id] for each in unique]
    # Nobody can be added by a key that Oomnitza gives (user_id).
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
