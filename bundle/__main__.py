"""The command behind `make register`."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from bundle.airbyte import Airbyte, AirbyteError, Json
from bundle.definition import Bundle, BundleError, Connector, load_bundle, load_metadata
from bundle.register import CREDENTIALS, Mode, Wanted, register

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = ("AIRBYTE_URL", "AIRBYTE_CLIENT_ID", "AIRBYTE_CLIENT_SECRET", "AIRBYTE_WORKSPACE_ID")
DONE = {"create": "created", "update": "updated", "unchanged": "unchanged"}
PLANNED = {"create": "would create", "update": "would update", "unchanged": "unchanged"}


class UsageError(Exception):
    """What the command was given does not do. The message is a sentence for whoever runs it."""


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> int:
    """Register the bundle of `root`; 0 when all is as the bundle says, 1 with one sentence on standard error if not."""
    options = _parser().parse_args(arguments)
    try:
        _register(options, environment, root)
    except (UsageError, BundleError, AirbyteError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make register",
        description="Put both connectors and the daily connection of metadata.yaml into an Airbyte workspace. "
        f"Reads {', '.join(VARIABLES)} from the environment.",
    )
    parser.add_argument("source_config", type=Path, help="the configuration of source-slack-users, a JSON file")
    parser.add_argument("destination_config", type=Path, help="the configuration of destination-oomnitza, a JSON file")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument(
        "--resend-secrets",
        action="store_true",
        help="send both configurations even if they look the same: Airbyte shows no secrets, so a new one goes unseen",
    )
    return parser


def _register(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> None:
    missing = [name for name in VARIABLES if not environment.get(name, "").strip()]
    if missing:
        raise UsageError(
            f"Set {' and '.join(missing)} in the environment; docs/airbyte-ui.md tells where they are found."
        )
    workspace = _workspace(environment["AIRBYTE_WORKSPACE_ID"])
    bundle = load_bundle(root)
    source = _wanted(root, bundle.connectors.source, bundle.connection.source, options.source_config)
    destination = _wanted(
        root, bundle.connectors.destination, bundle.connection.destination, options.destination_config
    )
    airbyte = Airbyte(
        environment["AIRBYTE_URL"],
        client_id=environment["AIRBYTE_CLIENT_ID"],
        client_secret=environment["AIRBYTE_CLIENT_SECRET"],
        workspace=workspace,
        secrets=[*secrets_of(source.configuration), *secrets_of(destination.configuration)],
    )
    _say(airbyte, bundle, source, destination, Mode(options.dry_run, options.resend_secrets))


def _say(airbyte: Airbyte, bundle: Bundle, source: Wanted, destination: Wanted, mode: Mode) -> None:
    words = PLANNED if mode.dry_run else DONE
    sys.stdout.write(f"{airbyte.root}, workspace {airbyte.workspace}\n")
    changes = 0
    for step in register(airbyte, bundle, source, destination, mode):
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
            f"AIRBYTE_WORKSPACE_ID is {text!r}, which is no UUID: in your browser, it is what stands behind "
            "/workspaces/ in the address of the workspace."
        ) from None


def _wanted(root: Path, connector: Connector, name: str, file: Path) -> Wanted:
    return Wanted(connector, load_metadata(root, connector), name, _configuration(file))


def _configuration(file: Path) -> Json:
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The configuration {file} cannot be read: {error.strerror}.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"The configuration {file} is not JSON: {error.msg}, {where}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"The configuration {file} is not a text in UTF-8.") from None
    if not isinstance(content, dict):
        raise UsageError(f"The configuration {file} must be a JSON object, such as the examples in the README.")
    return content


def secrets_of(configuration: Json) -> list[str]:
    """List what must appear in no message: every text in the credentials but the word for their kind."""
    credentials = configuration.get(CREDENTIALS)
    if not isinstance(credentials, dict):
        return []
    return [value for key, value in credentials.items() if key != "auth_type" and isinstance(value, str) and value]


if __name__ == "__main__":
    sys.exit(main())
