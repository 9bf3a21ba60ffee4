"""The command line: `destination-oomnitza`."""

from __future__ import annotations

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
"""Seconds after SIGTERM in which the command may end by itself; a request that is under way can take longer."""
LAST_WORDS = 1.0
"""Seconds after that, in which it may send its TRACE message."""


def run() -> None:
    """Run one command. The exit status is 0 on success, and 1 after a TRACE ERROR message."""
    logging.raiseExceptions = False  # a line of the log that nobody reads any more must not become a traceback
    if sys.__stdout__ is None:
        _end_unheard("The output is closed, so no message can be sent.")
    cancellation = Cancellation()
    _cancel_on_signals(cancellation)
    try:
        with PRINT_BUFFER:
            try:
                DestinationOomnitza(cancellation).run(sys.argv[1:])
            except AirbyteTracedException as error:
                _fail(error)
            except Exception as error:
                _fail(_explained(error))
    except BrokenPipeError:
        os._exit(1)  # nobody reads any more
    except OSError as error:
        _end_unheard(f"The output cannot be written ({error.strerror}).")


def _explained(error: Exception) -> AirbyteTracedException:
    if isinstance(error, OSError) and error.errno is not None:  # those of requests have no number
        return transient_error(
            f"The output cannot be written ({error.strerror}). What was acknowledged is in Oomnitza."
        )
    return AirbyteTracedException(
        message="The destination failed by a fault of its own. What was acknowledged is in Oomnitza. "
        "Please report this with the log.",
        internal_message=f"{type(error).__name__}: {error}",
        failure_type=FailureType.system_error,
        exception=error,
    )


def _end_unheard(sentence: str) -> NoReturn:
    """End at once: the interpreter would try once more to write to the output, and fail with words of its own."""
    with suppress(OSError):
        os.write(2, f"{sentence}\n".encode())
    os._exit(1)


def _fail(error: AirbyteTracedException) -> NoReturn:
    """Send the TRACE ERROR message and end at once: requests that are still under way must not keep the process."""
    send_error(error)
    # Whoever sends a state holds this lock, so that no line is cut in the middle.
    PRINT_BUFFER.lock.acquire(timeout=GRACE)
    os._exit(1)


def _cancel_on_signals(cancellation: Cancellation) -> None:
    """Cancel the command on SIGTERM and SIGINT, and end the process if that does not.

    A thread waits for them: a handler would run in the main thread, which could be in the middle of waiting for that very event.
    """
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait() -> None:
        signal.sigwait(signals)
        stopped = transient_error(
            "The sync was stopped from outside. What was acknowledged is in Oomnitza; the next sync does the rest.",
            "SIGTERM or SIGINT",
        )
        cancellation.cancel(stopped)
        time.sleep(GRACE)
        # Where nobody reads any more, whoever sends a state waits for ever, and keeps the lock that the message needs.
        last = threading.Timer(LAST_WORDS, os._exit, [1])
        last.daemon = True
        last.start()
        _fail(stopped)

    threading.Thread(target=wait, name="signals", daemon=True).start()
