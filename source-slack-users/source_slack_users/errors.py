"""What each of Slack's error codes means for a sync: the one table, and the sentences for who can mend it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import ResponseAction
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

PERMISSIONS_PAGE = 'the page "OAuth & Permissions" of the Slack app (https://api.slack.com/apps)'


@dataclass(frozen=True)
class Rule:
    """What to do about one error code: the CDK's action, and for a failure what mends it, and its type."""

    action: ResponseAction
    advice: str = ""
    failure_type: FailureType | None = None


def _mend(advice: str) -> Rule:
    return Rule(ResponseAction.FAIL, advice, FailureType.config_error)


_WAIT = Rule(ResponseAction.RETRY)
_NEW_TOKEN = _mend(f"The token is not valid. Copy it again from {PERMISSIONS_PAGE}, or authenticate anew.")
_PAID = _mend("The workspace's plan does not offer this. It needs a paid Slack plan; leave the stream out otherwise.")
_SIGN_IN = _mend("The OAuth credentials are not those of the Slack app. Correct them, or authenticate anew.")
_AUTHENTICATE = _mend("The refresh token is spent or revoked. Authenticate anew.")

# Slack's own words for these codes are on the pages of its methods (users.list, auth.test, oauth.v2.access).
RULES: Mapping[str, Rule] = {
    # Only an administrator can mend these.
    "invalid_auth": _NEW_TOKEN,
    "not_authed": _NEW_TOKEN,
    "token_revoked": _mend("The token was revoked. Install the Slack app again and enter its new token."),
    "token_expired": Rule(
        ResponseAction.REFRESH_TOKEN_THEN_RETRY,
        "The access token has expired, and there is no refresh token to renew it with. Authenticate anew.",
        FailureType.config_error,
    ),
    "account_inactive": _mend("The token belongs to a deactivated account or workspace. Use a token of an active one."),
    "missing_scope": _mend("The token lacks a scope."),
    "no_permission": _mend("The token's owner or app may not do this. Ask a workspace administrator to allow it."),
    "org_login_required": _mend("The workspace is moving to an Enterprise Grid. Sync again when the move is complete."),
    "ekm_access_denied": _mend("Slack's administrators have suspended access (Enterprise Key Management)."),
    "team_access_not_granted": _mend("The app is not installed in this workspace. Have it added, or name others."),
    "not_allowed_token_type": _mend(
        "Slack does not offer this to tokens of this kind. users needs a bot's or a user's token (xoxb or xoxp), last_logins and "
        "billable_info an administrator's user token (xoxp)."
    ),
    "access_denied": _mend("Access is denied. Ask a workspace administrator to approve the Slack app."),
    "enterprise_is_restricted": _mend("The Enterprise Grid does not allow this. Ask its administrators."),
    "paid_only": _PAID,
    "paid_teams_only": _PAID,
    "not_an_admin": _mend("The token must belong to a workspace administrator."),
    "invalid_refresh_token": _AUTHENTICATE,
    "invalid_client_id": _SIGN_IN,
    "bad_client_secret": _SIGN_IN,
    # These pass by themselves.
    "ratelimited": Rule(ResponseAction.RATE_LIMITED),
    "internal_error": _WAIT,
    "fatal_error": _WAIT,
    "request_timeout": _WAIT,
    "service_unavailable": _WAIT,
    "team_added_to_org": _WAIT,
    # These ask for the listing in another way.
    "invalid_cursor": Rule(ResponseAction.RESET_PAGINATION),
    "limit_required": Rule(ResponseAction.REDUCE_PAGE_SIZE),
}


def refusal(method: str, answer: Mapping[str, Any], unknown: FailureType) -> AirbyteTracedException:
    """Build the error for an answer with `ok: false` that no retry mends.

    `method` is the method of the Web API that was called, `answer` Slack's JSON, `unknown` the failure type for a code
    that the table does not have.
    """
    code = _word(answer.get("error"))
    rule = RULES.get(code)
    if rule is None:
        advice, failure_type = "This connector does not know the reason. Slack's documentation may.", unknown
    else:
        advice, failure_type = rule.advice, rule.failure_type or unknown
    if code == "missing_scope" and answer.get("needed"):
        advice = scope_advice(_word(answer["needed"]))
    return failure(f"Slack refused {method} with {code}. {advice}", failure_type)


def _word(value: Any) -> str:
    """Codes and scopes are repeated in messages; anything else might repeat the token that was sent."""
    return value if isinstance(value, str) and re.fullmatch(r"[a-z_.:,]{1,200}", value) else "an unknown reason"


def scope_advice(scopes: str) -> str:
    """Say which scopes (comma-separated) a token lacks, and where to add them."""
    return f"The token lacks the scope {scopes}. Add it on {PERMISSIONS_PAGE}, and install the app again."


def failure(message: str, failure_type: FailureType) -> AirbyteTracedException:
    """Build the error that stops a command; `message` is a sentence for an administrator."""
    return AirbyteTracedException(message=message, internal_message=message, failure_type=failure_type)


def config_error(message: str) -> AirbyteTracedException:
    """Build an error that a change of the configuration, or of Slack's settings, mends."""
    return failure(message, FailureType.config_error)


def transient_error(message: str) -> AirbyteTracedException:
    """Build an error that the next attempt may not meet."""
    return failure(message, FailureType.transient_error)


def surprise(error: Exception) -> AirbyteTracedException:
    """Build the error for what nobody foresaw: only a change of this connector mends it."""
    return AirbyteTracedException(
        message="Slack's answer has a shape that this connector does not know, or the connector is at fault "
        f"({type(error).__name__}). Please report this with the log.",
        internal_message=repr(error),
        failure_type=FailureType.system_error,
        exception=error,
    )
