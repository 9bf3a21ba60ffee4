"""The command line: `destination-oomnitza`."""

from __future__ import annotations

import os
import sys

from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_oomnitza.destination import DestinationOomnitza


def run() -> None:
    """Run one command. The exit status is 0 on success, and 1 after a TRACE ERROR message."""
    failed = False
    with PRINT_BUFFER:
        try:
            DestinationOomnitza().run(sys.argv[1:])
        except AirbyteTracedException as error:
            error.emit_message()
            failed = True
        except Exception as error:
            AirbyteTracedException(
                message="The destination failed by a fault of its own. What was acknowledged is in Oomnitza. "
                "Please report this with the log.",
                internal_message=f"{type(error).__name__}: {error}",
                failure_type=FailureType.system_error,
                exception=error,
            ).emit_message()
            failed = True
    if failed:
        # At once: requests that are still under way must not keep the process.
        sys.stdout.flush()
        os._exit(1)
