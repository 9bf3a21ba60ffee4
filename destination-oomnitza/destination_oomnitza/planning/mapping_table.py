"""Shows the mapping in force as a table of fields and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from destination_oomnitza.mapping.rules import Rule
from destination_oomnitza.mapping.templates import TemplateFailed
from destination_oomnitza.mapping.values import ValueRejected
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_fields import lacking

_LONGEST = 60


def mapping_table(plan: StreamPlan, record: Mapping[str, Any] | None = None) -> str:
    """Return one line per field: its value, and the setting that sets it.

    Values made from fields that the stream lacks are marked. With a record, each line also shows the record's value.
    """
    head = ("Oomnitza field", "value", "set by", "first record")
    rows = [head[: 3 if record is None else 4], *_rows(plan, record)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join("  ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows)


def _rows(plan: StreamPlan, record: Mapping[str, Any] | None) -> Iterator[Sequence[str]]:
    for rule in plan.mapping.rules.values():
        row = (rule.field.id, _source(rule, plan), rule.origin)
        yield row if record is None else (*row, _value(rule, record))
    for name, value in plan.mapping.defaults.items():
        row = (name, f"{value!r}, new people only", f"default_{name}")
        yield row if record is None else (*row, "")


def _source(rule: Rule, plan: StreamPlan) -> str:
    source = f"always {rule.default!r}"
    if rule.expression is not None:
        missing = lacking(rule.reads, plan.stream.properties)
        source = rule.expression + (f" (not in the stream: {', '.join(missing)})" if missing else "")
        source += f", else {rule.default!r}" if rule.default is not None else ""
    marks = {"only if empty": rule.if_empty_only, "empty values too": rule.write_empty, "only if newer": rule.newest}
    return ", ".join([source, *(mark for mark, holds in marks.items() if holds)])


def _value(rule: Rule, record: Mapping[str, Any]) -> str:
    try:
        value = rule.value(record) if rule.value is not None else None
        value = None if value is None else rule.fit(value)
    except (TemplateFailed, ValueRejected) as error:
        return f"(rejected: {error})"
    value = rule.default if value is None or value == "" else value
    text = "(none)" if value is None else str(value)
    text = text.encode(errors="replace").decode()
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
