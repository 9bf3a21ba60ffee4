"""Tests of differences between a configuration and that of Airbyte."""

import copy
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bundle.reconcile import differences
from integration_tests.sandbox.airbyte_api import MASK

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="*", codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert differences(value, copy.deepcopy(value)) == []


@example({"": {}}, "", {"": None})
@given(st.dictionaries(st.text(max_size=3), json_values, max_size=4), st.text(max_size=3), json_values)
def test_changed_place_alone_is_named(value: dict[str, Any], key: str, new: Any) -> None:
    changed = {**value, key: new}
    places = differences(changed, value)
    same = json.dumps(without_nulls(changed), sort_keys=True) == json.dumps(without_nulls(value), sort_keys=True)
    assert (places == []) == same
    assert all(place.startswith(key) for place in places)


def without_nulls(value: Any) -> Any:
    """Return the value without null keys, which Airbyte does not save."""
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return value


def test_mask_hides_a_secret_but_not_its_absence() -> None:
    assert differences({"api_token": "abc"}, {"api_token": MASK}) == []
    assert differences({}, {"api_token": MASK}) == ["api_token"]
    assert differences({"api_token": 5}, {"api_token": MASK}) == ["api_token"]
    assert differences({"flag": 1}, {"flag": True}) == ["flag"]
