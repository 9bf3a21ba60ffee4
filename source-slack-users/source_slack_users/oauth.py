"""Signing requests with a token, and renewing a token that expires (Slack: token rotation)."""

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import requests
from airbyte_cdk.config_observation import emit_configuration_as_airbyte_control_message
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.requests_native_auth import TokenAuthenticator
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from requests.auth import AuthBase

from source_slack_users.config import ApiToken, Config, OAuth
from source_slack_users.errors import config_error
from source_slack_users.slack_api import Patience, SlackApi

# A request that is sent within this time before the expiry might arrive after it.
MARGIN = timedelta(minutes=1)


def sign_in(config: Config, raw: Mapping[str, Any], patience: Patience) -> AuthBase:
    """Build what signs requests with the configuration's token, and mask its secrets in every output.

    `raw` is the configuration as the platform gave it; a renewed pair of tokens is handed back in a copy of it.
    """
    credentials = config.credentials
    if isinstance(credentials, ApiToken):
        mask(credentials.api_token)
        return TokenAuthenticator(credentials.api_token)
    mask(credentials.client_secret, credentials.access_token, credentials.refresh_token)
    if not credentials.refresh_token:
        return TokenAuthenticator(credentials.access_token)
    return RotatingToken(credentials, raw, config.api_url, patience)


def mask(*secrets: str) -> None:
    """Have the CDK's filter replace secrets in logs and errors, also as they look in JSON and in a URL."""
    for secret in filter(None, secrets):
        for form in {secret, orjson.dumps(secret).decode()[1:-1], quote(secret, safe=""), quote_plus(secret)}:
            add_to_secrets(form)


class RotatingToken(AuthBase):
    """An access token that is renewed with a refresh token, which is spent with that.

    Without an expiry date the access token is used until Slack says `token_expired`; then the CDK's client calls
    `refresh_and_set_access_token`, once a request.
    """

    def __init__(self, credentials: OAuth, raw: Mapping[str, Any], api_url: str, patience: Patience) -> None:
        self._credentials = credentials
        self._raw = copy.deepcopy(dict(raw))
        self._api = SlackApi(None, api_url, None, patience=patience, unknown=FailureType.config_error)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request, with a renewed token if the present one is about to expire."""
        expiry = self._credentials.token_expiry_date
        if expiry is not None and datetime.now(timezone.utc) + MARGIN >= expiry:
            self.refresh_and_set_access_token()
        request.headers["Authorization"] = f"Bearer {self._credentials.access_token}"
        return request

    def refresh_and_set_access_token(self) -> None:
        """Renew the pair of tokens, and hand the new one to the platform at once (Slack: oauth.v2.access).

        Raises config_error where Slack refuses, transient_error where it cannot be reached; then no message is sent.
        """
        old = self._credentials
        answer, _ = self._api.call(
            "oauth.v2.access",
            form={
                "grant_type": "refresh_token",
                "refresh_token": old.refresh_token,
                "client_id": old.client_id,
                "client_secret": old.client_secret,
            },
        )
        user = answer.get("authed_user")
        source = user if not answer.get("access_token") and isinstance(user, dict) else answer
        access_token = source.get("access_token")
        if not access_token or not isinstance(access_token, str):
            raise config_error("Slack's oauth.v2.access gave no new access token. Authenticate anew.")
        refresh_token = source.get("refresh_token") or old.refresh_token
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
        """Print the CONTROL message now: should this process die first, nobody could sign in again."""
        new = self._credentials
        self._raw["credentials"].update(
            access_token=new.access_token,
            refresh_token=new.refresh_token,
            token_expiry_date=new.token_expiry_date.strftime("%Y-%m-%dT%H:%M:%SZ") if new.token_expiry_date else "",
        )
        emit_configuration_as_airbyte_control_message(self._raw)


def _expiry(expires_in: Any) -> datetime | None:
    """When a token expires that is valid for `expires_in` seconds; None where Slack does not say."""
    try:
        return datetime.now(timezone.utc) + timedelta(seconds=expires_in)
    except (TypeError, OverflowError):
        return None
