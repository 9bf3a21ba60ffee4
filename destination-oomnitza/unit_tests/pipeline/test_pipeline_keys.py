"""Tests of streams without sync keys: an error, or states that wait."""

from __future__ import annotations

import pytest
from airbyte_cdk.models import FailureType

from .fake_sync import Sync, keyless, record, state


def test_ten_records_without_a_sync_key_are_an_error() -> None:
    sync = Sync("users", "others")
    sync.run(state(1), *(keyless(number) for number in range(10)), state(2), record(1, "ada", stream="others"))
    assert sync.numbers() == [1]
    assert sync.end.broken == {(None, "users")}
    error = sync.keys.error()
    assert error is not None
    assert error.failure_type is FailureType.config_error
    assert "None of 10 records of users has a value for a sync key: email (from email)" in str(error)
    assert "The stream lacks email; its fields are mail" in str(error)
    assert sync.report.as_dict()["users"]["skipped_because"]["no_sync_key"] == 10


@pytest.mark.parametrize("why", ["nine", "one has a key", "inactive", "filtered"])
def test_records_without_a_sync_key_otherwise_hold_no_state(why: str) -> None:
    sync = Sync(record_filter="{{ not record['is_bot'] }}")
    more = {"inactive": {"deleted": True}, "filtered": {"is_bot": True}}.get(why, {})
    sync.run(
        *(keyless(number, **more) for number in range(9 if why == "nine" else 30)),
        *([record(40, "ada")] if why == "one has a key" else []),
        state(50),
    )
    assert sync.keys.error() is None
    assert sync.end.broken == set()
    assert sync.numbers() == [50]


def test_inactive_account_without_a_key_excuses_no_stream() -> None:
    """It is mapped by its id in the application, which is no sync key."""
    sync = Sync(record_type={"type": "user_and_saas_user", "saas_name": "Slack"})
    sync.run(*(keyless(number) for number in range(10)), keyless(20, id="U20", deleted=True, title="s"), state(30))
    assert sync.keys.error() is not None
    assert sync.numbers() == []


def test_held_state_leaves_with_the_first_keyed_record() -> None:
    sync = Sync()
    sync.run(*(keyless(number) for number in range(10)), state(20), record(21, "ada"), state(22))
    assert sync.numbers() == [20, 22]
