"""The command `probe`: asks both services, prints a table for each, and saves the answers."""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from bundle.configuration import read_configuration
from bundle.errors import UsageError
from bundle.private_folder import private_folder, save
from bundle.probe.findings import Finding, table
from bundle.probe.oomnitza import OomnitzaProbe
from bundle.probe.slack import SlackProbe
from bundle.rotated import RotatedCredentials


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own options."""
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the answers to FILE, to attach to an issue")


def run(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> int:
    """Ask Slack and Oomnitza, and print what they answer; 0. Raises CommandError."""
    source, destination = read_configuration(options.source_config), read_configuration(options.destination_config)
    if options.save and not os.access(options.save.parent, os.W_OK):
        raise UsageError(f"The file {options.save} cannot be written: its folder is absent, or closed to you.")
    newest = RotatedCredentials(private_folder(environment), source).newest()
    slack = _print("Slack", SlackProbe(newest).findings())
    oomnitza = _print("Oomnitza", OomnitzaProbe(destination).findings())
    sys.stdout.write("\nNothing was written, and nobody's data is shown.\n")
    if options.save:
        save(options.save, {"slack": _saved(slack), "oomnitza": _saved(oomnitza)})
        sys.stdout.write(f"The answers are in {options.save}; the sandbox behaves so with --like {options.save}\n")
    return 0


def _print(title: str, findings: Iterable[Finding]) -> list[Finding]:
    found = list(findings)
    sys.stdout.write(f"{table(title, found)}\n")
    sys.stdout.flush()
    return found


def _saved(findings: list[Finding]) -> dict[str, object]:
    """Return answers for a file: they hold nobody's data by themselves, see `Finding`."""
    switches = {name: value for finding in findings for name, value in finding.switches.items()}
    return {"answers": {finding.question: finding.answer for finding in findings}, "switches": switches}
