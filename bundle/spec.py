"""A connector's spec, and a configuration with the spec's defaults filled in."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bundle.configuration import Json
from bundle.errors import UsageError

SPEC_SECONDS = 60


def read_spec(connector: str) -> Json:
    """Run a connector's command `spec`, as Airbyte does, and return its JSON Schema. Raises UsageError."""
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
            f"{connector} cannot be run here ({type(error).__name__}): install it beside this tool."
        ) from None
    messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    schema: Json = next(
        (message["spec"]["connectionSpecification"] for message in messages if message.get("type") == "SPEC"), {}
    )
    return schema


def with_defaults(schema: Json, configuration: Json) -> Json:
    """Fill the defaults of a spec into a configuration.

    Airbyte's edit form shows what is saved: without this, a switch whose default is on looks off. Entries of lists stay
    as they are: there an absent setting means that of the connector as a whole.

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
    """Return the properties that apply: of an object with alternatives, those of the one whose constants it has."""
    properties: Json = dict(schema.get("properties", {}))
    for option in schema.get("oneOf", []):
        own = option.get("properties", {})
        if all(configuration.get(name) == each["const"] for name, each in own.items() if _has_const(each)):
            return {**properties, **own}
    return properties


def _has_const(field: Any) -> bool:
    return isinstance(field, dict) and "const" in field
