"""Tests of the mapping table in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from destination_oomnitza.planning.mapping_table import mapping_table
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import Stream

Plan = Callable[..., StreamPlan]
USERS = Stream("users", properties={"name": {}, "email": {}, "start": {}})
RULES = [
    {"field": "username", "value": "name"},
    {"field": "email", "value": "email", "if_empty_only": True},
    {"field": "position", "value": "job", "default": "Employee", "write_empty": True},
    {"field": "address", "default": "HQ"},
    {"field": "badge", "value": "start", "newest": True},
]


def rows(plan: StreamPlan, record: Any = None) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in mapping_table(plan, record).split("\n")
    ]


def test_table_has_value_and_origin_of_each_field(plan: Plan) -> None:
    made = plan(USERS, smart_mapping=False, field_mapping=RULES)
    assert rows(made) == [
        ["Oomnitza field", "value", "set by"],
        ["username", "name", "your field mapping"],
        ["email", "email, only if empty", "your field mapping"],
        ["position", "job (not in the stream: job), else 'Employee', empty values too", "your field mapping"],
        ["address", "always 'HQ'", "your field mapping"],
        ["badge", "start, only if newer", "your field mapping"],
        ["role", "25, new people only", "default_role"],
    ]


def test_table_names_smart_mapping_as_the_origin(plan: Plan) -> None:
    assert rows(plan())[1] == ["username", "name", "smart mapping"]


def test_table_of_a_test_run_shows_the_first_record(plan: Plan) -> None:
    made = plan(USERS, smart_mapping=False, field_mapping=RULES)
    shown = rows(made, {"name": " ada ", "email": "x" * 100, "job": " ", "start": "no number"})
    assert [row[-1] for row in shown] == [
        "first record",
        "ada",
        "x" * 60 + "…",
        "Employee",
        "HQ",
        "(rejected: is text that cannot be read, and the field needs a number)",
        "default_role",
    ]
