"""Reads the configuration files of both connectors, and finds their secrets."""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

from bundle.errors import UsageError

Json = dict[str, Any]

CREDENTIALS = "credentials"  # holds all secrets of both connectors' configurations


def read_configuration(file: Path) -> Json:
    """Read a JSON object from a file. Raises UsageError if it cannot be read.

    Warns on standard error if other users of the machine can read the file.
    """
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
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        sys.stderr.write(f"Other users of this machine can read the secrets in {file}: chmod 600 {file}\n")
    return content


def secrets_of(configuration: Json) -> list[str]:
    """List every text in the credentials except `auth_type`."""
    credentials = configuration.get(CREDENTIALS)
    if not isinstance(credentials, dict):
        return []
    return [value for key, value in credentials.items() if key != "auth_type" and isinstance(value, str) and value]
