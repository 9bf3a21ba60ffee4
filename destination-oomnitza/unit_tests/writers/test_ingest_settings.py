"""Tests of settings that ingest cannot do: errors and remarks."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream

from .ingest_sync import CUSTOM, INTEGRATION, SAAS, config


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"field_mapping": [{"field": "phone_number", "value": "phone", "if_empty_only": True}]},
            r"entry for phone_number: Only if empty \(if_empty_only\) is on, which only the write method REST can do",
        ),
        ({"update_sync_keys": True}, r"Update sync keys \(update_sync_keys\) is on, which only the write method REST"),
        ({"on_failed_record": "fail_after_sync"}, r"\(on_failed_record\) is fail_after_sync, which only .* REST"),
        (
            {"field_mapping": [{"field": "badge", "value": "id"}]},
            r"entry for badge: Oomnitza does not report its internal id",
        ),
    ],
)
def test_setting_of_rest_alone_is_a_config_error(settings: dict[str, Any], sentence: str) -> None:
    metadata = PersonSchema.parse({"badge": {"label": "Badge", "data_type": "STR"}})
    with pytest.raises(AirbyteTracedException, match=sentence) as error:
        plan_streams(config(**settings), metadata, [Stream("users")])
    assert error.value.failure_type is FailureType.config_error


def test_data_activation_of_saas_users_is_a_config_error() -> None:
    stream = Stream(
        "leavers",
        destination_sync_mode="soft_delete",
        object_name="saas_user",
        primary_key=("email",),
        properties={"email": {}},
    )
    with pytest.raises(AirbyteTracedException, match=r"leavers writes the object saas_user .* REST"):
        plan_streams(config(INTEGRATION, record_type=SAAS), PersonSchema.unknown(), [stream])


def test_smart_mapping_leaves_out_fields_without_internal_id() -> None:
    metadata = {"slack_user_id": {**CUSTOM, "internal_id": None}}
    (plan,) = plan_streams(config(), PersonSchema.parse(metadata), [Stream("users", properties={"id": {}})])
    assert "slack_user_id" not in plan.mapping.rules
    with pytest.raises(AirbyteTracedException, match=r"entry for slack_user_id: .* internal id"):
        plan_streams(
            config(sync_keys=["slack_user_id"]), PersonSchema.parse(metadata), [Stream("users", properties={"id": {}})]
        )


def test_remarks_name_limits_of_ingest() -> None:
    (plan,) = plan_streams(config(INTEGRATION, record_type=SAAS), PersonSchema.unknown(), [Stream("users")])
    assert any("default_role" in remark and "new people" in remark for remark in plan.remarks)
    assert any("roles" in remark and "no user is deactivated" in remark for remark in plan.remarks)
    assert plan_streams(config(write_mode="create_only"), PersonSchema.unknown(), [Stream("users")])[0].remarks == ()
