"""Turns the mistakes in a configuration into sentences for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from destination_oomnitza.config.unknown_settings import tags

_PLAIN = {
    "missing": "is missing",
    "union_tag_not_found": "does not name one of the options",
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
    """Return one sentence for each setting that is wrong.

    Values are never quoted: one of them could be a secret that was pasted into the wrong field.
    """
    places: dict[tuple[int | str, ...], tuple[str, list[tuple[str, Mapping[str, Any]]]]] = {}
    for each in error.errors(include_input=False, include_url=False):
        path, title = _place(model, each["loc"])
        places.setdefault(path, (title, []))[1].append((each["type"], each.get("ctx", {})))
    return [
        # A mistake of several settings together names them itself.
        f"{title} ({'.'.join(map(str, path))}) {_what(kinds)}." if path else f"{_what(kinds)}."
        for path, (title, kinds) in places.items()
    ]


def _what(kinds: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """Return the mistake of one setting; each member of a union has its own error."""
    types = list(dict.fromkeys(_TYPES[kind] for kind, _ in kinds if kind in _TYPES))
    plain = [_PLAIN[kind].format(**context) for kind, context in kinds if kind in _PLAIN]
    if plain:
        return plain[0]
    if not types:
        return "is not valid; compare it with the documentation"
    return "must be " + (f"{', '.join(types[:-1])} or {types[-1]}" if len(types) > 1 else types[0])


def _place(model: type[BaseModel], loc: Iterable[int | str]) -> tuple[tuple[int | str, ...], str]:
    """Return the path of a setting in the configuration, and its title in the form."""
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
        else:  # the member of a union that pydantic tried
            current = next((option for option in get_args(current) if step in tags(option)), None)
    return tuple(path), " > ".join(titles)
