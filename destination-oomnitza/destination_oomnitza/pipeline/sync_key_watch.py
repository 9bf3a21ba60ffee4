"""Detects streams whose records have no sync keys.

A renamed or hashed field must not look like a successful sync without people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_oomnitza.errors import config_error
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey

ENOUGH = 10
"""Number of records of active accounts without a sync key that fail a sync, if no record has one."""
_MAX_NAMES = 20


@dataclass
class _Stream:
    plan: StreamPlan
    keyless: int = 0
    names: dict[str, None] = field(default_factory=dict)
    """Fields of the first records."""


class SyncKeyWatch:
    """Counts the active accounts of each stream until one has a sync key.

    The reading thread owns this object.
    """

    def __init__(self) -> None:
        self._streams: dict[StreamKey, _Stream] = {}
        self._keyed: set[StreamKey] = set()

    def take_keyed(self, plan: StreamPlan) -> None:
        """Note a record with a sync key."""
        self._keyed.add(plan.stream.key)

    def take_keyless(self, plan: StreamPlan, record: Mapping[str, Any]) -> None:
        """Note a record of an active account without a sync key."""
        if plan.stream.key in self._keyed:
            return
        stream = self._streams.setdefault(plan.stream.key, _Stream(plan))
        stream.keyless += 1
        if stream.keyless <= ENOUGH:
            stream.names.update(dict.fromkeys(record))

    def keyless(self) -> frozenset[StreamKey]:
        """Return the streams with at least ENOUGH records, none of which has a sync key."""
        return frozenset(
            key for key, stream in self._streams.items() if stream.keyless >= ENOUGH and key not in self._keyed
        )

    def error(self) -> AirbyteTracedException | None:
        """Return the error of a sync with keyless streams, or None.

        Names their sync keys, and the fields that they lack.
        """
        sentences = [_sentence(self._streams[key]) for key in sorted(self.keyless(), key=str)]
        if not sentences:
            return None
        return config_error(
            " ".join(sentences)
            + " Correct Sync keys (sync_keys) or Field mapping (field_mapping), or let the source send "
            "these fields. No person of these streams was written."
        )


def _sentence(stream: _Stream) -> str:
    mapping = stream.plan.mapping
    rules = [(key, mapping.rules[key].expression) for key in mapping.sync_keys if key in mapping.rules]
    sources = ", ".join(f"{key} (from {expression})" for key, expression in rules if expression)
    paths = [expression for _, expression in rules if expression and "{" not in expression]
    lacking = [path for path in paths if path.partition(".")[0] not in stream.names]
    has = ", ".join(name[:100] for name in list(stream.names)[:_MAX_NAMES])
    return f"None of {stream.keyless} records of {stream.plan.stream.title} has a value for a sync key: {sources}." + (
        f" The stream lacks {', '.join(lacking)}; its fields are {has}." if lacking else ""
    )
