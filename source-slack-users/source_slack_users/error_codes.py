"""Maps Slack's error codes to actions, with advice for the administrator.

Slack documents the codes on the page of each method, for example https://docs.slack.dev/reference/methods/users.list.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import ResponseAction

PERMISSIONS_PAGE = 'the page "OAuth & Permissions" of the Slack app (https://api.slack.com/apps)'


@dataclass(frozen=True)
class Rule:
    """Holds the action for an error code, and for a failure its advice and type."""

    action: ResponseAction
    advice: str = ""
    failure_type: FailureType | None = None


def _administrator(advice: str) -> Rule:
    return Rule(ResponseAction.FAIL, advice, FailureType.config_error)


def _renewable(advice: str) -> Rule:
    return Rule(ResponseAction.REFRESH_TOKEN_THEN_RETRY, advice, FailureType.config_error)


_RETRY = Rule(ResponseAction.RETRY)
_LATER = Rule(ResponseAction.FAIL, "A later sync may succeed.", FailureType.transient_error)
_BUG = Rule(
    ResponseAction.FAIL,
    "The connector sent a request that Slack does not accept. Please report this with the log.",
    FailureType.system_error,
)
_OUTDATED = Rule(
    ResponseAction.FAIL,
    "Slack no longer offers this method. Update the connector.",
    FailureType.system_error,
)
_TEAM = _administrator(
    "The token cannot see this workspace. Correct Workspaces (team_ids), or have the app added there."
)
_BOT = _administrator(
    "This needs a user token (xoxp-) of an administrator, not a bot's. Use one, or leave the stream out."
)
_CONSENT = _administrator("Slack does not accept this sign-in. Authenticate again in the source's form.")

RULES: Mapping[str, Rule] = {
    # Errors that an administrator can fix.
    "invalid_auth": _renewable(
        "The token is not valid, may not call this method, or comes from an address that the workspace does not allow. "
        f"Copy it again from {PERMISSIONS_PAGE}, or authenticate again; then look at the workspace's allowed IP addresses."
    ),
    "not_authed": _administrator(f"No token arrived. Copy it again from {PERMISSIONS_PAGE}, or authenticate again."),
    "token_revoked": _renewable("The token was revoked. Install the Slack app again and enter its new token."),
    "token_expired": _renewable(
        "The access token has expired, and no refresh token renews it. Authenticate again, or enter the refresh token."
    ),
    "account_inactive": _administrator(
        "The token belongs to a deactivated account or workspace. Use a token of an active one."
    ),
    "missing_scope": _administrator("The token lacks a scope."),
    "accesslimited": _administrator(
        "The workspace limits access to certain networks. Have the address of this connector allowed in Slack's settings."
    ),
    "two_factor_setup_required": _administrator(
        "The workspace requires two-factor authentication, and the token's owner has not set it up. Have them set it up."
    ),
    "access_denied": _administrator("Access is denied. Ask a workspace administrator to approve the Slack app."),
    "no_permission": _administrator(
        "The token's owner or app may not do this. Ask a workspace administrator to allow it."
    ),
    "not_an_admin": _administrator("The token must belong to an administrator. Use one's user token (xoxp-)."),
    "not_allowed_token_type": _administrator(
        "Slack does not allow this type of token. users and user_groups need a bot's or a user's token (xoxb- or xoxp-), the "
        "other streams an administrator's user token (xoxp-)."
    ),
    "is_bot": _BOT,
    "user_is_bot": _BOT,
    "user_is_restricted": _administrator("The token belongs to a guest. Use a full member's token."),
    "org_login_required": _administrator(
        "The workspace is moving to an Enterprise organization. Sync again when the move is complete."
    ),
    "upgrade_required": _administrator("The workspace is moving to an Enterprise organization. Sync again after that."),
    "ekm_access_denied": _administrator(
        "Slack's administrators have suspended access (Enterprise Key Management). Ask them to restore it."
    ),
    "enterprise_is_restricted": _administrator(
        "The Enterprise organization does not allow this. Ask its administrators."
    ),
    "team_access_not_granted": _administrator(
        "The app is not installed in this workspace. Have it added, or name other Workspaces (team_ids)."
    ),
    "invalid_team": _TEAM,
    "invalid_team_id": _TEAM,
    "paid_only": _administrator(
        "The workspace's plan does not offer this. It needs a paid Slack plan; leave the stream out otherwise."
    ),
    "paid_teams_only": _administrator(
        "The workspace's plan does not offer this. It needs a paid Slack plan; leave the stream out otherwise."
    ),
    "plan_upgrade_required": _administrator(
        "The workspace's plan has no user groups. They need a paid Slack plan; leave the stream user_groups out otherwise."
    ),
    "feature_not_available": _administrator(
        "Analytics need a token of an organization on Business+ or Enterprise. Leave the stream member_activity out otherwise."
    ),
    "feature_not_enabled": _administrator(
        "Analytics are not enabled in this workspace. Have them enabled, or leave the stream member_activity out."
    ),
    "preview_feature_not_available": _administrator(
        "Slack does not offer this to the workspace yet. Ask Slack's support, or leave the stream out."
    ),
    "member_analytics_disabled": _administrator(
        "Member analytics are disabled in the organization. Have them enabled, or leave the stream member_activity out."
    ),
    "org_level_email_display_disabled": _administrator(
        "Slack offers no analytics if the organization hides e-mail addresses. Leave the stream member_activity out."
    ),
    "user_cannot_manage_public_channels": _administrator(
        "The token's owner may not manage the organization's public channels. Ask an organization administrator to allow it."
    ),
    "invalid_refresh_token": _administrator(
        "The refresh token is used up or revoked. Authenticate again, with one app and one source for each connection."
    ),
    "invalid_client_id": _administrator(
        "No Slack app has this Client ID. Copy it again from the app's page Basic Information."
    ),
    "bad_client_secret": _administrator(
        "The Client secret does not belong to the Slack app. Copy it again from the app's page Basic Information."
    ),
    "cannot_install_an_org_installed_app": _administrator(
        "The Slack app is installed in the organization. Authenticate as the organization, not as one workspace."
    ),
    "user_email_unverified": _administrator(
        "The user who authenticated has not confirmed their e-mail address in Slack. Confirm it, and authenticate again."
    ),
    "bad_redirect_uri": _CONSENT,
    "invalid_code": _CONSENT,
    "invalid_code_verifier": _CONSENT,
    "no_scopes": _CONSENT,
    "oauth_authorization_url_mismatch": _CONSENT,
    "pkce_not_allowed": _CONSENT,
    # Transient errors.
    "ratelimited": Rule(ResponseAction.RATE_LIMITED),
    "rate_limited": Rule(ResponseAction.RATE_LIMITED),
    "internal_error": _RETRY,
    "fatal_error": _RETRY,
    "request_timeout": _RETRY,
    "service_unavailable": _RETRY,
    "team_added_to_org": _RETRY,
    # Data that Slack does not have, yet or any more.
    "data_not_available": _LATER,
    "file_not_found": _LATER,
    "file_not_yet_available": _LATER,
    "metadata_not_available": _LATER,
    "user_not_found": _LATER,
    "users_not_found": _LATER,
    # Errors that restart a listing.
    "invalid_cursor": Rule(ResponseAction.RESET_PAGINATION),
    "limit_required": Rule(ResponseAction.REDUCE_PAGE_SIZE),
    # Errors that only a change of this connector fixes.
    "deprecated_endpoint": _OUTDATED,
    "method_deprecated": _OUTDATED,
    "unknown_method": _OUTDATED,
    "invalid_arg_name": _BUG,
    "invalid_arguments": _BUG,
    "invalid_array_arg": _BUG,
    "invalid_charset": _BUG,
    "invalid_date": _BUG,
    "invalid_form_data": _BUG,
    "invalid_grant_type": _BUG,
    "invalid_json": _BUG,
    "invalid_limit": _BUG,
    "invalid_post_type": _BUG,
    "invalid_type": _BUG,
    "json_not_object": _BUG,
    "metadata_only_does_not_support_date": _BUG,
    "missing_argument": _BUG,
    "missing_charset": _BUG,
    "missing_post_type": _BUG,
    "over_pagination_limit": _BUG,
    "superfluous_charset": _BUG,
}
