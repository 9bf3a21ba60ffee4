"""STATE messages: keeps unknown fields and all digits in the acknowledgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from destination_oomnitza.protocol.catalog import StreamKey

Scope = StreamKey | Literal["every stream"]
"""The stream of a state, or all streams."""


@dataclass
class State:
    """STATE message, to be sent back unchanged."""

    message: dict[str, Any]
    scope: Scope
    bytes: int
    """Length of its line."""

    def acknowledgement(self, records: int, rejected: int) -> dict[str, Any]:
        """Return the message with the destination's counts.

        Args:
            records: The number of records since the last state.
            rejected: How many of them were rejected.
        """
        # The platform adds the two counts, and reports dropped records if the sum differs from the source's count
        # (https://github.com/airbytehq/airbyte-platform, StateCheckSumCountEventHandler).
        stats = {"recordCount": float(records - rejected), "rejectedRecordCount": float(rejected)}
        return {**self.message, "state": {**self.message["state"], "destinationStats": stats}}


def read_state(message: dict[str, Any], size: int = 0) -> State | None:
    """Read a STATE message of one stream, or of all (GLOBAL, LEGACY).

    `size` is its length in bytes. Returns None if the message is malformed.
    """
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
