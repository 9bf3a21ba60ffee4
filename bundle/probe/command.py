"""Runs `probe`: asks both services, prints their answers, and saves them."""

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
    """Declare the options of the command."""
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the answers to FILE, to attach to an issue")


def run(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> int:
    """Ask Slack and Oomnitza, print their answers, and return 0.

    Raises CommandError.
    """
    source, destination = read_configuration(options.source_config), read_configuration(options.destination_config)
    if options.save and not os.access(options.save.parent, os.W_OK):
        raise UsageError(f"The file {options.save} cannot be written: its folder is absent, or not writable.")
    newest = RotatedCredentials(private_folder(environment), source).newest()
    slack = _print("Slack", SlackProbe(newest).findings())
    oomnitza = _print("Oomnitza", OomnitzaProbe(destination).findings())
    sys.stdout.write("\nNothing was written to Slack or Oomnitza, and no personal data is shown.\n")
    if options.save:
        save(options.save, {"slack": _saved(slack), "oomnitza": _saved(oomnitza)})
        sys.stdout.write(f"The answers are in {options.save}; --like {options.save} makes the sandbox behave alike.\n")
    return 0


def _print(title: str, findings: Iterable[Finding]) -> list[Finding]:
    found = list(findings)
    sys.stdout.write(f"{table(title, found)}\n")
    sys.stdout.flush()
    return found


def _saved(findings: list[Finding]) -> dict[str, object]:
    """Return the answers as JSON. They contain no personal data, see `Finding`."""
    switches = {name: value for finding in findings for name, value in finding.switches.items()}
    return {"answers": {finding.question: finding.answer for finding in findings}, "switches": switches}
