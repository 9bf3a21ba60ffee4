"""Tests a check in a terminal: mapping as a table, verdict as a sentence."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness.destination_process import COMMAND, config
from integration_tests.sandbox import Sandbox


def check(sandbox: Sandbox, tmp_path: Path, terminal: bool, **settings: Any) -> tuple[str, str]:
    """Run a check, and return its standard output and standard error."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(sandbox, **settings)))
    main, end = pty.openpty()
    out: int = end if terminal else subprocess.PIPE
    process = subprocess.Popen([COMMAND, "check", "--config", path], stdout=out, stderr=subprocess.PIPE, text=True)
    os.close(end)
    chunks = []
    while terminal:
        try:
            chunks.append(os.read(main, 65536).decode())
        except OSError:  # the command has ended, and closed its end
            break
    output, error = process.communicate(timeout=60)
    os.close(main)
    return "".join(chunks) or output, error


def test_check_on_a_terminal_prints_table_and_verdict(sandbox: Sandbox, tmp_path: Path) -> None:
    output, error = check(sandbox, tmp_path, terminal=True)
    assert '"status":"SUCCEEDED"' in output
    assert [line.split() for line in error.splitlines()[1:3]] == [
        ["Oomnitza", "field", "value", "set", "by"],
        ["username", "name", "smart", "mapping"],
    ]
    assert error.splitlines()[-1].startswith("The check succeeded")


def test_failed_check_on_a_terminal_prints_its_reason(sandbox: Sandbox, tmp_path: Path) -> None:
    output, error = check(sandbox, tmp_path, terminal=True, default_role="Wizard")
    assert '"status":"FAILED"' in output
    assert error.startswith("Role of new people (default_role): there is no role 'Wizard'")


@pytest.mark.parametrize("role", [25, "Wizard"])
def test_check_under_a_platform_prints_messages_alone(sandbox: Sandbox, tmp_path: Path, role: Any) -> None:
    output, error = check(sandbox, tmp_path, terminal=False, default_role=role)
    assert error == ""
    assert all(json.loads(line)["type"] for line in output.splitlines())
