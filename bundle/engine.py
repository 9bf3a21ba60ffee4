"""Loads PyAirbyte with one folder for its files, without registry or telemetry."""

import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bundle.runner import Runner


def load_runner(temporary: Path) -> "type[Runner]":
    """Import the runner with PyAirbyte; all temporary files go to `temporary`."""
    os.environ.update(
        AIRBYTE_OFFLINE_MODE="1", DO_NOT_TRACK="1", AIRBYTE_LOGGING_ROOT=str(temporary), TMPDIR=str(temporary)
    )
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        os.environ["NO_LIVE_PROGRESS"] = "1"  # the live view captures what is printed to standard output
    tempfile.tempdir = str(temporary)
    # Google's packages, dependencies of PyAirbyte, announce the end of their own Python support.
    warnings.filterwarnings("ignore", category=FutureWarning)
    from bundle.runner import Runner  # noqa: PLC0415 - reads the settings above

    return Runner
