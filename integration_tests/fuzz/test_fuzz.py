"""Tests all targets with the corpus, and with fixed generated inputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from integration_tests.fuzz.inputs import STRATEGIES
from integration_tests.fuzz.targets import TARGETS, run

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = {
    "masking": 40,
    "templates": 60,
    "configurations": 80,
    "catalogs": 80,
    "states": 12,
    "lines": 60,
    "oomnitza": 60,
    "slack": 15,
}
"""Number of generated inputs by target, about ten seconds in all."""


@pytest.mark.parametrize("target", TARGETS)
def test_target_keeps_promises_with_the_corpus(target: str) -> None:
    kept = sorted((CORPUS / target).iterdir())
    assert kept
    for path in kept:
        try:
            run(target, path.read_bytes())
        except Exception as error:
            raise AssertionError(f"{path.name}: {error!r}") from error


@pytest.mark.parametrize("target", TARGETS)
def test_target_keeps_promises_with_made_up_inputs(target: str) -> None:
    @settings(
        max_examples=EXAMPLES[target],
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(STRATEGIES[target])
    def hold(data: bytes) -> None:
        run(target, data)

    hold()
