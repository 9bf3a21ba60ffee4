"""Determines how each stream ended: complete, broken off, or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Literal

from destination_oomnitza.protocol.catalog import Stream, StreamKey
from destination_oomnitza.protocol.state import Scope


class StreamEnds:
    """Judges by stream statuses, or else by each stream's last message.

    The last messages count if no status came for any stream: on the Airbyte platform no status reaches a destination. There, a
    full refresh that cannot be resumed ends with a STATE if the source ended well; the platform adds it if the source sent none
    (https://github.com/airbytehq/airbyte-platform, MissingStateInjector). The reading thread owns this object.
    """

    def __init__(self, streams: Iterable[Stream]) -> None:
        self._streams = {stream.key: stream for stream in streams}
        self._last: dict[StreamKey, Literal["RECORD", "STATE", "STATE of several"]] = {}
        self._with_state: set[StreamKey] = set()
        self._any_status = False
        self._begun: set[StreamKey] = set()
        self._complete: set[StreamKey] = set()
        self._incomplete: set[StreamKey] = set()

    def take_record(self, stream: StreamKey) -> None:
        """Note a record."""
        self._last[stream] = "RECORD"

    def take_state(self, scope: Scope) -> None:
        """Note a state."""
        streams = list(self._streams) if scope == "every stream" else [scope]
        self._with_state.update(streams)
        # A state of several streams may be sent for one of them in the middle of another.
        last: Literal["STATE", "STATE of several"] = "STATE" if len(streams) == 1 else "STATE of several"
        self._last.update(dict.fromkeys(streams, last))

    def take_status(self, stream: StreamKey, status: str) -> None:
        """Note a stream status."""
        self._any_status = True
        if stream in self._streams:
            self._begun.add(stream)
            if status == "COMPLETE":
                self._complete.add(stream)
            elif status == "INCOMPLETE":
                self._incomplete.add(stream)

    def complete(self) -> Set[StreamKey]:
        """Return the streams that were read completely."""
        if self._any_status:
            return self._complete - self._incomplete
        return {
            key
            for key, stream in self._streams.items()
            if stream.sync_mode == "full_refresh" and not stream.is_resumable and self._last.get(key) == "STATE"
        }

    def broken(self) -> Set[StreamKey]:
        """Return the streams that were begun but not completed."""
        if self._any_status:
            return self._begun - self.complete()
        # Without any state, a source that succeeded and one that failed look the same.
        return {key for key in self._with_state if self._last[key] == "RECORD"}
