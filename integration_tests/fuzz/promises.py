"""Check what holds for any input: it ends in time, and with a typed error or none."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

SECONDS = 10.0
"""Seconds of CPU for one input: enough for all, and too few for quadratic work."""


@contextmanager
def bounded() -> Iterator[None]:
    """Raise AssertionError if the block takes more than SECONDS of CPU time."""
    started = time.process_time()
    yield
    seconds = time.process_time() - started
    assert seconds < SECONDS, f"it took {seconds:.1f} seconds of CPU time"


@contextmanager
def typed_errors(*kinds: FailureType) -> Iterator[None]:
    """Accept errors of these types; every other exception is a broken promise."""
    try:
        yield
    except AirbyteTracedException as error:
        assert error.failure_type in kinds, error
        error.message.encode()  # type: ignore[union-attr]


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress logs, and warnings about the Python that Jinja generates."""
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def file_of(data: bytes) -> Iterator[str]:
    """Yield the path of a file that holds an input."""
    with NamedTemporaryFile(suffix=".json") as file:
        file.write(data)
        file.flush()
        yield file.name
