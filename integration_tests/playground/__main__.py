"""Serves the sandbox with its pages until Ctrl-C: `make playground`."""

from __future__ import annotations

import argparse
import shutil
import signal
import threading
from contextlib import ExitStack
from pathlib import Path

from integration_tests.harness.example import PEOPLE
from integration_tests.playground import serve

HOME = Path(".sandbox/playground")


def main() -> None:
    """Serve until a signal arrives."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.playground", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="the pages' port; 0 takes any free one")
    port = parser.parse_args().port
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    with ExitStack() as stack:
        try:
            playground = stack.enter_context(serve(HOME, port=port))
        except OSError as error:
            raise SystemExit(
                f"Port {port} cannot be used ({error.strerror}). Name another: make playground PORT=8766"
            ) from error
        print(
            f"A Slack workspace of {PEOPLE} members and an Oomnitza instance, both only on this machine:\n\n"
            f"    {playground.sandbox.oomnitza_url}\n\n"
            'Change a member of Slack, press "Sync now", and see the result. Ctrl-C stops the playground.',
            flush=True,
        )
        stopped.wait()
    print("\nThe playground has ended.")


if __name__ == "__main__":
    main()
