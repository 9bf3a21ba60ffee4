"""Tests of paths that a stream cannot have, by its JSON schema."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.planning.stream_fields import lacking
from hypothesis import given
from hypothesis import strategies as st

PROPERTIES: dict[str, Any] = {
    "email": {"type": ["null", "string"]},
    "anything": {},
    "custom_fields": {"type": "object"},
    "profile": {"type": "object", "properties": {"phones": {"type": "array", "items": {"properties": {"number": {}}}}}},
    "open": {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
    "either": {"oneOf": [{"type": "object"}, {"type": "string"}]},
}


@pytest.mark.parametrize(
    "path",
    ["email", "anything.x", "custom_fields.Cost Centre", "profile", "profile.phones.number", "open.b", "either.x", ""],
)
def test_lacking_ignores_possible_paths(path: str) -> None:
    assert lacking([path], PROPERTIES) == []


@pytest.mark.parametrize("path", ["mail", "email.x", "profile.phone", "profile.phones.numbr", "Email"])
def test_lacking_lists_impossible_paths(path: str) -> None:
    assert lacking([path], PROPERTIES) == [path]


@pytest.mark.parametrize("properties", [None, {}])
def test_stream_without_schema_lacks_nothing(properties: Any) -> None:
    assert lacking(["email"], properties) == []


def test_lacking_paths_come_in_order() -> None:
    assert lacking({"z", "email", "a"}, PROPERTIES) == ["a", "z"]


@pytest.mark.parametrize("odd", ["text", 5, None, ["x"], {"properties": "x"}, {"type": 7}, {"items": {"items": 5}}])
def test_odd_schema_lacks_nothing_within(odd: Any) -> None:
    assert lacking(["x.y"], {"x": odd}) == []


schemas = st.recursive(
    st.sampled_from([{}, {"type": "string"}, {"type": ["null", "object"]}, {"type": "object"}, None, 5, "x", []]),
    lambda inner: (
        st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2)})
        | st.fixed_dictionaries({"items": inner})
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("ab"), schemas), st.lists(st.sampled_from(["a", "b", "a.b", "a.a.b", "c", ""])))
def test_lacking_is_a_subset_of_the_paths(properties: dict[str, Any], paths: list[str]) -> None:
    missing = lacking(paths, properties)
    assert set(missing) <= set(paths) and "" not in missing
    assert not [path for path in missing if path in properties]
