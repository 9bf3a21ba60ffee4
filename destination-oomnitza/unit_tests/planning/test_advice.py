"""Tests of advice on plans that work but probably do not do what was meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from destination_oomnitza.config.models import Config
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import plan_check
from destination_oomnitza.protocol.catalog import Stream

Plan = Callable[..., StreamPlan]
USERS = Stream("users", properties={name: {} for name in ("id", "name", "mail", "deleted", "profile", "is_bot")})
SAAS = {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack"}}
DEACTIVATE = {"write_method": {"method": "rest", "deactivate_missing": True}}


@pytest.mark.parametrize(
    ("settings", "sentences"),
    [
        ({}, ["Sync keys (sync_keys): email is filled from email, which the stream users lacks."]),
        ({"field_mapping": [{"field": "email", "value": "mail"}]}, []),
        (
            {"field_mapping": [{"field": "email", "value": "{{ mial | lower }}"}]},
            ["Sync keys (sync_keys): email is filled from mial, which the stream users lacks."],
        ),
        (
            {
                "field_mapping": [
                    {"field": "email", "value": "mail"},
                    {"field": "position", "value": "job"},
                    {"field": "address", "default": "HQ"},
                ]
            },
            ["The mapping of position (your field mapping) reads job, which the stream users lacks."],
        ),
        (
            {
                "field_mapping": [{"field": "email", "value": "mail"}],
                "record_filter": "{{ not record['is_bott'] and status == 'x' }}",
                "inactive_when": "gone",
            },
            [
                "Record filter (record_filter) reads is_bott and status, which the stream users lacks.",
                "Account is inactive when (inactive_when) reads gone, which the stream users lacks.",
            ],
        ),
        (
            {
                "field_mapping": [{"field": "email", "value": "mail"}],
                "record_type": {**SAAS["record_type"], "external_id": "idd", "role": "{{ profile.x or rank }}"},
            },
            [
                "Id in the application (record_type.external_id) reads idd, which the stream users lacks.",
                "Role in the application (record_type.role) reads rank, which the stream users lacks.",
            ],
        ),
        ({"field_mapping": [{"field": "email", "value": "mail"}], **SAAS}, []),
    ],
)
def test_path_that_the_stream_lacks_is_warned_of(plan: Plan, settings: dict[str, Any], sentences: list[str]) -> None:
    assert list(plan(USERS, **settings).warnings) == sentences


@pytest.mark.parametrize(
    ("condition", "remarked"), [({}, True), ({"inactive_when": ""}, False), ({"inactive_when": "x"}, False)]
)
def test_default_condition_that_the_stream_lacks_is_remarked(
    plan: Plan, condition: dict[str, Any], remarked: bool
) -> None:
    """A remark and no warning, because the administrator did not set the default."""
    made = plan(Stream("logins", properties={"email": {}, "x": {}}), **condition)
    assert any(each.startswith("Every account of logins counts as active") for each in made.remarks) == remarked
    assert made.warnings == ()


def test_stream_without_schema_is_not_warned_of(plan: Plan) -> None:
    assert plan(Stream("users"), record_filter="is_bott").warnings == ()


@pytest.mark.parametrize(
    ("modes", "settings", "warned"),
    [
        (("full_refresh", "append"), {**SAAS, **DEACTIVATE}, True),
        (("incremental", "append_dedup"), {**SAAS, **DEACTIVATE}, True),
        (("full_refresh", "overwrite"), DEACTIVATE, True),
        (("full_refresh", "overwrite"), {**SAAS, **DEACTIVATE}, False),
        (("full_refresh", "append"), SAAS, False),
    ],
)
def test_mode_that_cannot_deactivate_missing_is_warned_of(
    plan: Plan, modes: tuple[str, str], settings: dict[str, Any], warned: bool
) -> None:
    warnings = plan(Stream("users", None, *modes), **settings).warnings
    assert [each.partition(" does nothing for users")[0] for each in warnings] == [
        "Deactivate SaaS users that are missing (write_method.deactivate_missing)"
    ] * warned


def test_check_names_the_mode_that_deactivating_missing_needs() -> None:
    config = Config.parse(
        {
            "instance_url": "acme",
            "credentials": {"auth_type": "api_token", "api_token": "x"},
            "default_role": 25,
            **SAAS,
            **DEACTIVATE,
        }
    )
    (plan,) = plan_check(config, PersonSchema.unknown())
    (warning,) = plan.warnings
    assert warning.endswith("does nothing for streams whose sync mode is not Full refresh | Overwrite.")


@pytest.mark.parametrize(
    ("settings", "remarked"),
    [
        ({"sync_keys": ["slack_user_id", "email"]}, True),
        ({"sync_keys": ["slack_user_id", "email"], "update_sync_keys": True}, False),
        ({"sync_keys": ["slack_user_id", "email"], "write_mode": "create_only"}, False),
        ({"sync_keys": ["slack_user_id", "email"], "existing_values": "keep"}, False),
        ({"sync_keys": ["slack_user_id"]}, False),
        ({}, False),
    ],
)
def test_unwritten_further_keys_are_remarked(plan: Plan, settings: dict[str, Any], remarked: bool) -> None:
    """If Slack User Id is the first key, update_sync_keys is needed for addresses."""
    remarks = [each for each in plan(**settings).remarks if "update_sync_keys" in each]
    assert bool(remarks) == remarked
    assert all(each.startswith("People found by slack_user_id keep their email") for each in remarks)
