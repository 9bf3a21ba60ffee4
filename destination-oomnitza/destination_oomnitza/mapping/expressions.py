"""Expressions over a record: dotted paths and templates, compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from destination_oomnitza.mapping.templates import (
    compile_native_template,
    compile_template,
    is_template,
    template_paths,
)

Value = Callable[[Mapping[str, Any]], Any]
Condition = Callable[[Mapping[str, Any]], bool]

_STEP = re.compile(r"([^.\[\]]+)((?:\[\d+\])*)")
_INDEX = re.compile(r"\[(\d+)\]")
# Texts that mean "no": a template always returns text, and some sources send flags as text.
_FALSE = frozenset({"", "false", "0", "0.0", "no", "none", "null", "[]", "{}", "()"})


def path_steps(path: str) -> list[str | int]:
    """Split `profile.fields[0].name` into its steps. Raises ValueError for other text."""
    steps: list[str | int] = []
    for part in path.split("."):
        match = _STEP.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{path!r} is not a path; a path looks like profile.fields[0].name")
        steps.append(match[1])
        steps.extend(int(index) for index in _INDEX.findall(match[2]))
    return steps


def field_value(name: str) -> Value:
    """Return a function from a record to the value of one field, whatever its name."""
    return lambda record: record.get(name)


def _compile_path(path: str) -> Value:
    steps = path_steps(path)
    if len(steps) == 1:
        return field_value(str(steps[0]))

    def walk(record: Mapping[str, Any]) -> Any:
        # A missing step is null, and so is every step after it.
        current: Any = record
        for step in steps:
            if isinstance(step, str):
                current = current.get(step) if isinstance(current, dict) else None
            else:
                current = current[step] if isinstance(current, list) and step < len(current) else None
        return current

    return walk


def compile_value(text: str) -> Value:
    """Return a function from a record to the value of a path or a template.

    A path returns the value as it is, a template returns text. Raises ValueError, with the problem, if the path or template
    does not compile. The function raises TemplateFailed if the template fails on a record.
    """
    return compile_template(text) if is_template(text) else _compile_path(text)


def compile_native(text: str) -> Value:
    """Return a function from a record to the value of a drawn attribute, in its type.

    Such an attribute of a mapping drawn in Oomnitza is an expression with or without braces: `profile.email`,
    `{{ profile["first_name"] }}`. Raises as `compile_value`.
    """
    return compile_native_template(_in_braces(text))


def native_paths_read(text: str) -> frozenset[str]:
    """Return the paths that a drawn attribute reads, as `paths_read`."""
    return template_paths(_in_braces(text), native=True)


def _in_braces(text: str) -> str:
    return text if is_template(text) else f"{{{{ {text} }}}}"


def paths_read(text: str) -> frozenset[str]:
    """Return the paths that a path or template reads; "" is the whole record.

    The paths have no indices: `profile.phones[0].number` reads `profile.phones.number`. Raises as `compile_value`.
    """
    if is_template(text):
        return template_paths(text)
    return frozenset([".".join(step for step in path_steps(text) if isinstance(step, str))])


def compile_condition(text: str) -> Condition:
    """Return a function that evaluates a path or template as true or false.

    Raises as `compile_value`.
    """
    value = compile_value(text)

    def holds(record: Mapping[str, Any]) -> bool:
        result = value(record)
        if isinstance(result, str):
            return result.strip().lower() not in _FALSE
        return bool(result)

    return holds
