"""Shows the first record of each stream in a test run, beside the rules."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from destination_oomnitza.planning.mapping_table import mapping_table
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey

logger = logging.getLogger("airbyte")


class FirstRecords:
    """Logs the mapped values of each stream's first record, if `shown`."""

    def __init__(self, shown: bool) -> None:
        self._shown = shown
        self._seen: set[StreamKey] = set()

    def take(self, plan: StreamPlan, record: Mapping[str, Any]) -> None:
        """Log the mapping table with this record's values, if it is its stream's first."""
        if self._shown and plan.stream.key not in self._seen:
            self._seen.add(plan.stream.key)
            logger.info(f"Mapping of {plan.stream.title}, with its first record:\n{mapping_table(plan, record)}")

    def finish(self, plans: Iterable[StreamPlan]) -> None:
        """Log the mapping tables of the streams of which no record was wanted."""
        for plan in plans:
            if self._shown and plan.mapping.rules and plan.stream.key not in self._seen:
                logger.info(f"Mapping of {plan.stream.title}, of which no record was written:\n{mapping_table(plan)}")
