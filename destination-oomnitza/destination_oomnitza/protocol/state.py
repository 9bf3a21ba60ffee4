"""A STATE message, as it comes and as it is acknowledged: unknown fields and the digits of numbers stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from destination_oomnitza.protocol.catalog import StreamKey

Scope = StreamKey | Literal["every stream"]
"""What a state stands for."""


@dataclass
class State:
    """A STATE message, to be sent back as it came."""

    message: dict[str, Any]
    scope: Scope
    bytes: int
    """The length of its line."""

    def acknowledgement(self, records: int, rejected: int) -> dict[str, Any]:
        """Return the message with the destination's counts: of the `records` since the last state, and how many were rejected."""
        # The platform adds the two up, and takes any other sum than the source's count for dropped records
        # (https://github.com/airbytehq/airbyte-platform, StateCheckSumCountEventHandler).
        stats = {"recordCount": float(records - rejected), "rejectedRecordCount": float(rejected)}
        return {**self.message, "state": {**self.message["state"], "destinationStats": stats}}


def read_state(message: dict[str, Any], size: int = 0) -> State | None:
    """Read a STATE message of so many bytes: of one stream, or of all (GLOBAL, LEGACY). None if it does not have a state's shape."""
    state = message.get("state")
    if not isinstance(state, dict):
        return None
    if state.get("type", "LEGACY") != "STREAM":
        return State(message, "every stream", size)
    try:
        descriptor = state["stream"]["stream_descriptor"]
        namespace, name = descriptor.get("namespace") or None, descriptor["name"]
    except (KeyError, TypeError, AttributeError):
        return None
    if not isinstance(name, str) or not isinstance(namespace, str | None):
        return None
    return State(message, (namespace, name), size)
