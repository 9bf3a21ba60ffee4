"""Tests a process killed at any point.

Acknowledged records are there, and the next sync completes the work without duplicates.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import time
from dataclasses import replace
from typing import Any

import pytest

from integration_tests.harness.destination_process import config, lines, person, record, running, state, write
from integration_tests.sandbox import Fault, Sandbox

PEOPLE = [person(f"p{number:03d}", title="Cook") for number in range(120)]


def messages(first: int = 0) -> list[Any]:
    """Return numbered records, and after every tenth a state with their number."""
    every: list[Any] = []
    for number in range(first, len(PEOPLE)):
        every.append(record(PEOPLE[number]))
        if (number + 1) % 10 == 0:
            every.append(state(number + 1))
    return every


def acknowledged(output: bytes) -> int:
    """Return the last complete state in the output."""
    whole = output[: output.rfind(b"\n") + 1]
    states = [json.loads(line)["state"] for line in whole.splitlines() if b'"STATE"' in line]
    return max((each["stream"]["stream_state"] for each in states), default=0)


def emails(sandbox: Sandbox) -> list[str]:
    return [each["email"] for each in sandbox.oomnitza.people()]


def wait_for_requests(sandbox: Sandbox, number: int) -> None:
    """Wait until so many creations were requested."""
    deadline = time.monotonic() + 30
    while sandbox.requests.count(method="POST", path="^/api/v3/users$") < number:
        assert time.monotonic() < deadline, "it does not write"
        select.select([], [], [], 0.001)


@pytest.mark.parametrize("seed", range(2))
def test_killed_sync_is_completed_by_the_next(sandbox: Sandbox, seed: int) -> None:
    settings = config(sandbox, batch_size=7, num_workers=4)
    sandbox.latency = 0.002
    with running(settings) as process:
        process.stdin.write(lines(messages()))
        process.stdin.flush()
        wait_for_requests(sandbox, random.Random(seed).randrange(1, 110))
        process.kill()
        output = process.stdout.read()
    done = acknowledged(output)
    there = emails(sandbox)
    assert len(there) == len(set(there))
    assert {each["email"] for each in PEOPLE[:done]} <= set(there)
    rest = write(settings, messages(done))
    assert rest.status == 0
    assert sorted(emails(sandbox)) == [each["email"] for each in PEOPLE]
    assert rest.states()[-1] == 120


def end(process: subprocess.Popen[bytes], number: int) -> tuple[float, list[dict[str, Any]]]:
    """Send a signal; return the seconds until the end, and the messages."""
    started = time.monotonic()
    process.send_signal(number)
    assert process.stdout is not None
    output = process.stdout.read()
    process.wait(10)
    return time.monotonic() - started, [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_silent_sync_within_seconds(sandbox: Sandbox, number: int) -> None:
    with running(config(sandbox)) as process:
        process.stdin.write(lines(messages()))
        process.stdin.flush()
        wait_for_requests(sandbox, 120)
        seconds, printed = end(process, number)
    assert seconds < 5
    assert process.returncode == 1
    (error,) = [message["trace"]["error"] for message in printed if message["type"] == "TRACE"]
    assert error["failure_type"] == "transient_error"
    assert "stopped from outside" in error["message"]
    assert sum('"sync_report"' in message.get("log", {}).get("message", "") for message in printed) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_in_the_middle_reports_all_that_was_written(sandbox: Sandbox, number: int) -> None:
    sandbox.latency = 0.02
    with running(config(sandbox, batch_size=5, num_workers=4)) as process:
        process.stdin.write(lines(messages()))
        process.stdin.flush()
        wait_for_requests(sandbox, 30)
        _, printed = end(process, number)
    logs = [message["log"]["message"] for message in printed if message["type"] == "LOG"]
    (report,) = [json.loads(log)["sync_report"]["users"] for log in logs if '"sync_report"' in log]
    assert 30 <= report["added"] < 120
    assert report["added"] == len(emails(sandbox))


AGAIN = Fault("status", status=503, retry_after=500, service="oomnitza", times=None)
HOLE = Fault("timeout_before", service="oomnitza", seconds=60, times=None)


@pytest.mark.parametrize(("path", "fault"), [("mappings", AGAIN), ("users/meta", HOLE), ("^/api/v3/users$", HOLE)])
def test_sigterm_ends_a_sync_within_seconds_wherever_it_waits(sandbox: Sandbox, path: str, fault: Fault) -> None:
    fault = sandbox.faults.add(replace(fault, path=path))
    with running(config(sandbox)) as process:
        process.stdin.write(lines(messages()))
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not fault.fired:
            assert time.monotonic() < deadline
            select.select([], [], [], 0.001)
        seconds, printed = end(process, signal.SIGTERM)
    assert seconds < 8
    assert process.returncode == 1
    assert printed[-1]["trace"]["error"]["failure_type"] == "transient_error"


def test_closed_output_ends_sync_quietly(sandbox: Sandbox) -> None:
    read, unread = os.pipe()
    os.close(read)
    with running(config(sandbox), stdout=unread, stderr=subprocess.PIPE) as process:
        os.close(unread)
        _, errors = process.communicate(lines(messages()), timeout=30)
    assert errors == b""
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("output", "sentence"), [(">/dev/full", b"The output cannot be written"), (">&-", b"The output is closed")]
)
def test_write_output_that_fails_ends_with_a_sentence(sandbox: Sandbox, output: str, sentence: bytes) -> None:
    # A shell, because Popen keeps a closed output open.
    with running(config(sandbox), through=("sh", "-c", f'exec "$@" {output}', "sh"), stderr=subprocess.PIPE) as process:
        _, errors = process.communicate(lines(messages()), timeout=30)
    assert errors.startswith(sentence) and errors.count(b"\n") == 1
    assert process.returncode == 1
