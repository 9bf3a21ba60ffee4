"""Command line of the destination: `destination-oomnitza`."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.destination import DestinationOomnitza
from destination_oomnitza.errors import transient_error
from destination_oomnitza.protocol.messages import send_error

GRACE = 5.0
"""Seconds that the command has to end by itself after SIGTERM; a running request can take longer."""
TRACE_SECONDS = 1.0
"""Seconds that it then has to send its TRACE message."""


def run() -> None:
    """Run one command; exit with 0 on success, and with 1 after a TRACE ERROR message."""
    logging.raiseExceptions = False  # a log line after the output was closed must not cause a traceback
    if sys.__stdout__ is None:
        _exit_without_message("The output is closed, so no message can be sent.")
    gc.freeze()  # so that no collection, nor the last one at the exit, scans the objects of all imports
    cancellation = Cancellation()
    cancel_on_signals(cancellation)
    try:
        with PRINT_BUFFER:
            try:
                DestinationOomnitza(cancellation).run(sys.argv[1:])
            except AirbyteTracedException as error:
                _fail(error)
            except Exception as error:
                _fail(_explained(error))
    except BrokenPipeError:
        os._exit(1)  # the reader has closed the output
    except OSError as error:
        _exit_without_message(f"The output cannot be written ({error.strerror}).")


def _explained(error: Exception) -> AirbyteTracedException:
    if isinstance(error, OSError) and error.errno is not None:  # an OSError of requests has no number
        return transient_error(
            f"The output cannot be written ({error.strerror}). Records acknowledged before that are in Oomnitza."
        )
    return AirbyteTracedException(
        message="The destination failed because of a bug. Records acknowledged before the error are in Oomnitza. "
        "Please report this with the log.",
        internal_message=f"{type(error).__name__}: {error}",
        failure_type=FailureType.system_error,
        exception=error,
    )


def _exit_without_message(sentence: str) -> NoReturn:
    """Write a sentence to standard error, and end at once.

    The interpreter would try to write to the output again, and report that failure in its own words.
    """
    with suppress(OSError):
        os.write(2, f"{sentence}\n".encode())
    os._exit(1)


def _fail(error: AirbyteTracedException) -> NoReturn:
    """Send the TRACE ERROR message, and end without waiting for running requests."""
    send_error(error)
    # A thread that sends a state holds this lock, so no line is cut.
    PRINT_BUFFER.lock.acquire(timeout=GRACE)
    os._exit(1)


def cancel_on_signals(cancellation: Cancellation) -> None:
    """Cancel the command on SIGTERM and SIGINT; end the process if that fails.

    A thread waits for the signals: a handler would run in the main thread, which may be waiting for that very event.
    """
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait() -> None:
        signal.sigwait(signals)
        stopped = transient_error(
            "The sync was stopped from outside. Records acknowledged before that are in Oomnitza; the next sync writes the rest.",
            "SIGTERM or SIGINT",
        )
        cancellation.cancel(stopped)
        time.sleep(GRACE)
        # If the output is not read any more, a thread that sends a state blocks and keeps the lock that the message needs.
        last = threading.Timer(TRACE_SECONDS, os._exit, [1])
        last.daemon = True
        last.start()
        _fail(stopped)

    threading.Thread(target=wait, name="signals", daemon=True).start()
