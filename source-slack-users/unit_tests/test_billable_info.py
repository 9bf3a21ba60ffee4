"""Tests the stream `billable_info`."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


def test_billable_info_in_any_workspace_is_active(grid: Any, slack: Any, read: Any) -> None:
    billed = {
        "T1": {"W1": {"billing_active": False}, "W2": {"billing_active": 0}, "W3": None},
        "T2": {"W1": {"billing_active": "1"}},
        "T3": [],  # as PHP writes an empty map
    }
    slack.answers["team.billableInfo"] = lambda params: {"billable_info": billed[params["team_id"]]}
    assert read("billable_info") == [
        {"user_id": "W1", "billing_active": True},
        {"user_id": "W2", "billing_active": False},
        {"user_id": "W3", "billing_active": False},
    ]


def test_billable_info_without_a_map_is_no_end(slack: Any, read: Any) -> None:
    slack.answers["team.billableInfo"] = {"billable_info": "nobody"}
    with pytest.raises(AirbyteTracedException, match="returned a response without billable_info") as caught:
        read("billable_info")
    assert caught.value.failure_type is FailureType.transient_error
