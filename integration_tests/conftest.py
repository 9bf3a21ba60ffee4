"""Fixtures of all integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_tests.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of 60 people, fresh for the test."""
    with Sandbox(people=60) as running:
        yield running
