"""Draws the form that Airbyte's UI makes of a connector's settings, as text.

The rules are those of airbyte-platform: `schemaToFormBlock.ts`, `useGroupsAndSections.tsx` and `OrderComparator`, under
https://github.com/airbytehq/airbyte-platform/tree/main/airbyte-webapp/src (read in August 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key
from itertools import groupby
from typing import Any, Literal

OPTIONAL_FIELDS = "▸ Optional fields"
_INDENT = "  "


class FormBuildError(ValueError):
    """Reports settings for which the UI shows an error instead of a form."""


@dataclass
class Block:
    """Holds one setting, as the form treats it."""

    key: str
    schema: dict[str, Any]
    kind: Literal["item", "group", "condition", "array"]
    required: bool
    parts: list[Block] = field(default_factory=list)
    """Settings of a group, options of a condition, or settings of an array's entry."""

    @property
    def title(self) -> str:
        """Return the name that people read."""
        return str(self.schema.get("title") or self.key)

    @property
    def order(self) -> int | None:
        """Return the position among the other settings."""
        return self.schema.get("order")

    @property
    def is_hidden(self) -> bool:
        """Return whether the form hides it, as the constant of an option."""
        return "const" in self.schema

    @property
    def stands_open(self) -> bool:
        """Return whether the field is visible before anything is opened."""
        always = self.required or bool(self.schema.get("always_show"))
        return always or self.kind in ("condition", "group") or self.is_hidden


def form_block(schema: dict[str, Any], key: str = "", required: bool = True) -> Block:
    """Return the block of a setting. Raises FormBuildError if the form cannot show it."""
    if schema.get("oneOf"):
        options = [form_block({**option, "type": schema.get("type")}, key) for option in schema["oneOf"]]
        if any(option.kind != "group" for option in options):
            raise FormBuildError(f"{key}: oneOf with options that are no objects")
        shared = [{part.key for part in option.parts if part.schema.get("const")} for option in options]
        if not set.intersection(*shared):
            raise FormBuildError(f"{key}: oneOf without a const that all options share")
        return Block(key, schema, "condition", required, options)
    items = schema.get("items")
    if schema.get("type") == "array" and isinstance(items, dict) and items.get("type") == "object":
        return Block(key, schema, "array", required, [form_block(items, key)])
    if schema.get("type") == "object":
        needed = schema.get("required", [])
        parts = [form_block(each, name, name in needed) for name, each in schema.get("properties", {}).items()]
        return Block(key, schema, "group", required, parts)
    return Block(key, schema, "item", required)


def initial_values(group: Block) -> dict[str, Any]:
    """Return the form's first values (`setDefaultValues` in `useBuildForm.tsx`)."""
    values: dict[str, Any] = {}
    for part in group.parts:
        for name in ("const", "default"):
            if name in part.schema:
                values[part.key] = part.schema[name]
        if part.kind == "group":
            values[part.key] = initial_values(part)
        elif part.kind == "array" and part.required:
            values[part.key] = []
        elif part.kind == "condition":
            values[part.key] = initial_values(_chosen(part))
    return values


def _chosen(condition: Block) -> Block:
    """Return the option chosen first: the one of the default, else the first one."""
    default = condition.schema.get("default")
    named = [option for option in condition.parts for part in option.parts if part.schema.get("const") == default]
    return named[0] if default is not None and named else condition.parts[0]


def draw(spec: dict[str, Any], own_field: str) -> list[str]:
    """Return the lines of a specification's form, below the UI's own field."""
    root = form_block(spec)
    titles = {group["id"]: group["title"] for group in spec.get("groups", [])}
    lines = [own_field]
    for group in sorted({_group(block) for block in root.parts}, key=lambda name: name == "advanced"):
        blocks = [block for block in root.parts if _group(block) == group]
        title = titles.get(group)
        if title and not any(block.stands_open for block in blocks):
            lines += [f"▸ {title}", *list(_lines(blocks))[1:]]  # the card itself is closed
        else:
            lines += [*([f"── {title} ──"] if title else []), *_lines(blocks)]
    return lines


def _group(block: Block) -> str:
    return str(block.schema.get("group") or "default")


def _lines(blocks: Sequence[Block]) -> Iterator[str]:
    ordered = sorted(blocks, key=cmp_to_key(_compare))
    for stands_open, section in groupby(ordered, key=lambda block: block.stands_open):
        if stands_open:
            for block in section:
                yield from _field(block)
        else:
            yield OPTIONAL_FIELDS
            for block in section:
                yield from (_INDENT + line for line in _field(block))


def _field(block: Block) -> Iterator[str]:
    if block.is_hidden:
        return
    if block.kind == "item":
        yield block.title
    elif block.kind == "group":
        yield from _lines(block.parts)
    elif block.kind == "array":
        yield f"{block.title} [Add]"
        for part in block.parts:
            yield from (_INDENT + line for line in _lines(part.parts))
    else:
        yield f"{block.title} [{' | '.join(option.title for option in block.parts)}]"
        for option in block.parts:
            inner = list(_lines(option.parts))
            if inner:
                yield f"{_INDENT}{option.title}:"
                yield from (2 * _INDENT + line for line in inner)


def _compare(one: Block, other: Block) -> int:
    """Compare as the UI does: open fields first, then by order, then by name."""
    if one.stands_open != other.stands_open:
        return -1 if one.stands_open else 1
    if one.order is not None and other.order is not None:
        return one.order - other.order
    if (one.order is None) != (other.order is None):
        return 1 if one.order is None else -1
    return (one.key > other.key) - (one.key < other.key)
