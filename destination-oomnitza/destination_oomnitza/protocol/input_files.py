"""Reads the files that a command is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from destination_oomnitza.errors import config_error


def read_json(path: str, kind: str) -> Any:
    """Return the JSON of a file.

    Raises AirbyteTracedException (config_error), with the line and column of the mistake.
    """
    try:
        content = Path(path).read_bytes()
        return json.loads(content)
    except OSError as error:
        raise config_error(f"The {kind} {path} cannot be read ({error.strerror}).", type(error).__name__) from None
    except json.JSONDecodeError as error:
        if not content.strip():
            raise config_error(f"The {kind} {path} is empty.") from None
        raise config_error(f"The {kind} {path} is not JSON: line {error.lineno}, column {error.colno}.") from None
    except UnicodeDecodeError:
        raise config_error(f"The {kind} {path} is not text in UTF-8.") from None
    except RecursionError:
        raise config_error(f"The {kind} {path} is nested too deeply.") from None
    except ValueError:
        raise config_error(f"The {kind} {path} has a number of thousands of digits.") from None
