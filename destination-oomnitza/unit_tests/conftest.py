"""Fixtures for hypothesis and the CDK's standard tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from destination_oomnitza.masking import SECRETS
from hypothesis import HealthCheck, Phase, settings

# A busy machine must fail no test, and each run has the same examples; make fuzz looks for others.
settings.register_profile("here", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")
# make mutate runs the tests a thousand times; the first example that fails is enough there.
settings.register_profile("mutants", max_examples=20, phases=[Phase.explicit, Phase.generate])


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Remove the masked secrets after each test."""
    SECRETS.clear()
    yield
    SECRETS.clear()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the CDK's image tests, which need a container engine."""
    config.addinivalue_line("markers", "image_tests: the CDK's tests of the connector's image")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the CDK's standard tests their scenarios."""
    from airbyte_cdk.test.standard_tests.pytest_hooks import pytest_generate_tests as scenarios

    scenarios(metafunc)
