"""A pydantic model as a form of the Airbyte UI, and its mistakes as sentences for the person who filled the form in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

# Said by pydantic for OpenAPI and for its own files; the form knows none of them.
_NOT_OF_THE_FORM = frozenset({"discriminator", "writeOnly", "format"})


class _FormSchema(GenerateJsonSchema):
    """JSON schema as the form wants it: no null types, no null defaults."""

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        result = super().default_schema(schema)
        if result.get("default", ...) is None:
            del result["default"]
        return result


def specification(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model as a connectionSpecification: draft-07, without `$ref`, choices as `oneOf` with `const`.

    Properties with the extra `group: advanced` stand in a group of their own, after all others.
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
    if "type" in node:  # a type that the form can show stands for the union that pydantic would list
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


# -- mistakes ----------------------------------------------------------------------------------------------------------

_PLAIN = {
    "missing": "is missing",
    "union_tag_not_found": "does not say which of the options is chosen",
    "extra_forbidden": "is not a setting of this version; see whether it is misspelt",
    "too_short": "is empty; it needs at least one entry",
    "string_too_short": "is empty",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be one of {expected}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "value_error": "{error}",
}
_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "model_type": "a group of settings",
    "model_attributes_type": "a group of settings",
}


def sentences(model: type[BaseModel], error: ValidationError) -> list[str]:
    """Return one plain sentence for each place that is wrong.

    Values are never quoted: one of them could be a secret that was pasted into the wrong field.
    """
    places: dict[tuple[int | str, ...], tuple[str, list[tuple[str, Mapping[str, Any]]]]] = {}
    for each in error.errors(include_input=False, include_url=False):
        path, title = _place(model, each["loc"])
        places.setdefault(path, (title, []))[1].append((each["type"], each.get("ctx", {})))
    return [f"{title} ({'.'.join(map(str, path))}) {_what(kinds)}." for path, (title, kinds) in places.items()]


def _what(kinds: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """Say what is wrong with one place; of a union, each member has told what it needs."""
    types = list(dict.fromkeys(_TYPES[kind] for kind, _ in kinds if kind in _TYPES))
    told = [_PLAIN[kind].format(**context) for kind, context in kinds if kind in _PLAIN]
    if told:
        return told[0]
    if not types:
        return "is not right; compare it with the documentation"
    return "must be " + (f"{', '.join(types[:-1])} or {types[-1]}" if len(types) > 1 else types[0])


def _place(model: type[BaseModel], loc: Iterable[int | str]) -> tuple[tuple[int | str, ...], str]:
    """Return the path of a setting as the configuration has it, and its name as the form has it."""
    path: list[int | str] = []
    titles: list[str] = []
    current: Any = model
    for step in loc:
        fields = getattr(current, "model_fields", {})
        if step in fields:
            path.append(step)
            titles.append(str(fields[step].title or step))
            current = fields[step].annotation
        elif isinstance(step, int):
            path.append(step)
            titles.append(f"entry {step + 1}")
            current = next(iter(get_args(current)), None)
        elif isinstance(current, type) and issubclass(current, BaseModel):  # a setting that there is not
            path.append(step if re.fullmatch(r"\w{1,60}", step) else "?")
            titles.append(str(path[-1]))
        else:  # pydantic names the member of a union that it tried
            current = next((option for option in get_args(current) if step in _tags(option)), None)
    return tuple(path), " > ".join(titles)


def _tags(option: Any) -> set[str]:
    literals = [field.annotation for field in getattr(option, "model_fields", {}).values()]
    return {tag for literal in literals for tag in get_args(literal) if isinstance(tag, str)}
