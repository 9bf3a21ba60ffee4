"""Turns a pydantic model into a form of the Airbyte UI."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

# Keys that pydantic adds and the form does not use.
_NOT_OF_THE_FORM = frozenset({"discriminator", "writeOnly", "format"})


class _FormSchema(GenerateJsonSchema):
    """Generates JSON schema without null types and null defaults."""

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        result = super().default_schema(schema)
        if result.get("default", ...) is None:
            del result["default"]
        return result


def specification(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model as a connectionSpecification in draft-07.

    It has no `$ref`, and choices are a `oneOf` of objects with a `const`. Properties with the extra `group: advanced` form a group
    of their own, after all others.
    """
    schema = model.model_json_schema(schema_generator=_FormSchema)
    definitions = schema.pop("$defs", {})
    form: dict[str, Any] = _inlined(schema, definitions)
    form["$schema"] = "http://json-schema.org/draft-07/schema#"
    form["additionalProperties"] = True
    form["groups"] = [{"id": "advanced", "title": "Advanced"}]
    return form


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        merged = {**deepcopy(definitions[name]), **{key: value for key, value in node.items() if key != "$ref"}}
        return _inlined(merged, definitions)
    if "type" in node:  # replaces the union of pydantic by a type that the form can show
        node = {key: value for key, value in node.items() if key != "anyOf"}
    if "oneOf" in node:
        node = {"type": "object", **node}
    return {
        key: {name: _inlined(each, definitions) for name, each in value.items()}
        if key == "properties"
        else _inlined(value, definitions)
        for key, value in node.items()
        if key not in _NOT_OF_THE_FORM
    }
