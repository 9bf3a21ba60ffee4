"""Provides the fixtures of the destination's integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_tests.sandbox import Sandbox


@pytest.fixture(scope="module")
def quick() -> Iterator[Sandbox]:
    """Start one sandbox for all tests of a module; each begins with `team.fresh`."""
    with Sandbox(people=1) as sandbox:
        yield sandbox
