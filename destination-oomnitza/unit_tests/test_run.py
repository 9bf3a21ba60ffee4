"""The command's process: how it ends where it cannot go on by itself. `integration_tests/destination/test_killed.py` has the rest."""

from __future__ import annotations

import subprocess
import sys

# Whoever sends a state holds the lock; where nobody reads, for ever.
NOBODY_READS = """
import os, signal, threading
from airbyte_cdk.logger import PRINT_BUFFER
from destination_oomnitza import run
from destination_oomnitza.cancellation import Cancellation
run.GRACE = run.LAST_WORDS = 0.05
run._cancel_on_signals(Cancellation())
with PRINT_BUFFER.lock:
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(20)
os._exit(2)
"""


def test_sigterm_ends_a_command_that_nobody_reads() -> None:
    ended = subprocess.run([sys.executable, "-c", NOBODY_READS], timeout=60, check=False)
    assert ended.returncode == 1
