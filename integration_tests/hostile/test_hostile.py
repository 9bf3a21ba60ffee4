"""Tests every HTTP client of the tree against every hostile response.

A run is limited in time and memory, and no hostile response counts as a success.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from integration_tests.harness.destination_process import COMMAND
from integration_tests.hostile.behaviours import BEHAVIOURS, SIZES, TIMES, Behaviour, Verdict
from integration_tests.hostile.clients import CLIENTS, SECRET, HttpClient
from integration_tests.hostile.server import HostileServer

SECONDS = 20.0
"""Seconds far beyond the clients' time limits, on a busy machine."""
ENDLESS_SECONDS = 0.75
"""How long a response may take that never ends."""
MEGABYTES = 250
"""Megabytes of a 16 MB response and its JSON, or of the error if it is not JSON."""

MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""

CASES = [
    pytest.param(client, step, behaviour, id=f"{name}, {step}, {what}")
    for name, client in CLIENTS.items()
    for number, step in enumerate(client.steps, 1)
    for what, behaviour in BEHAVIOURS.items()
    # What fills time or memory takes seconds each, so it is tried at the first step and at the last.
    if number in (1, len(client.steps)) or what not in TIMES | SIZES
]


@pytest.mark.parametrize(("client", "step", "behaviour"), CASES)
def test_client_hostile_answer_is_bounded(client: HttpClient, step: str, behaviour: Behaviour) -> None:
    server = HostileServer(client.honest, client.steps[step], behaviour.behave)
    if behaviour.large:
        tracemalloc.start()
    try:
        with server.serving() as address:
            started = time.monotonic()
            ending = client.run(address, ENDLESS_SECONDS if behaviour in TIMES.values() else SECONDS / 4)
            seconds = time.monotonic() - started
        peak = tracemalloc.get_traced_memory()[1] if behaviour.large else 0
    finally:
        tracemalloc.stop()
    assert server.struck > 0
    assert seconds < SECONDS
    assert peak < MEGABYTES << 20
    assert ending.failure_type in ("", "config_error", "transient_error"), ending
    assert SECRET not in ending.message
    if behaviour.verdict is Verdict.FAULT:
        assert ending.failure_type in client.faults, ending
    elif behaviour.verdict is Verdict.REDIRECT:
        assert ending.failure_type == "config_error", ending
        assert server.struck == 1
    elif behaviour.verdict is Verdict.REJECTION or (behaviour.verdict is Verdict.ERRORS and client.reads_errors):
        assert ending.failure_type == "config_error" or ending.failed > 0, ending


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_client_honest_server_is_used(client: HttpClient) -> None:
    server = HostileServer(client.honest, lambda heard: False, lambda wire: None)
    with server.serving() as address:
        ending = client.run(address, SECONDS)
    assert (ending.failure_type, ending.failed) == ("", 0), ending


@pytest.mark.parametrize("name", ["JSON of 15 MB, empty lists", "text of 15 MB", "gzip of a gigabyte"])
def test_check_large_answer_takes_400_mb_and_30_seconds(name: str, tmp_path: Path) -> None:
    """A check as a process stays within its own limits; importing the CDK takes 2 s."""
    client = CLIENTS["destination"]
    server = HostileServer(client.honest, lambda heard: True, SIZES[name].behave)
    with server.serving() as address:
        config = {"instance_url": address, "credentials": {"auth_type": "api_token", "api_token": SECRET}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        command = [str(COMMAND), "check", "--config", str(tmp_path / "config.json")]
        # A process begins with the peak memory of the one that started it, which here is a large one: so a small one is between.
        ended = subprocess.run([sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=True)
        text, kilobytes = ended.stdout, int(ended.stderr.splitlines()[-1])
        seconds = time.monotonic() - server.first_heard
    (message,) = [json.loads(line) for line in text.splitlines() if "CONNECTION_STATUS" in line]
    assert message["connectionStatus"]["status"] == "FAILED"
    assert seconds < 25
    assert kilobytes < 400 << 10
