"""Tests the sandbox as a process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import requests

from integration_tests.sandbox import Sandbox

ROOT = Path(__file__).parents[3]


def test_process_prints_its_addresses_and_serves(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "integration_tests.sandbox", "--people", "40", "--seed", "3", "--path", tmp_path]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        given = json.loads(process.stdout.readline())
        headers = {"Authorization": f"Bearer {given['slack_token']}"}
        listed = requests.get(f"{given['slack_url']}users.list", headers=headers, timeout=10).json()
        token = {"Authorization2": given["oomnitza_token"]}
        people = requests.get(f"{given['oomnitza_url']}/api/v3/users", headers=token, timeout=10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    here = Sandbox(people=40, seed=3)
    assert [m["id"] for m in listed["members"]] == [m["id"] for m in here.slack.members()]
    assert given["slack_token"] == here.slack.token
    here.stop()
    assert people.json() == []
    assert (tmp_path / "oomnitza.sqlite").exists()
