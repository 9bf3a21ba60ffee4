"""Tests of new people: a check names all missing and invalid fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import Stream

Plan = Callable[..., StreamPlan]
Mistakes = Callable[..., str]
OFFICES = [{"key": "b1", "value": "Boston"}, {"key": "r1", "value": "Rome"}]
INSTANCE = PersonSchema.parse(
    {
        "role": {"label": "Role", "data_type": "integer", "searchhelp": [{"key": "25", "value": "Employee"}]},
        "first_name": {"label": "First Name", "data_type": "STR", "optional": "0", "length": 8},
        "cost_centre": {"label": "Cost Centre", "data_type": "STR", "optional": "false"},
        "start": {"label": "Start", "data_type": "DATE", "optional": "0", "default_value": "2026-01-01"},
        "badge": {"label": "Badge", "data_type": "STR", "optional": "0", "editable": "0"},
        "office": {"label": "Office", "data_type": "STR", "searchhelp": OFFICES},
        "position": {"label": "Position", "data_type": "STR", "length": 8},
    }
)
ENTRY = {"field": "cost_centre", "value": "cc"}


def test_mandatory_field_that_nothing_fills_is_named(mistakes: Mistakes) -> None:
    sentence = mistakes(instance=INSTANCE, smart_mapping=False, default_role=None)
    assert sentence.startswith(
        "To add people, Oomnitza needs a user name (username), an e-mail address (email), a role, First Name (first_name) and "
        "Cost Centre (cost_centre): add it to the field mapping (field_mapping) or give a role of new people (default_role)."
    )
    assert "start" not in sentence and "badge" not in sentence, "Oomnitza fills the one, and nobody writes the other"


@pytest.mark.parametrize("entry", [ENTRY, {"field": "cost_centre", "default": "K1"}])
def test_mandatory_field_that_is_mapped_or_constant_is_enough(plan: Plan, entry: dict[str, Any]) -> None:
    assert plan(instance=INSTANCE, field_mapping=[entry]).creates


def test_mandatory_field_smart_mapped_by_the_stream_is_enough(plan: Plan) -> None:
    assert plan(Stream("users", properties={"Cost-Centre": {}}), instance=INSTANCE).creates


@pytest.mark.parametrize("flag", ["0", "false", False])
def test_user_name_flagged_uneditable_is_given_to_new_people(plan: Plan, flag: object) -> None:
    """The flag means that user names are never edited, not that new people have none."""
    instance = PersonSchema.parse({"username": {"label": "User Name", "editable": flag, "optional": flag}})
    made = plan(instance=instance)
    assert made.creates and "username" in made.mapping.rules


def test_mode_without_adding_needs_no_fields(plan: Plan) -> None:
    assert not plan(instance=INSTANCE, write_mode="update_only").creates


@pytest.mark.parametrize("given", ["boston", "Boston", "b1", "B1"])
def test_choice_by_key_or_value_is_written_as_the_value(plan: Plan, given: str) -> None:
    made = plan(instance=INSTANCE, field_mapping=[ENTRY, {"field": "office", "default": given}])
    assert made.mapping.rules["office"].default == "Boston"


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"field_mapping": [ENTRY, {"field": "office", "default": "Paris"}]}, "entry for office: the default"),
        (
            {"field_mapping": [ENTRY, {"field": "office", "value": "x", "default": "Paris"}]},
            "entry for office: the default",
        ),
        ({"field_mapping": [ENTRY, {"field": "position", "default": "Nine chars"}]}, "entry for position: the default"),
        ({"field_mapping": [ENTRY], "default_position": "Nine chars"}, "Position of new people (default_position)"),
    ],
)
def test_constant_that_the_field_cannot_take_is_named(mistakes: Mistakes, settings: dict[str, Any], place: str) -> None:
    assert place in mistakes(instance=INSTANCE, **settings)
