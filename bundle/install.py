"""Creates or updates the environment: `python bundle/install.py run|dev`.

Needs only a Python. Prints its progress, and one sentence if it fails. Paths are relative to the root of the tree, so
that the tree's path may contain blanks: pip splits its environment variables at blanks.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(".venv")
CONNECTORS = ("source-slack-users", "destination-oomnitza")
CONSTRAINTS = "constraints-dev.txt"
GROUPS = {
    "run": "the packages for a sync: both connectors and PyAirbyte, about 800 MB on the disk, most of it PyAirbyte's database drivers",
    "dev": "the packages for development, about 1.2 GB on the disk",
}
PYTHONS = ((3, 10), (3, 12))
UNREACHABLE = re.compile(r"connection broken|Failed to establish|Temporary failure|timed out|ProxyError|SSLError", re.I)
EVERY_SECONDS = 5.0


class InstallFailed(Exception):
    """Reports that the environment cannot be created."""


def main(group: str) -> int:
    """Install one group, and return the exit status."""
    os.chdir(ROOT)
    try:
        install(group)
    except InstallFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def install(group: str) -> None:
    """Create .venv for this Python if it is absent, and install a group of packages.

    Raises InstallFailed.
    """
    this = sys.version_info[:2]
    if not PYTHONS[0] <= this <= PYTHONS[1]:
        raise InstallFailed(
            f"This project needs Python 3.10, 3.11 or 3.12 (the range of PyAirbyte); this is {this[0]}.{this[1]}. "
            "Name another: make PYTHON=python3.12 ..."
        )
    sys.stdout.write(f"Installing {GROUPS[group]}, into {VENV} (once) ...\n")
    sys.stdout.flush()
    python = VENV / "bin" / "python"
    if not (VENV / "lib" / f"python{this[0]}.{this[1]}").is_dir() or not python.exists():
        try:
            venv.create(VENV, with_pip=True, clear=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise InstallFailed(
                f"The environment {VENV} cannot be created ({type(error).__name__}). On Debian and Ubuntu, install the "
                "package python3-venv; otherwise check that this folder is writable."
            ) from None
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run_command([*pip, "--upgrade", "pip>=25.1"], "pip")
    editable = [argument for connector in CONNECTORS for argument in ("-e", f"./{connector}")]
    run_command([*pip, "--group", group, *editable], group)


def run_command(command: list[str], what: str) -> None:
    """Run a command of pip, and print every five seconds that it still runs.

    Raises InstallFailed with its last lines.
    """
    environment = {**os.environ, "PIP_CONSTRAINT": CONSTRAINTS, "PIP_BUILD_CONSTRAINT": CONSTRAINTS}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - pip
        start = time.monotonic()
        while (status := _ended(process)) is None:
            sys.stdout.write(f"  {what}: {time.monotonic() - start:.0f} s\n")
            sys.stdout.flush()
        if status:
            raise InstallFailed(explain_failure(output))


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit status; None if the process still runs after EVERY_SECONDS."""
    try:
        return process.wait(EVERY_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def explain_failure(output: IO[str]) -> str:
    """Explain why pip failed, by its output."""
    output.seek(0)
    text = output.read()
    if UNREACHABLE.search(text):
        return (
            "The package index is unreachable, so nothing was installed. Check the network, the proxy, and pip's own "
            "settings (python3 -m pip config list), and run make again."
        )
    last = "\n".join(text.splitlines()[-20:])
    return f"{last}\npip failed to install the packages, for the reason above. Fix it, and run make again."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
