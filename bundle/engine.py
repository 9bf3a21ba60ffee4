"""Loads PyAirbyte so that it writes to one folder only, asks no registry and reports to nobody."""

import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bundle.runner import Runner


def load_runner(temporary: Path) -> "type[Runner]":
    """Import the runner, and PyAirbyte with it; its files, and the connectors', go to `temporary`."""
    os.environ.update(
        AIRBYTE_OFFLINE_MODE="1", DO_NOT_TRACK="1", AIRBYTE_LOGGING_ROOT=str(temporary), TMPDIR=str(temporary)
    )
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        os.environ["NO_LIVE_PROGRESS"] = "1"  # it would take what is printed away from standard output
    tempfile.tempdir = str(temporary)
    # Google's packages, which PyAirbyte brings along, announce the end of their own Python support.
    warnings.filterwarnings("ignore", category=FutureWarning)
    from bundle.runner import Runner  # noqa: PLC0415 - reads the settings above

    return Runner
