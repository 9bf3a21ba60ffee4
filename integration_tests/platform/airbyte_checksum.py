"""The platform's check that no record was dropped, as it counts.

Source: https://github.com/airbytehq/airbyte-platform, `StateCheckSumCountEventHandler` and `StreamStatsTracker`: between two states
it counts the records that it passes on, and compares them with the counts that source and destination give in the second state.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

_ALL = "all streams"


class StateChecksum:
    """Counts what a source sends, and holds the destination's states against it."""

    def __init__(self) -> None:
        self._since: Counter[Any] = Counter()
        self._staged: deque[tuple[str, int, dict[str, Any]]] = deque()
        self.committed = 0
        self.rejected = 0

    def pass_on(self, messages: Iterable[Any]) -> Iterable[Any]:
        """Yield a source's messages as the platform sends them on: each state with the source's count.

        Raises AssertionError if the source counted otherwise.
        """
        for message in messages:
            if isinstance(message, bytes) or message["type"] == "RECORD":
                self._since[_stream_of_record(message)] += 1
            elif message["type"] == "STATE":
                yield {**message, "state": self._stage(message["state"])}
                continue
            yield message

    def _stage(self, state: dict[str, Any]) -> dict[str, Any]:
        name = _stream_of_state(state)
        count = sum(self._since.values()) if name == _ALL else self._since[name]
        if name == _ALL:
            self._since.clear()
        else:
            self._since[name] = 0
        sent = {"sourceStats": {"recordCount": float(count)}, **state}
        assert sent["sourceStats"]["recordCount"] == count, (
            f"{name}: the source counts otherwise than the platform, {count}"
        )
        self._staged.append((name, count, sent))
        return sent

    def take_back(self, state: dict[str, Any]) -> None:
        """Compare a state from the destination with the one that was sent. Raises AssertionError where the platform reports an error."""
        stats = state.pop("destinationStats")
        name, count, sent = self._staged.popleft()
        assert state == sent, "an unexpected state"
        total = stats["recordCount"] + stats["rejectedRecordCount"]
        assert total == count, f"{name}: the destination counts {total}, the platform {count}"
        assert total == state["sourceStats"]["recordCount"]
        self.committed += stats["recordCount"]
        self.rejected += stats["rejectedRecordCount"]


def _stream_of_record(message: Any) -> Any:
    if isinstance(message, bytes):  # a record that no JSON parser takes: only its stream can be read
        return json.loads(b'"' + message.partition(b'"stream": "')[2].partition(b'"')[0] + b'"')
    return message["record"]["stream"]


def _stream_of_state(state: dict[str, Any]) -> str:
    return str(state["stream"]["stream_descriptor"]["name"]) if state["type"] == "STREAM" else _ALL
