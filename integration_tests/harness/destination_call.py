"""`destination-oomnitza` called from Python as others may: by `DestinationOomnitza.write`, with the CDK's messages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.models import AirbyteMessageSerializer, ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.destination import DestinationOomnitza

from integration_tests.harness.destination_inside import kept_logs
from integration_tests.harness.destination_process import stream


@dataclass
class Synced:
    """What a sync said."""

    states: list[Any] = field(default_factory=list)
    """The blobs of the acknowledged states."""
    logs: list[str] = field(default_factory=list)
    error: str = ""
    failure_type: str = ""

    def counts(self, name: str = "users") -> dict[str, int]:
        """What became of a stream's records; without what did not happen."""
        return {what: number for what, number in self._report()[name].items() if isinstance(number, int) and number}

    def saas(self, name: str = "users") -> dict[str, int]:
        """What was done to SaaS users; without what did not happen."""
        return {what: number for what, number in self._report()[name]["saas"].items() if number}

    def _report(self) -> Any:
        (line,) = [line for line in self.logs if line.startswith('{"sync_report"')]
        return json.loads(line)["sync_report"]


def write(configuration: dict[str, Any], messages: Iterable[dict[str, Any]], *streams: dict[str, Any]) -> Synced:
    """Write messages; `users` is the stream unless told. An error is kept, not raised."""
    synced = Synced()
    with kept_logs(synced.logs):
        try:
            states = DestinationOomnitza().write(
                configuration,
                ConfiguredAirbyteCatalogSerializer.load({"streams": list(streams) or [stream()]}),
                [AirbyteMessageSerializer.load(message) for message in messages],
            )
            for message in states:
                assert message.state is not None
                assert message.state.stream is not None
                blob = message.state.stream.stream_state
                synced.states.append(vars(blob) if blob is not None else None)
        except AirbyteTracedException as error:
            synced.error = str(error.message)
            synced.failure_type = str(error.failure_type.value if error.failure_type else "")
    return synced
