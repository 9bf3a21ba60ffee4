"""Fixtures for planning: an Oomnitza instance, and plans for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.config.models import Config
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream

ROLE = {
    "label": "Role",
    "data_type": "integer",
    "searchhelp": [{"key": "25", "value": "Employee"}, {"key": "1", "value": "Boss"}],
}
INSTANCE = PersonSchema.parse(
    {
        "role": ROLE,
        "slack_user_id": {"label": "Slack User Id", "data_type": "text", "unique": "1", "internal_id": "A" * 32},
        "badge": {"label": "Badge Number", "data_type": "integer", "unique": "0", "internal_id": "B" * 32},
        "hr_only": {"label": "HR Only", "data_type": "text", "editable": "0", "internal_id": "C" * 32},
        "last_login_date": {"label": "Last Login", "data_type": "date", "editable": "0"},
    }
)
LEAST: dict[str, Any] = {
    "instance_url": "acme",
    "credentials": {"auth_type": "api_token", "api_token": "made up"},
    "default_role": 25,
}


@pytest.fixture
def plan() -> Callable[..., StreamPlan]:
    """Plan one stream: `plan(stream, instance=..., setting=...)`."""

    def made(stream: Stream | None = None, instance: PersonSchema = INSTANCE, **settings: Any) -> StreamPlan:
        streams = [stream or Stream("users")]
        (plan,) = plan_streams(Config.parse({**LEAST, **settings}), instance, streams)
        return plan

    return made


@pytest.fixture
def mistakes(plan: Callable[..., StreamPlan]) -> Callable[..., str]:
    """Return the error about a configuration that cannot be planned."""

    def sentence(*arguments: Any, **settings: Any) -> str:
        with pytest.raises(AirbyteTracedException) as caught:
            plan(*arguments, **settings)
        assert caught.value.failure_type is FailureType.config_error
        return str(caught.value.message)

    return sentence
