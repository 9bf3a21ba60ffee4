"""Tests of write access: HTTP 403 ends the sync only if every write is forbidden."""

from __future__ import annotations

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.write_access import WriteAccess


@pytest.mark.parametrize("writes", [[], [False], [True, False], [False, True, True]])
def test_raise_if_none_some_access_passes(writes: list[bool]) -> None:
    access = WriteAccess()
    for forbidden in writes:
        access.note(forbidden)
    access.raise_if_none()


def test_raise_if_none_every_write_forbidden_is_config_error() -> None:
    access = WriteAccess()
    access.note(forbidden=True)
    access.note(forbidden=True)
    with pytest.raises(AirbyteTracedException, match="each of 2 writes was answered with HTTP 403") as raised:
        access.raise_if_none()
    assert raised.value.failure_type is FailureType.config_error
