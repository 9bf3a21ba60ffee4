"""Runs the commands of the bundle: sync, probe and register."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from bundle import register, sync
from bundle.errors import CommandError, UsageError
from bundle.probe import command as probe

ROOT = Path(__file__).resolve().parent.parent

COMMANDS = (
    ("sync", sync, "Sync Slack into Oomnitza with PyAirbyte, on this machine."),
    ("probe", probe, "Ask your own Slack and Oomnitza what they support and allow; read-only."),
    (
        "register",
        register,
        "Put both connectors and the connections of metadata.yaml into an Airbyte workspace. "
        f"Reads {', '.join(register.VARIABLES)} from the environment.",
    ),
)


class _Parser(argparse.ArgumentParser):
    """Fails with status 1, because argparse's own 2 means rejected records."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. Add --help for the options.")


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> int:
    """Run one command on the bundle of `root`, and return its exit status.

    The status is 0 after success, 2 after a sync with rejected records, and 1 after a failure, which prints a sentence
    to standard error.
    """
    try:
        options = _parser().parse_args(arguments)
        status: int = options.run(options, environment, root)
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m bundle", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    for name, module, description in COMMANDS:
        command = commands.add_parser(name, description=description, help=description)
        command.add_argument("source_config", type=Path, help="the configuration of source-slack-users, a JSON file")
        command.add_argument(
            "destination_config", type=Path, help="the configuration of destination-oomnitza, likewise"
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
