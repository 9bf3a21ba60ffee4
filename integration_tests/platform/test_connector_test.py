"""Tests that `airbyte-cdk connector test` finds each connector's standard tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("connector", ["source-slack-users", "destination-oomnitza"])
def test_connector_test_collects_in_the_connector_s_folder(connector: str) -> None:
    """The standard tests are collected; test_standard.py of each connector runs them."""
    command = [str(Path(sys.executable).with_name("airbyte-cdk")), "connector", "test", "--collect-only", "--no-creds"]
    run = subprocess.run(command, cwd=ROOT / connector, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "TestSuite::test_spec" in run.stdout or "TestSuite::test_check" in run.stdout
    found = re.search(r"(\d+)(/\d+)? tests collected", run.stdout)
    assert found is not None and int(found[1]) >= 8, run.stdout
