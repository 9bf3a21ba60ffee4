"""Runs the destination's `write` inside the test's process, from bytes to bytes.

Retries come within milliseconds.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from airbyte_cdk.models import AirbyteMessageSerializer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config
from destination_oomnitza.protocol.catalog import parse_catalog
from destination_oomnitza.sync import run_sync
from urllib3.util import Retry

from integration_tests.harness.destination_process import lines, stream
from integration_tests.harness.sync_result import SyncResult

QUICK = RetryPolicy(
    connect=0.5, silence=0.25, answer=2, faults=20, waits=Retry(total=None, backoff_factor=0.002, retry_after_max=0)
)
"""Time-outs of a quarter of a second, and almost no wait between attempts."""
PATIENT = RetryPolicy(waits=QUICK.waits)
"""Time-outs as in a sync: for tests that count requests, however slow the machine is."""
AT_ONCE = RetryPolicy(connect=0.5, silence=0.25, answer=2, faults=0, waits=QUICK.waits)
"""Gives up at the first fault."""


class _Lines(logging.Handler):
    """Collects log lines as messages of the protocol."""

    def __init__(self, printed: list[bytes]) -> None:
        super().__init__()
        self._printed = printed

    def emit(self, record: logging.LogRecord) -> None:
        log = {"level": record.levelname, "message": record.getMessage()}
        self._printed.append(json.dumps({"type": "LOG", "log": log}).encode())


@contextmanager
def _kept_logs(printed: list[bytes]) -> Iterator[None]:
    """Collect the connector's log lines, and print none of them."""
    logger, handler = logging.getLogger("airbyte"), _Lines(printed)
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def write(
    configuration: dict[str, Any], messages: Iterable[Any], *streams: dict[str, Any], retry_policy: RetryPolicy = QUICK
) -> SyncResult:
    """Write messages, or lists of lines; `users` is the stream by default."""
    catalog = parse_catalog({"streams": list(streams) or [stream()]})
    pieces = (each if isinstance(each, list) else [lines([each]).rstrip(b"\n")] for each in messages)
    printed: list[bytes] = []
    status = 0
    others = set(threading.enumerate())  # such as those that another test has left
    with _kept_logs(printed):
        try:
            run_sync(
                Config.parse(configuration),
                catalog,
                pieces,
                lambda message: printed.append(orjson.dumps(message)),
                retry_policy=retry_policy,
            )
        except AirbyteTracedException as error:
            printed.append(orjson.dumps(AirbyteMessageSerializer.dump(error.as_airbyte_message())))
            status = 1
        for thread in {*threading.enumerate()} - others:  # a process would end here, with its threads
            # A thread that is not started yet belongs to another sync that runs at the same time.
            if thread.name.startswith(("batch", "person")) and thread.is_alive():
                thread.join(10)
    return SyncResult(status, b"\n".join(printed).decode())
