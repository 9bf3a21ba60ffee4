"""Reads a connector's spec, and fills its defaults into a configuration."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bundle.configuration import Json
from bundle.errors import UsageError

SPEC_SECONDS = 60


def read_spec(connector: str) -> Json:
    """Run a connector's `spec`, as Airbyte does, and return its JSON schema.

    Raises UsageError if it cannot be run.
    """
    program = Path(sys.executable).with_name(connector)
    try:
        done = subprocess.run(  # noqa: S603 - our own connector, from metadata.yaml
            [program, "spec"],
            capture_output=True,
            text=True,
            timeout=SPEC_SECONDS,
            stdin=subprocess.DEVNULL,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(
            f"{connector} cannot be run ({type(error).__name__}): install it in the environment of this tool."
        ) from None
    messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    schema: Json = next(
        (message["spec"]["connectionSpecification"] for message in messages if message.get("type") == "SPEC"), {}
    )
    return schema


def with_defaults(schema: Json, configuration: Json) -> Json:
    """Fill the defaults of a spec into a configuration.

    Airbyte's edit form shows the saved configuration, so a switch whose default is on would look off. Entries of lists
    are not changed: in them an absent setting means the connector's.

    >>> with_defaults({"properties": {"page_size": {"default": 1000}}}, {})
    {'page_size': 1000}
    """
    filled = dict(configuration)
    for name, field in _properties(schema, configuration).items():
        value = filled.get(name, field.get("default"))
        if isinstance(value, dict):
            value = with_defaults(field, value)
        if value is not None:
            filled[name] = value
    return filled


def _properties(schema: Json, configuration: Json) -> Json:
    """Return the properties that apply; of a oneOf, those of the matching option."""
    properties: Json = dict(schema.get("properties", {}))
    for option in schema.get("oneOf", []):
        own = option.get("properties", {})
        if all(configuration.get(name) == each["const"] for name, each in own.items() if _has_const(each)):
            return {**properties, **own}
    return properties


def _has_const(field: Any) -> bool:
    return isinstance(field, dict) and "const" in field
