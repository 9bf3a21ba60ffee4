"""The destination within the test's process, from bytes to bytes as `write`, retrying within milliseconds."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config
from destination_oomnitza.protocol.catalog import parse_catalog
from destination_oomnitza.sync import run_sync
from urllib3.util import Retry

from integration_tests.harness.destination_process import lines, stream

QUICK = RetryPolicy(
    connect=0.5, silence=0.25, answer=2, faults=20, waits=Retry(total=None, backoff_factor=0.002, retry_after_max=0)
)
"""Time-outs of a quarter of a second, and next to no wait between tries."""
AT_ONCE = RetryPolicy(connect=0.5, silence=0.25, answer=2, faults=0, waits=QUICK.waits)
"""Gives up at the first fault."""


@dataclass
class Written:
    """What a sync sent, and how it ended."""

    states: list[dict[str, Any]] = field(default_factory=list)
    error: AirbyteTracedException | None = None
    logs: list[str] = field(default_factory=list)

    def send(self, message: dict[str, Any]) -> None:
        """Keep a state as whoever reads it gets it."""
        self.states.append(orjson.loads(orjson.dumps(message)))

    def acknowledged(self) -> list[Any]:
        """The states of all streams, in order."""
        return [state["state"]["stream"]["stream_state"] for state in self.states]

    def failure(self) -> str:
        """The failure type of a sync that failed."""
        assert self.error is not None, "the sync succeeded"
        return str(self.error.failure_type.value)

    def report(self) -> dict[str, Any]:
        """The sync report."""
        (line,) = [each for each in self.logs if '"sync_report"' in each]
        report: dict[str, Any] = json.loads(line)["sync_report"]
        return report


class _Keep(logging.Handler):
    def __init__(self, kept: list[str]) -> None:
        super().__init__()
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record.getMessage())


@contextmanager
def kept_logs(kept: list[str]) -> Iterator[None]:
    """Keep what the connector logs, and print none of it."""
    logger, handler = logging.getLogger("airbyte"), _Keep(kept)
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def write(
    configuration: dict[str, Any], messages: Iterable[Any], *streams: dict[str, Any], retry_policy: RetryPolicy = QUICK
) -> Written:
    """Write messages (or lists of lines, as they come from a pipe); `users` is the stream unless told."""
    written = Written()
    catalog = parse_catalog({"streams": list(streams) or [stream()]})
    pieces = (each if isinstance(each, list) else [lines([each]).rstrip(b"\n")] for each in messages)
    with kept_logs(written.logs):
        try:
            run_sync(Config.parse(configuration), catalog, pieces, written.send, retry_policy=retry_policy)
        except AirbyteTracedException as error:
            written.error = error
        for thread in threading.enumerate():  # a process would end here with them
            if thread.name.startswith(("batch", "person")):
                thread.join(10)
    return written
