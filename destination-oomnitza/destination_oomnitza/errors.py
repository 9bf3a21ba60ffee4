"""Errors that end a command, with Airbyte's failure types."""

from __future__ import annotations

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


def config_error(message: str, internal: str | None = None) -> AirbyteTracedException:
    """Return an error that the administrator can correct.

    `internal` is the message for the log; `message` if absent.
    """
    return _error(FailureType.config_error, message, internal)


def transient_error(message: str, internal: str | None = None) -> AirbyteTracedException:
    """Return an error that may not occur in the next attempt.

    `internal` is the message for the log; `message` if absent.
    """
    return _error(FailureType.transient_error, message, internal)


def _error(failure_type: FailureType, message: str, internal: str | None) -> AirbyteTracedException:
    return AirbyteTracedException(message=message, internal_message=internal or message, failure_type=failure_type)
