"""Provides a record, and renders a template over it."""

from __future__ import annotations

from typing import Any

from destination_oomnitza.mapping.templates import compile_template

RECORD: dict[str, Any] = {
    "name": "ada",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "phone": "+15551234567",
    "n": 7,
    "none": None,
    "flag": True,
    "list": [1, 2, 3],
    "profile": {"title": "Engineer", "fields": [{"name": "T-shirt", "value": "M"}]},
}


def render(text: str, record: dict[str, Any] | None = None) -> str:
    return compile_template(text)(RECORD if record is None else record)
