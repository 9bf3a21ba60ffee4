"""Runs the console script `source-slack-users`.

It calls the CDK's entry point, and reports every error as an Airbyte message.
"""

import gc
import logging
import os
import sys
import tempfile
from typing import NoReturn, TextIO

import orjson
from airbyte_cdk.entrypoint import launch
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    FailureType,
    Status,
    Type,
)
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_slack_users.errors import config_error, failure, unexpected_error
from source_slack_users.source import SourceSlackUsers

FLUSH_SECONDS = 0.01
"""Time for which the CDK collects messages before it writes them. In its own default of 0.1 s it collects 10 MB."""

USAGE = "usage: source-slack-users {spec,check,discover,read} [-h] [--config FILE] [--catalog FILE] [--state FILE]\n"


def run() -> None:
    """Run the command in the process arguments: spec, check, discover or read.

    Exits with 0 on success and after a failed check, 1 after a TRACE ERROR, 2 without a command.
    """
    arguments = sys.argv[1:]
    if not arguments:
        sys.stderr.write(USAGE)
        sys.exit(2)
    logging.raiseExceptions = False  # logging prints a traceback if a line cannot be written
    PRINT_BUFFER.flush_interval = FLUSH_SECONDS
    gc.freeze()  # so that no collection, nor the last one at the exit, scans the objects of all imports
    try:
        _require_folder_and_output()
        launch(SourceSlackUsers(), arguments)
    except Exception as error:
        _end(arguments[0], error if isinstance(error, AirbyteTracedException) else _explained(error))


def _require_folder_and_output() -> None:
    if sys.__stdout__ is None:
        raise failure("The output is closed, so no message can be sent.", FailureType.transient_error)
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        raise config_error(
            "No folder for temporary files is writable, and Airbyte's CDK needs one. Make /tmp writable, or name a folder in "
            "TMPDIR."
        ) from None


def _explained(error: Exception) -> AirbyteTracedException:
    if isinstance(error, OSError) and error.errno is not None:  # the OSErrors of requests have no errno
        return failure(
            f"The output, or the folder for temporary files, cannot be written ({error.strerror or type(error).__name__}).",
            FailureType.transient_error,
        )
    return unexpected_error(error)


def _end(command: str, error: AirbyteTracedException) -> NoReturn:
    """Print the last message and exit: CONNECTION_STATUS or TRACE ERROR.

    Masks secrets in the message's fields, because a short one could be part of the JSON's syntax. If standard output
    fails, prints the sentence to standard error.
    """
    message, status = error.as_sanitized_airbyte_message(), 1
    sentence = filter_secrets(str(error))
    if command == "check":
        result = AirbyteConnectionStatus(status=Status.FAILED, message=sentence)
        message, status = AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=result), 0
    line = orjson.dumps(AirbyteMessageSerializer.dump(message)).decode()
    if not _written(line, sys.__stdout__):
        _written(sentence, sys.__stderr__)
        os._exit(1)  # at a normal exit the interpreter writes the buffer again, and prints an error of its own
    sys.exit(status)


def _written(line: str, output: TextIO | None) -> bool:
    try:
        if output is not None:
            print(line, file=output, flush=True)
        return output is not None
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    run()
