"""Compares the fields that a mapping reads with a stream's schema. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_COMPOUND = frozenset({"anyOf", "oneOf", "allOf", "$ref"})


def lacking(paths: Iterable[str], properties: Mapping[str, Any] | None) -> list[str]:
    """Return the paths that a stream with these properties cannot have, sorted.

    Without properties none is lacking. Paths have no indices; "" is the whole record.
    """
    if not properties:
        return []
    return sorted(path for path in paths if path and not _may_have(path.split("."), properties))


def _may_have(steps: list[str], properties: Mapping[str, Any]) -> bool:
    for place, step in enumerate(steps):
        if step not in properties:
            return False
        rest = place + 1 < len(steps)
        node = _element(properties[step])
        if rest and not _holds_more(node):
            return False
        inner = node.get("properties")
        # An object that declares no fields, or only some of them, may have any field.
        if not isinstance(inner, Mapping) or not inner or node.get("additionalProperties"):
            return True
        properties = inner
    return True


def _element(node: Any) -> Mapping[str, Any]:
    """Return the schema of a value, or that of its elements if it is a list."""
    while isinstance(node, Mapping) and isinstance(node.get("items"), Mapping):
        node = node["items"]
    return node if isinstance(node, Mapping) else {}


def _holds_more(node: Mapping[str, Any]) -> bool:
    types = node.get("type")
    declared = {types} if isinstance(types, str) else set(types) if isinstance(types, list) else set()
    return not declared or bool(declared & {"object", "array"}) or not _COMPOUND.isdisjoint(node)
