"""Runs the connectors' commands as processes that have the CDK imported already.

The forkserver of multiprocessing imports both connectors once, which takes a second, and forks a child for each command. The child has
its own streams, arguments and exit status, and runs the console script's function. Tests of the console scripts themselves start those
(`test_sync.py`, `test_killed.py`, `test_destination.py`).
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingUnixStreamServer
from threading import Thread
from typing import BinaryIO

SECONDS = 240
"""Seconds that a command may take."""
MODULES = {"source-slack-users": "source_slack_users.run", "destination-oomnitza": "destination_oomnitza.run"}
"""Module of each console script; a command calls its function `run`."""

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([*MODULES.values()])


@dataclass(frozen=True)
class Done:
    """Holds the end of a command: its exit status and output."""

    returncode: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class _Command:
    """Describes a command: console script, arguments, environment and folder."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str

    def start(self, *streams: int) -> multiprocessing.context.ForkServerProcess:
        """Start it with three descriptors as its streams, which are closed here."""
        passed = [Connection(each) for each in streams]  # a type that multiprocessing can pass
        process = _SERVER.Process(target=self._run, args=(passed,))
        process.start()
        for each in passed:
            each.close()
        return process

    def _run(self, streams: Sequence[Connection]) -> None:
        for number, stream in enumerate(streams):
            os.dup2(stream.fileno(), number)
            stream.close()
        sys.stdin = os.fdopen(0)  # multiprocessing replaces it
        sys.argv = self.arguments
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        tempfile.tempdir = None
        signal.alarm(SECONDS)
        import_module(MODULES[Path(self.arguments[0]).name]).run()


def run(arguments: list[str], stdin: bytes = b"") -> Done:
    """Run a console script, given by name or path with its arguments, to its end."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        given.write(stdin)
        given.seek(0)
        command = _Command(arguments, dict(os.environ), str(Path.cwd()))
        process = command.start(*(os.dup(each.fileno()) for each in (given, out, errors)))
        process.join()
        assert process.exitcode is not None
        return Done(process.exitcode, _content(out), _content(errors))


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


# By way of a shell, because a path with a blank cannot stand behind #! (pip's scripts do the same).
SHEBANG = """#!/bin/sh
'''exec' "{python}" -IS "$0" "$@"
' '''
"""
_SCRIPT = """
import json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect("{address}")
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: server.send(bytes([number])))
socket.send_fds(server, [b"."], [0, 1, 2])
server.sendall(json.dumps([sys.argv, dict(os.environ), os.getcwd()]).encode() + b"\\n")
status = int(server.recv(9))
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


class _Script(BaseRequestHandler):
    """Runs a script's command, forwards signals, and exits with its status."""

    def handle(self) -> None:
        _, streams, _, _ = socket.recv_fds(self.request, 1, 3)
        with self.request.makefile("rb") as request:
            process = _Command(*json.loads(request.readline())).start(*streams)
        while process.sentinel not in wait([process.sentinel, self.request]):
            number = self.request.recv(1)
            if not number:  # the script was killed
                process.kill()
                return
            assert process.pid is not None  # os.kill(0) would signal the test's own process group
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(process.pid, number[0])
        process.join()
        with suppress(OSError):
            self.request.send(str(process.exitcode).encode())


@cache
def interpreter() -> Path:
    """Return a Python like this one, whose console scripts run preloaded.

    The bundle finds the connectors beside the interpreter.
    """
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for shared in ("lib", "pyvenv.cfg"):
        (folder / shared).symlink_to(Path(sys.prefix) / shared)
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    for name in MODULES:
        script = python.with_name(name)
        script.write_text(SHEBANG.format(python=sys.executable) + _SCRIPT.format(address=folder / "socket"))
        script.chmod(0o700)
    forkserver.ensure_running()  # before a test sets TMPDIR to a folder that it removes
    server = ThreadingUnixStreamServer(str(folder / "socket"), _Script)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    return python
