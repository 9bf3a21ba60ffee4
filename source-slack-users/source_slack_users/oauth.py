"""Signs requests with a token, and renews tokens that rotate.

See https://docs.slack.dev/authentication/using-token-rotation.
"""

import copy
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import requests
from airbyte_cdk.config_observation import emit_configuration_as_airbyte_control_message
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.requests_native_auth import TokenAuthenticator
from requests.auth import AuthBase

from source_slack_users.config import ApiToken, Config, OAuth
from source_slack_users.errors import config_error
from source_slack_users.masking import mask
from source_slack_users.retries import RetryPolicy
from source_slack_users.slack_api import SlackApi

# A request sent within this time before the expiry might arrive after it.
MARGIN = timedelta(minutes=1)


def sign_in(config: Config, raw: Mapping[str, Any], retry_policy: RetryPolicy) -> AuthBase:
    """Build the authenticator, and mask the secrets of the configuration.

    Args:
        config: The configuration.
        raw: The configuration as the platform sent it; renewed tokens are returned to it in a copy.
        retry_policy: The time limits of a renewal.
    """
    credentials = config.credentials
    mask_secrets(credentials)
    if isinstance(credentials, ApiToken):
        return TokenAuthenticator(credentials.api_token)
    if not credentials.refresh_token:
        return TokenAuthenticator(credentials.access_token)
    return RotatingToken(credentials, raw, config.api_url, retry_policy)


def mask_secrets(credentials: ApiToken | OAuth) -> None:
    """Mask the secrets of the credentials in all output."""
    if isinstance(credentials, ApiToken):
        mask(credentials.api_token)
    else:
        mask(credentials.client_secret, credentials.access_token, credentials.refresh_token)


class RotatingToken(AuthBase):
    """Signs requests with an access token, and renews it with a refresh token.

    A refresh token can be used once. Without an expiry date, the access token is used until Slack rejects it.
    """

    def __init__(self, credentials: OAuth, raw: Mapping[str, Any], api_url: str, retry_policy: RetryPolicy) -> None:
        self._credentials = credentials
        self._raw = copy.deepcopy(dict(raw))
        self._api = SlackApi(None, api_url, None, retry_policy=retry_policy, unknown=FailureType.config_error)
        self._revoked = False

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request; renew the token first if it is about to expire."""
        expiry = self._credentials.token_expiry_date
        if expiry is not None and datetime.now(timezone.utc) + MARGIN >= expiry:
            self.renew()
        request.headers["Authorization"] = f"Bearer {self._credentials.access_token}"
        return request

    def renew_after(self, code: str) -> bool:
        """Renew the tokens if that may help; return whether they were renewed.

        An expired token is renewed every time; one that was revoked or is not valid, once per command.
        """
        if code != "token_expired":
            if self._revoked:
                return False
            self._revoked = True
        self.renew()
        return True

    def renew(self) -> None:
        """Renew both tokens, and send them to the platform (Slack: oauth.v2.access).

        Raises config_error if Slack rejects the refresh token, transient_error if Slack is unreachable. Then it sends
        no CONTROL message.
        """
        old = self._credentials
        payload, _ = self._api.call(
            "oauth.v2.access",
            form={
                "grant_type": "refresh_token",
                "refresh_token": old.refresh_token,
                "client_id": old.client_id,
                "client_secret": old.client_secret,
            },
        )
        user = payload.get("authed_user")
        source = user if not payload.get("access_token") and isinstance(user, dict) else payload
        access_token = _token(source.get("access_token"))
        refresh_token = _token(source.get("refresh_token") or old.refresh_token)
        mask(access_token, refresh_token)
        self._credentials = old.model_copy(
            update={
                "access_token": access_token,
                "refresh_token": refresh_token,
                "token_expiry_date": _expiry(source.get("expires_in")),
            }
        )
        self._hand_over()

    def _hand_over(self) -> None:
        """Print the CONTROL message with the new tokens."""
        # At once: if this process ended before, the platform could not sign in again.
        new = self._credentials
        given = {name: value for name, value in self._raw["credentials"].items() if name != "token_expiry_date"}
        given |= {"access_token": new.access_token, "refresh_token": new.refresh_token}
        if new.token_expiry_date is not None:  # the spec's format date-time rejects an empty one
            given["token_expiry_date"] = new.token_expiry_date.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._raw["credentials"] = given
        emit_configuration_as_airbyte_control_message(self._raw)


def _token(value: Any) -> str:
    """Return a token of a response. Raises config_error if it cannot be sent."""
    # Longer ones are not masked: their forms would take a hundred times their size.
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,16384}", value):
        raise config_error("Slack's oauth.v2.access sent no new access token. Authenticate again.")
    return value


def _expiry(expires_in: Any) -> datetime | None:
    """Return the time in `expires_in` seconds; None if it is not a number."""
    try:
        return datetime.now(timezone.utc) + timedelta(seconds=expires_in)
    except (TypeError, ValueError, OverflowError):
        return None
