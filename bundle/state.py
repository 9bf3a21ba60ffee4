"""Stores the state of one connection between one Slack and one Oomnitza."""

import json
from pathlib import Path
from typing import Any

from airbyte.shared.state_providers import StateProviderBase, StaticInputState
from airbyte.shared.state_writers import StateWriterBase
from airbyte_protocol.models import AirbyteStateMessage
from pydantic import ValidationError

from bundle.errors import UsageError
from bundle.private_folder import load, save


class StateFile:
    """Stores states in a file, in place of PyAirbyte's cache.

    That is a database which identifies connectors by their names only. The file is a JSON list of the protocol's state
    messages, one per stream, as `read --state` takes it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def forget(self) -> None:
        """Remove the state, so that the next sync reads everything."""
        self.file.unlink(missing_ok=True)

    def messages(self) -> list[AirbyteStateMessage]:
        """Read the states; an empty list before the first sync.

        Raises UsageError if the file is damaged.
        """
        content = load(self.file)
        try:
            return [AirbyteStateMessage.model_validate(each) for each in content or []]
        except (ValidationError, TypeError):
            raise UsageError(f"{self.file} is not a state. Remove it, or add --full-refresh, to start over.") from None

    def get_state_provider(self, **_: Any) -> StateProviderBase:
        """Return the last sync's states, as PyAirbyte asks a cache for them."""
        return StaticInputState(self.messages())

    def get_state_writer(self, **_: Any) -> StateWriterBase:
        """Return the writer of states, as PyAirbyte asks a cache for it."""
        return _Writer(self)


class _Writer(StateWriterBase):
    def __init__(self, file: StateFile) -> None:
        super().__init__()
        self._file = file
        self._kept = {_stream(message): message for message in file.messages()}

    def _write_state(self, state_message: AirbyteStateMessage) -> None:
        self._kept[_stream(state_message)] = state_message
        save(self._file.file, [json.loads(each.model_dump_json()) for each in self._kept.values()])


def _stream(message: AirbyteStateMessage) -> str:
    return str(message.stream.stream_descriptor.name) if message.stream else ""
