"""Tests of settlement: deferred records are settled with their first batch."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.config.models import RestWriting
from destination_oomnitza.mapping.record_mapping import MappedRecord, RecordMapping
from destination_oomnitza.pipeline.batches import OpenBatch
from destination_oomnitza.pipeline.checkpoints import Checkpoints
from destination_oomnitza.pipeline.settlement import Settlement
from destination_oomnitza.planning.capabilities import capabilities
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.protocol.state import State
from destination_oomnitza.report import Outcome, Report
from destination_oomnitza.writers.base import Batch, Deferral, RecordWrite

STREAM = Stream("users")
PLAN = StreamPlan(
    STREAM,
    RecordMapping([], ["email"], {}),
    None,
    None,
    None,
    capabilities(RestWriting.model_validate({"method": "rest"})),
)


@pytest.mark.parametrize("rejected", [True, False])
def test_deferred_record_is_accepted_when_it_is_written(rejected: bool) -> None:
    """While all records were rejected, no state is sent."""
    sent: list[dict[str, Any]] = []
    checkpoints = Checkpoints(sent.append)
    settlement = Settlement(Report([STREAM.title]), checkpoints)
    batch = OpenBatch(Batch(PLAN), checkpoints.open(STREAM.key))
    write = RecordWrite(MappedRecord(("ada@x.example",), {}), [("email", "ada@x.example")], deferred=Deferral.VALUE)
    batch.add(write)
    settlement.settle(batch, written=True)
    assert not batch.owners, "the other records would stay in memory to the end of the sync"
    checkpoints.add_state(State({"state": {}}, STREAM.key, 0))
    assert sent == []
    for last in settlement.take_deferred():
        write.end(Outcome.FAILED if rejected else Outcome.ADDED)
        settlement.settle(last, written=True)
    assert len(sent) == (0 if rejected else 1)
