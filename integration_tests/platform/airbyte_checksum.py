"""Counts records as the platform does, to find dropped ones.

Source: https://github.com/airbytehq/airbyte-platform, `StateCheckSumCountEventHandler` and `StreamStatsTracker`. Between two states
the platform counts the records that it forwards, and compares them with the counts of source and destination in the second state.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

_ALL = "all streams"


class StateChecksum:
    """Counts the records of a source, and compares the destination's states."""

    def __init__(self) -> None:
        self._since: Counter[Any] = Counter()
        self._staged: deque[tuple[str, int, dict[str, Any]]] = deque()
        self.committed = 0
        self.rejected = 0

    def pass_on(self, messages: Iterable[Any]) -> Iterable[Any]:
        """Yield a source's messages as the platform forwards them.

        It adds the source's count to each state. Raises AssertionError if the source counted otherwise.
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
        """Compare a returned state with the one sent.

        Raises AssertionError if the platform would report an error.
        """
        stats = state.pop("destinationStats")
        name, count, sent = self._staged.popleft()
        assert state == sent, "an unexpected state"
        total = stats["recordCount"] + stats["rejectedRecordCount"]
        assert total == count, f"{name}: the destination counts {total}, the platform {count}"
        assert total == state["sourceStats"]["recordCount"]
        self.committed += stats["recordCount"]
        self.rejected += stats["rejectedRecordCount"]


def _stream_of_record(message: Any) -> Any:
    if isinstance(message, bytes):  # a record that is not JSON: only its stream can be read
        return json.loads(b'"' + message.partition(b'"stream": "')[2].partition(b'"')[0] + b'"')
    return message["record"]["stream"]


def _stream_of_state(state: dict[str, Any]) -> str:
    return str(state["stream"]["stream_descriptor"]["name"]) if state["type"] == "STREAM" else _ALL
