"""Runs `register`: puts the bundle into an Airbyte workspace."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from bundle.airbyte import Airbyte
from bundle.configuration import read_configuration, secrets_of
from bundle.definition import Bundle, Connector, load_bundle, load_metadata
from bundle.errors import UsageError
from bundle.reconcile import Mode, Wanted, reconcile
from bundle.spec import read_spec, with_defaults

VARIABLES = ("AIRBYTE_URL", "AIRBYTE_CLIENT_ID", "AIRBYTE_CLIENT_SECRET", "AIRBYTE_WORKSPACE_ID")
DONE = {"create": "created", "update": "updated", "unchanged": "unchanged"}
PLANNED = {"create": "would create", "update": "would update", "unchanged": "unchanged"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--dry-run", action="store_true", help="print the changes without making them")
    parser.add_argument(
        "--resend-secrets",
        action="store_true",
        help="send both configurations even if they look the same: Airbyte hides secrets, so a new one is not detected",
    )


def run(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> int:
    """Register the bundle of `root`, print each step, and return 0.

    Raises CommandError.
    """
    missing = [name for name in VARIABLES if not environment.get(name, "").strip()]
    if missing:
        raise UsageError(
            f"Set {' and '.join(missing)} in the environment; docs/airbyte-ui.md describes where to find them."
        )
    workspace = _workspace(environment["AIRBYTE_WORKSPACE_ID"])
    bundle = load_bundle(root)
    source = _wanted(root, bundle.connectors.source, options.source_config)
    destination = _wanted(root, bundle.connectors.destination, options.destination_config)
    airbyte = Airbyte(
        environment["AIRBYTE_URL"],
        client_id=environment["AIRBYTE_CLIENT_ID"],
        client_secret=environment["AIRBYTE_CLIENT_SECRET"],
        workspace=workspace,
        secrets=[*secrets_of(source.configuration), *secrets_of(destination.configuration)],
    )
    _print_steps(airbyte, bundle, source, destination, Mode(options.dry_run, options.resend_secrets))
    return 0


def _print_steps(airbyte: Airbyte, bundle: Bundle, source: Wanted, destination: Wanted, mode: Mode) -> None:
    words = PLANNED if mode.dry_run else DONE
    sys.stdout.write(f"{airbyte.root}, workspace {airbyte.workspace}\n")
    changes = 0
    for step in reconcile(airbyte, bundle, source, destination, mode):
        changes += step.action != "unchanged"
        details = f" ({'; '.join(step.details)})" if step.details else ""
        sys.stdout.write(f"  {words[step.action]:13}{step.thing:24}{step.name}{details}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{changes or 'Nothing'} {'would be changed' if mode.dry_run else 'changed'}.\n")


def _workspace(text: str) -> str:
    try:
        return str(UUID(text.strip()))
    except ValueError:
        raise UsageError(
            f"AIRBYTE_WORKSPACE_ID is {text!r}, which is not a UUID: copy the part after /workspaces/ in the address of "
            "the workspace in your browser."
        ) from None


def _wanted(root: Path, connector: Connector, file: Path) -> Wanted:
    metadata = load_metadata(root, connector)
    configuration = read_configuration(file)
    return Wanted(connector, metadata, with_defaults(read_spec(connector.directory), configuration))
