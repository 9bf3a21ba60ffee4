"""The errors that stop a command: each is a sentence for an administrator, and names who can fix it."""

import re
from collections.abc import Mapping
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_slack_users.error_codes import PERMISSIONS_PAGE, RULES


class RequestRejected(AirbyteTracedException):
    """Slack's answer was `ok: false`, and no retry helps; `code` is Slack's error code."""

    code: str = ""


def rejection(method: str, payload: Mapping[str, Any], unknown: FailureType) -> RequestRejected:
    """Build the error for an answer with `ok: false` that no retry fixes.

    Args:
        method: The method of the Web API that was called.
        answer: Slack's JSON.
        unknown: The failure type of a code that the table lacks.
    """
    code = _word(payload.get("error"))
    rule = RULES.get(code)
    if rule is None:
        advice, failure_type = (
            "The code is new to this connector. Look it up on Slack's page of the method, and report it.",
            unknown,
        )
    else:
        advice, failure_type = rule.advice, rule.failure_type or unknown
    if code == "missing_scope" and payload.get("needed"):
        advice = scope_advice(_word(payload["needed"]))
    message = f"Slack refused {method} with {code}. {advice}"
    error = RequestRejected(message=message, internal_message=message, failure_type=failure_type)
    error.code = code
    return error


def _word(value: Any) -> str:
    """Return a code or scopes as they are; anything else might repeat the token that was sent."""
    return value if isinstance(value, str) and re.fullmatch(r"[a-z0-9_.:,]{1,200}", value) else "an unknown reason"


def scope_advice(scopes: str) -> str:
    """Name the scopes (comma-separated) that a token lacks, and where to add them."""
    return f"The token lacks the scope {scopes}. Add it on {PERMISSIONS_PAGE}, and install the app again."


def failure(message: str, failure_type: FailureType) -> AirbyteTracedException:
    """Build the error that stops a command; `message` is a sentence for an administrator."""
    return AirbyteTracedException(message=message, internal_message=message, failure_type=failure_type)


def config_error(message: str) -> AirbyteTracedException:
    """Build an error that a change of the configuration, or of Slack's settings, fixes."""
    return failure(message, FailureType.config_error)


def transient_error(message: str) -> AirbyteTracedException:
    """Build an error that the next attempt may not meet."""
    return failure(message, FailureType.transient_error)


def unexpected_error(error: Exception) -> AirbyteTracedException:
    """Build the error for an unforeseen exception, which only a change of this connector fixes."""
    return AirbyteTracedException(
        message="Slack's answer has an unknown shape, or the connector has a bug "
        f"({type(error).__name__}). Please report this with the log.",
        internal_message=repr(error),
        failure_type=FailureType.system_error,
        exception=error,
    )
