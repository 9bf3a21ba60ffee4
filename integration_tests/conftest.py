"""Provides the fixtures of all integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.caller import Caller


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox of 60 people, fresh for the test."""
    with Sandbox(people=60) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Caller:
    """Return a plain client of the sandbox's Oomnitza, with its token."""
    return Caller(sandbox)
