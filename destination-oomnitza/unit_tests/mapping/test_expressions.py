from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.mapping.expressions import compile_condition, compile_value, field_value
from hypothesis import given
from hypothesis import strategies as st

RECORD: dict[str, Any] = {
    "title": "Engineer",
    "zero": 0,
    "null": None,
    "first name": "Ada",
    "profile": {"fields": [{"name": "T-shirt"}, {"name": "Desk"}], "grid": [[1, 2], [3]], "title": None},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", "Engineer"),
        (" title ", "Engineer"),
        ("first name", "Ada"),
        ("zero", 0),
        ("null", None),
        ("missing", None),
        ("profile.fields[0].name", "T-shirt"),
        ("profile.fields[1].name", "Desk"),
        ("profile.grid[0][1]", 2),
        ("profile.grid[1]", [3]),
        ("profile.fields[2].name", None),
        ("profile.fields.name", None),
        ("profile.title.more", None),
        ("profile[0]", None),
        ("title.more", None),
        ("title[0]", None),
        ("missing.more[3].most", None),
        ("null.more", None),
        ("zero.more", None),
    ],
)
def test_path_returns_value_or_none(path: str, value: Any) -> None:
    assert compile_value(path)(RECORD) == value


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "[0]", "a]b", 'a["b"]', "a[0]b"])
def test_path_invalid_is_value_error(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path; a path looks like"):
        compile_value(path)


names = st.text(st.characters(exclude_characters=".[]{}", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=5)


@given(st.lists(names | st.integers(0, 3), min_size=1, max_size=5), st.integers())
def test_path_finds_value_at_its_place(steps: list[str | int], value: int) -> None:
    steps = ["root", *steps]
    node: Any = value
    for step in reversed(steps):
        node = {step: node} if isinstance(step, str) else [None] * step + [node]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)[1:]
    assert compile_value(path)(node) == value
    assert compile_value(path)({"other": 1}) is None


def test_value_of_path_keeps_type_of_template_is_text() -> None:
    assert compile_value("zero")(RECORD) == 0
    assert compile_value("{{ record['zero'] }}")(RECORD) == "0"


@pytest.mark.parametrize("name", ["a.b", "a[0]", "{{ x }}", "a b", ""])
def test_field_value_accepts_any_name(name: str) -> None:
    assert field_value(name)({name: 5}) == 5


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        (True, True), (False, False), (1, True), (0, False), (0.0, False), (None, False), ("", False), (" ", False),
        ("true", True), ("True", True), ("false", False), (" False ", False), ("0", False), ("1", True), ("no", False),
        ("yes", True), ("none", False), ("null", False), ("TERMINATED", True), ([], False), ([0], True), ({}, False),
    ],
)  # fmt: skip
def test_condition_of_path_is_true_or_false(value: Any, truth: bool) -> None:
    assert compile_condition("x")({"x": value}) is truth
    if not isinstance(value, (list, dict)) or not value:
        assert compile_condition("{{ record['x'] }}")({"x": value}) is truth


def test_condition_of_template_is_true_or_false() -> None:
    inactive = compile_condition("{{ record['status'] == 'TERMINATED' }}")
    assert inactive({"status": "TERMINATED"}) is True
    assert inactive({"status": "ACTIVE"}) is False
    assert inactive({}) is False
    assert compile_condition("{{ not record['is_bot'] }}")({}) is True
    assert compile_condition("missing")({}) is False
