"""Tests of the process's last resort.

`integration_tests/destination/test_killed.py` tests the other ways in which it ends.
"""

from __future__ import annotations

import subprocess
import sys

# A thread that sends a state holds the lock, forever if the output is not read.
NOBODY_READS = """
import os, signal, threading
from airbyte_cdk.logger import PRINT_BUFFER
from destination_oomnitza import run
from destination_oomnitza.cancellation import Cancellation
run.GRACE = run.TRACE_SECONDS = 0.05
run.cancel_on_signals(Cancellation())
with PRINT_BUFFER.lock:
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(20)
os._exit(2)
"""


def test_sigterm_ends_a_command_with_unread_output() -> None:
    ended = subprocess.run([sys.executable, "-c", NOBODY_READS], timeout=60, check=False)
    assert ended.returncode == 1
