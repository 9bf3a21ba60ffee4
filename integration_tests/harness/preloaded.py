"""The connectors' commands as processes, without a second a process for importing the CDK.

A parent process imports both connectors once and forks a child for each command: a process of its own, with its own files, arguments and
exit status, that runs the console script's function. Tests of the console scripts themselves start those (`test_sync.py`,
`test_killed.py`, `test_destination.py`).
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SECONDS = 240
"""How long a command may take."""


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(arguments: list[str], stdin: bytes = b"") -> Done:
    """Run a console script (its name, or its path, and its arguments) to its end."""
    with TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / name) for name in ("stdin", "stdout", "stderr")}
        Path(files["stdin"]).write_bytes(stdin)
        parent = _parent()
        assert parent.stdin is not None and parent.stdout is not None
        parent.stdin.write(json.dumps({"arguments": arguments, **files}) + "\n")
        parent.stdin.flush()
        status = int(parent.stdout.readline())
        return Done(status, Path(files["stdout"]).read_bytes(), Path(files["stderr"]).read_bytes())


@cache
def _parent() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "integration_tests.harness.preloaded"]
    parent = subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(parent.kill)
    return parent


def _child(request: dict[str, Any], commands: dict[str, Any]) -> None:
    for number, name, flags in (
        (0, "stdin", os.O_RDONLY),
        (1, "stdout", os.O_WRONLY | os.O_CREAT),
        (2, "stderr", os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(request[name], flags, 0o600), number)
    signal.alarm(SECONDS)
    sys.argv = request["arguments"]
    status: Any = 0
    try:
        commands[Path(sys.argv[0]).name]()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # as the interpreter does at the end of a script
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # there is an exception
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _serve() -> None:
    from destination_oomnitza import run as destination
    from source_slack_users import run as source

    commands = {"source-slack-users": source.run, "destination-oomnitza": destination.run}
    # Line by line from the descriptor: what Python reads ahead would be read again by a child.
    requests, answers = os.fdopen(os.dup(0), "r", buffering=1), os.fdopen(os.dup(1), "w", buffering=1)
    while line := requests.readline():
        child = os.fork()
        if not child:
            _child(json.loads(line), commands)
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    _serve()
