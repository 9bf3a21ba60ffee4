"""Tests of mappings drawn in Oomnitza, as rules by internal ids."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.config.models import Config
from destination_oomnitza.mapping.record_mapping import RecordRejected
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from hypothesis import given
from hypothesis import strategies as st

OFFICES = [{"key": "1", "value": "Boston"}, {"key": "2", "value": "Rome"}]
INSTANCE = PersonSchema.parse(
    {
        "cost_centre": {"label": "Cost Centre", "data_type": "integer", "internal_id": "c" * 32},
        "office": {"label": "Office", "data_type": "STR", "internal_id": "d" * 32, "searchhelp": OFFICES},
        "remote": {"label": "Remote", "data_type": "boolean", "internal_id": "e" * 32},
    }
)
RECORD = {
    "name": "ada",
    "profile": {"email": "ada@acme.example", "Cost Centre": 7, "a.b": "dotted"},
    "is_remote": False,
    "first name": "Ada",
}
DRAWN: dict[str, Any] = {
    "USER": {"type": "attribute", "value": "name"},
    "EMAIL": {"type": "attribute", "value": "profile.email"},
    "FIRST_NAME": {"type": "attribute", "value": "{{ first_SPACE_name }}"},
    "LAST_NAME": {"type": "attribute", "value": 'profile["a.b"]'},
    "PERMISSIONS_ID": {"type": "value", "value": "25"},
    "C" * 32: {"type": "attribute", "value": "profile.Cost_SPACE_Centre"},
    "d" * 32: {"type": "value", "value": "boston"},
    "e" * 32: {"type": "attribute", "value": "is_remote"},
}
Planned = Callable[..., StreamPlan]


def planned(document: Any, **settings: Any) -> StreamPlan:
    config = {
        "instance_url": "acme",
        "credentials": {"auth_type": "api_token", "api_token": "made up"},
        "integration_mapping": 268,
        **settings,
    }
    (plan,) = plan_streams(Config.parse(config), INSTANCE, [Stream("users")], {268: document})
    return plan


def mistakes(document: Any, **settings: Any) -> str:
    with pytest.raises(AirbyteTracedException) as caught:
        planned(document, **settings)
    return str(caught.value.message)


def test_drawn_rules_fill_fields_by_internal_id_and_type() -> None:
    mapped = planned(DRAWN).mapping(RECORD)
    assert mapped is not None
    assert mapped.fields == {
        "username": "ada",
        "email": "ada@acme.example",
        "first_name": "Ada",
        "last_name": "dotted",
        "role": 25,
        "cost_centre": 7,
        "office": "Boston",
        "remote": False,
    }


def test_drawn_rule_wins_over_smart_and_loses_to_own_rule() -> None:
    settings = {"field_mapping": [{"field": "first_name", "value": "nick"}]}
    plan = planned({**DRAWN, "POSITION": {"type": "attribute", "value": "job"}}, **settings)
    origins = {name: (rule.expression, rule.origin) for name, rule in plan.mapping.rules.items()}
    assert origins["position"] == ("job", "drawn in Oomnitza (integration 268)")
    assert origins["first_name"] == ("nick", "your field mapping")
    assert origins["phone_number"] == ("phone", "smart mapping")


def test_drawn_constant_counts_as_a_role_of_new_people() -> None:
    assert planned(DRAWN, smart_mapping=False).creates


def test_inputs_of_the_integration_are_left_out_with_a_remark() -> None:
    inputs = {"ADDRESS": {"type": "catalog_input", "value": "x"}, "PHONE": {"type": "credential_input", "value": "y"}}
    plan = planned({**DRAWN, **inputs})
    assert "address" not in plan.mapping.rules
    assert plan.mapping.rules["phone_number"].origin == "smart mapping"
    (remark,) = [each for each in plan.remarks if "drawn" in each]
    assert remark.endswith("left out, because inputs of the integration fill them: address, phone_number.")


def test_empty_attribute_is_no_rule() -> None:
    for source in (
        {"type": "attribute", "value": " "},
        *({"type": "value", "value": each} for each in (None, "", " ")),
    ):
        assert "address" not in planned({**DRAWN, "ADDRESS": source}).mapping.rules


@pytest.mark.parametrize("document", [None, {}, [], "x"])
def test_integration_without_a_mapping_is_named(document: Any) -> None:
    assert (
        "Mapping drawn in Oomnitza (integration_mapping): Oomnitza has no mapping for the integration 268."
        in mistakes(document)
    )


@pytest.mark.parametrize(
    ("internal_id", "source", "sentence"),
    [
        ("f" * 32, {"type": "attribute", "value": "x"}, f"Oomnitza reports no field with the internal id {'f' * 32}"),
        ("POSITION", {"type": "attribute", "value": "{{ x"}, "field position: "),
        ("POSITION", {"type": "attribute", "value": "{{ response.x }}"}, "field position: "),
        (
            "POSITION",
            {"type": "attribute", "value": 5},
            "field position: a mapping of the type attribute is not supported",
        ),
        ("POSITION", {"type": "magic", "value": "x"}, "field position: a mapping of the type magic is not supported"),
        ("POSITION", "title", "field position: a mapping of the type None is not supported"),
        ("d" * 32, {"type": "value", "value": "Paris"}, "field office: the constant "),
        ("PERMISSIONS_ID", {"type": "value", "value": "Wizard"}, "field role: the constant names no role"),
    ],
)
def test_drawn_rule_invalid_is_named_by_its_field(internal_id: str, source: Any, sentence: str) -> None:
    assert sentence in mistakes({**DRAWN, internal_id: source})


def test_overruled_field_may_be_drawn_in_any_way() -> None:
    settings = {"field_mapping": [{"field": "position", "value": "title"}]}
    document = {**DRAWN, "POSITION": {"type": "magic"}}
    assert planned(document, **settings).mapping.rules["position"].expression == "title"


def test_ingest_uses_drawn_rules() -> None:
    plan = planned(DRAWN, write_method={"method": "ingest"})
    assert {rule.field.internal_id for rule in plan.mapping.rules.values()} >= {
        each for each in DRAWN if len(each) < 20
    }


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
sources = st.fixed_dictionaries(
    {"type": st.sampled_from(["attribute", "value", "catalog_input", "x"]), "value": values}
)


@given(st.dictionaries(st.sampled_from([*DRAWN, "POSITION", "G"]) | st.text(max_size=8), sources | values, max_size=5))
def test_document_of_any_kind_is_used_or_named(document: dict[str, Any]) -> None:
    """Any response of an instance becomes rules or a config_error."""
    try:
        plan = planned(document, default_role=25)
    except AirbyteTracedException as error:
        assert "Mapping drawn in Oomnitza (integration_mapping)" in str(error.message)
    else:
        with contextlib.suppress(RecordRejected):  # an expression may fail on a record
            plan.mapping({"name": "ada", "email": "ada@acme.example"})
