"""Provides the fixtures of all integration tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.caller import Caller

# A busy machine must fail no test, and each run has the same examples; make fuzz looks for others.
settings.register_profile("here", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox of 60 people, fresh for the test."""
    with Sandbox(people=60) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Caller:
    """Return a plain client of the sandbox's Oomnitza, with its token."""
    return Caller(sandbox)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a self-signed certificate of localhost and oomnitza.test, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext "
        f"subjectAltName=DNS:localhost,DNS:oomnitza.test -keyout {key} -out {certificate}".split(),
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no openssl on this machine")
    return certificate, key
