"""Reads the files of a command; errors never quote their content."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airbyte_cdk.models import (
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    AirbyteStateType,
    AirbyteStreamState,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    StreamDescriptor,
)

from source_slack_users.errors import config_error

CONFIGURATION, CATALOG, STATE = "configuration", "configured catalog", "state"


def read_json(path: str, kind: str) -> Any:
    """Return the JSON of a file in UTF-8 or UTF-16.

    Raises config_error with the line and column of a mistake.
    """
    try:
        content = Path(path).read_bytes()
        return json.loads(content)
    except OSError as error:
        raise config_error(f"The {kind} {path} cannot be read ({error.strerror}).") from None
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


def read_catalog(path: str) -> ConfiguredAirbyteCatalog:
    """Return the configured catalog of a file. Raises config_error if it is not one."""
    content = read_json(path, CATALOG)
    try:
        return ConfiguredAirbyteCatalogSerializer.load(content)
    except Exception:  # the exceptions of the serializer are undocumented, and quote the content
        raise config_error(
            f"The {CATALOG} {path} does not have Airbyte's format. It lists each stream as an object with stream, sync_mode "
            "and destination_sync_mode."
        ) from None


def read_states(path: str | None) -> list[AirbyteStateMessage]:
    """Return the states of a file: a list of STREAM states, or one legacy object.

    Raises config_error if it is neither.
    """
    content = read_json(path, STATE) if path else None
    if isinstance(content, dict):
        content = [content if "type" in content or not content else {"type": "LEGACY", "data": content}]
    if not isinstance(content or [], list):
        raise _no_states(path)
    return [state for entry in content or [] for state in _states(entry, path)]


def _states(entry: Any, path: str | None) -> list[AirbyteStateMessage]:
    if entry == {}:
        return []
    try:
        state = AirbyteStateMessageSerializer.load(entry)
        if state.type is AirbyteStateType.LEGACY:
            return [_stream_state(name, blob) for name, blob in entry["data"].items()]
    except Exception:  # the exceptions of the serializer are undocumented, and quote the content
        raise _no_states(path) from None
    if state.type not in (None, AirbyteStateType.STREAM) or state.stream is None:
        raise config_error(
            f"The {STATE} {path} holds a state that is not of type STREAM, the only type of this source. Clear the "
            "connection's data, or leave the state out."
        )
    return [state]


def _stream_state(name: str, blob: Mapping[str, Any]) -> AirbyteStateMessage:
    stream = AirbyteStreamState(stream_descriptor=StreamDescriptor(name=name), stream_state=AirbyteStateBlob(**blob))
    return AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=stream)


def _no_states(path: str | None) -> Exception:
    return config_error(
        f"The {STATE} {path} does not have Airbyte's format. It is a list of STREAM states, as the last read printed them."
    )
