"""Tests of the deactivation limit: one for all reasons, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.writers.deactivation_limit import DeactivationLimit
from hypothesis import given
from hypothesis import strategies as st


class Application:
    """Records deactivated users, and rejects those whose id ends in x."""

    name = "Slack"
    reports_activity = True

    def __init__(self, active_at_start: int) -> None:
        self.active_at_start = active_at_start
        self.deactivated: list[str] = []

    def switch(self, user_ids: Sequence[str], active: bool) -> dict[str, str]:
        assert not active
        rejected = {user_id: "It stays." for user_id in user_ids if user_id.endswith("x")}
        self.deactivated += [user_id for user_id in user_ids if user_id not in rejected]
        return rejected


def limited(active: int, percent: float = 20) -> tuple[Application, DeactivationLimit]:
    application = Application(active)
    return application, DeactivationLimit(cast(SaasApplication, application), percent)


@pytest.mark.parametrize(("active", "percent", "limit"), [(200, 20, 40), (30, 20, 10), (0, 20, 10), (99, 33, 32)])
def test_limit_is_a_share_and_at_least_ten_people(active: int, percent: float, limit: int) -> None:
    application, deactivations = limited(active, percent)
    for number in range(200):
        deactivations.deactivate([f"u{number}"])
    assert len(application.deactivated) == limit
    wanted = (
        rf"{limit} of the {active} active SaaS users of Slack were deactivated, and {200 - limit} inactive accounts"
    )
    with pytest.raises(AirbyteTracedException, match=wanted) as error:
        deactivations.raise_if_exceeded()
    assert error.value.failure_type is FailureType.config_error
    assert "write_method.max_deactivated_percent" in str(error.value)


def test_limit_in_a_test_run_says_what_would_be() -> None:
    deactivations = DeactivationLimit(cast(SaasApplication, Application(100)), 20, test_run=True)
    deactivations.deactivate([f"u{number}" for number in range(30)])
    wanted = (
        "20 of the 100 active SaaS users of Slack would be deactivated, and 10 inactive accounts would not: at most"
    )
    with pytest.raises(AirbyteTracedException, match=wanted):
        deactivations.raise_if_exceeded()


def test_limit_that_is_reached_exactly_is_no_error() -> None:
    application, deactivations = limited(100)
    deactivations.deactivate([f"u{number}" for number in range(15)])
    assert deactivations.deactivate_missing(["m1", "m2", "m3", "m4", "m5"]) == (["m1", "m2", "m3", "m4", "m5"], {})
    deactivations.raise_if_exceeded()
    assert len(application.deactivated) == 20


def test_missing_beyond_the_rest_deactivates_none() -> None:
    application, deactivations = limited(100)
    deactivations.deactivate([f"u{number}" for number in range(15)])
    assert deactivations.deactivate_missing([f"m{number}" for number in range(6)]) == ([], {})
    with pytest.raises(
        AirbyteTracedException, match=r"15 of the 100 .* and 6 missing from the source were not: at most 20"
    ):
        deactivations.raise_if_exceeded()
    assert len(application.deactivated) == 15


def test_rejected_deactivation_does_not_count() -> None:
    application, deactivations = limited(10)
    deactivations.deactivate([f"u{number}x" for number in range(10)])
    deactivations.deactivate([f"u{number}" for number in range(10)])
    deactivations.raise_if_exceeded()
    assert len(application.deactivated) == 10


@given(st.lists(st.integers(0, 30), max_size=20), st.integers(0, 40), st.integers(0, 400), st.integers(0, 100))
def test_limit_holds_whatever_the_order(batches: list[int], missing: int, active: int, percent: int) -> None:
    application, deactivations = limited(active, percent)
    tried: Any = 0
    for number in batches:
        within, _ = deactivations.deactivate([f"u{tried + each}" for each in range(number)])
        assert len(within) <= number
        tried += number
    deactivations.deactivate_missing([f"m{each}" for each in range(missing)])
    limit = max(10, percent * active // 100)
    assert len(application.deactivated) <= limit
    assert deactivations.is_exceeded == (tried + missing > limit)
