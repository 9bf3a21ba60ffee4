"""Builds the errors that end a command, with a sentence for the administrator."""

import re
from collections.abc import Mapping
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_slack_users.error_codes import PERMISSIONS_PAGE, RULES


class RequestRejected(AirbyteTracedException):
    """Reports a rejected request that no retry fixes; `code` is Slack's error code."""

    code: str = ""


def rejection(method: str, payload: Mapping[str, Any], unknown: FailureType) -> RequestRejected:
    """Build the error for a response with `ok: false` that no retry fixes.

    Args:
        method: The method of the Web API that was called.
        payload: Slack's JSON.
        unknown: The failure type of a code without a rule.
    """
    code = _word(payload.get("error"))
    rule = RULES.get(code)
    if rule is None:
        advice, failure_type = (
            "This connector does not have the code. Look it up on Slack's page of the method, and report it.",
            unknown,
        )
    else:
        advice, failure_type = rule.advice, rule.failure_type or unknown
    if code == "missing_scope" and payload.get("needed"):
        advice = scope_advice(_word(payload["needed"]))
    message = f"Slack rejected {method} with {code}. {advice}"
    error = RequestRejected(message=message, internal_message=message, failure_type=failure_type)
    error.code = code
    return error


def _word(value: Any) -> str:
    """Return a code or scopes unchanged, and a fixed text for anything else."""
    # Other text might repeat the token that was sent.
    return value if isinstance(value, str) and re.fullmatch(r"[a-z0-9_.:,]{1,200}", value) else "an unknown reason"


def scope_advice(scopes: str) -> str:
    """Return the advice to add `scopes` (comma-separated) to the token."""
    return f"The token lacks the scope {scopes}. Add it on {PERMISSIONS_PAGE}, and install the app again."


def failure(message: str, failure_type: FailureType) -> AirbyteTracedException:
    """Build an error that ends a command, with a sentence for the administrator."""
    return AirbyteTracedException(message=message, internal_message=message, failure_type=failure_type)


def config_error(message: str) -> AirbyteTracedException:
    """Build an error that a change of the settings, here or in Slack, fixes."""
    return failure(message, FailureType.config_error)


def transient_error(message: str) -> AirbyteTracedException:
    """Build an error that the next attempt may not meet."""
    return failure(message, FailureType.transient_error)


def unexpected_error(error: Exception) -> AirbyteTracedException:
    """Build the error for an unexpected exception, which is a bug of this connector."""
    return AirbyteTracedException(
        message="Slack sent an unexpected response, or the connector has a bug "
        f"({type(error).__name__}). Please report this with the log.",
        internal_message=repr(error),
        failure_type=FailureType.system_error,
        exception=error,
    )
