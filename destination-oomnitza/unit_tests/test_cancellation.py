"""Tests of cancellation: it ends a sync for all of its threads."""

from __future__ import annotations

import time

import pytest
from destination_oomnitza.cancellation import Cancellation


def test_cancellation_before_cancel_does_nothing() -> None:
    cancellation = Cancellation()
    cancellation.raise_if_cancelled()
    cancellation.sleep(0)


def test_cancellation_after_cancel_raises_the_first_error() -> None:
    cancellation, first = Cancellation(), ValueError("first")
    cancellation.cancel(first)
    cancellation.cancel(ValueError("a consequence"))
    with pytest.raises(ValueError) as raised:
        cancellation.raise_if_cancelled()
    assert raised.value is first


def test_sleep_after_cancel_raises_at_once() -> None:
    cancellation = Cancellation()
    cancellation.cancel(ValueError("over"))
    started = time.monotonic()
    with pytest.raises(ValueError, match="over"):
        cancellation.sleep(60)
    assert time.monotonic() - started < 30
