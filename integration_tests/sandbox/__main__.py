"""Runs the sandbox as a process until SIGTERM or SIGINT.

Prints one line of JSON: the addresses and the tokens.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
from pathlib import Path
from typing import Any

from integration_tests.sandbox import Sandbox


def behave_like(sandbox: Sandbox, found: dict[str, Any]) -> None:
    """Set the switches of both services to the answers of a probe."""
    for service, switches in (("slack", sandbox.slack.switches), ("oomnitza", sandbox.oomnitza.switches)):
        for name, value in found.get(service, {}).get("switches", {}).items():
            setattr(switches, name, tuple(value) if isinstance(value, list) else value)


def main() -> None:
    """Serve until a signal arrives."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.sandbox", description=__doc__)
    parser.add_argument("--people", type=int, default=250, help="members of the Slack workspace")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every request takes longer")
    parser.add_argument("--path", help="directory (or .sqlite file) of Oomnitza's database; in memory without")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same people and tokens")
    parser.add_argument("--port", type=int, default=0, help="Oomnitza's port; any free one without")
    parser.add_argument("--like", help="behave as a probe found: a file of `python -m bundle probe --save FILE`")
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with Sandbox(
        options.people,
        seed=options.seed,
        latency=options.latency,
        path=options.path,
        body_limit=2048,
        port=options.port,
    ) as sandbox:
        if options.like:
            behave_like(sandbox, json.loads(Path(options.like).read_text(encoding="utf-8")))
        print(json.dumps(sandbox.addresses()), flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
