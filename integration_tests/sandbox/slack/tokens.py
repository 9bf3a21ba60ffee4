"""Manages Slack's tokens: their rights, expiry, and rotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

USER_SCOPES = ("users:read", "users:read.email")


class SlackError(Exception):
    """Returns `{"ok": false, "error": code}`, with further fields."""

    def __init__(self, code: str, **more: str) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


@dataclass
class Token:
    """Describes a token. `state` is the error code that rejects it; None if valid.

    `team_id` is the token's workspace; None if it is valid for a whole organization.
    """

    text: str
    scopes: tuple[str, ...]
    team_id: str | None
    user_id: str
    kind: str = "bot"
    admin: bool = False
    state: str | None = None


@dataclass
class Tokens:
    """Holds all tokens, and the app that rotates its own.

    `client_id`, `client_secret` and `code` are the app's, `refresh_token` is valid for the next exchange, and
    `rotating_token` is its access token.
    """

    seed: int
    team_id: str
    user_id: str
    issued: dict[str, Token] = field(default_factory=dict)
    spent: list[str] = field(default_factory=list)
    client_id: str = "1001.2002"
    client_secret: str = "sandbox-client-secret"
    code: str = "sandbox-consent-code"
    redirect_uri: str = "https://cloud.airbyte.com/auth_flow"
    refresh_token: str = ""
    rotating_token: str = ""
    exchanges: int = 0
    _number: int = 0

    def issue(
        self,
        scopes: Sequence[str] = USER_SCOPES,
        *,
        team_id: str | None = None,
        user_id: str | None = None,
        kind: str = "bot",
        admin: bool = False,
        organization: bool = False,
        prefix: str = "",
    ) -> str:
        """Issue a token: of a bot or user, of a workspace (the first) or organization."""
        self._number += 1
        text = f"{prefix}{'xoxb' if kind == 'bot' else 'xoxp'}-sandbox-{self.seed}-{self._number}"
        home = None if organization else team_id or self.team_id
        self.issued[text] = Token(text, tuple(scopes), home, user_id or self.user_id, kind, admin)
        return text

    def rotate(self) -> None:
        """Issue a new pair for the rotating app. The old access token expires later."""
        self.exchanges += 1
        self.rotating_token = self.issue(prefix="xoxe.")
        self.refresh_token = f"xoxe-sandbox-refresh-{self.seed}-{self.exchanges}"

    def set_state(self, text: str | None, state: str | None) -> None:
        """Make a token rejected with `state`; the rotating one by default."""
        self.issued[text or self.rotating_token].state = state

    def authenticate(self, header: str | None) -> Token:
        """Return the token of an Authorization header, if it is valid."""
        if not header:
            raise SlackError("not_authed")
        scheme, _, text = header.partition(" ")
        token = self.issued.get(text)
        if scheme.lower() != "bearer" or token is None:
            raise SlackError("invalid_auth")
        if token.state is not None:
            raise SlackError(token.state)
        return token

    def exchange(self, form: dict[str, str]) -> dict[str, object]:
        """Exchange a code or a refresh token (Slack: oauth.v2.access)."""
        if form.get("client_id") != self.client_id:
            raise SlackError("invalid_client_id")
        if form.get("client_secret") != self.client_secret:
            raise SlackError("bad_client_secret")
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") != self.refresh_token:
                raise SlackError("invalid_refresh_token")
            self.spent.append(self.refresh_token)
        elif form.get("code") != self.code:
            raise SlackError("invalid_code")
        elif form.get("redirect_uri", self.redirect_uri) != self.redirect_uri:
            raise SlackError("bad_redirect_uri")
        self.rotate()
        token = self.issued[self.rotating_token]
        return {
            "access_token": token.text,
            "token_type": "bot",
            "scope": ",".join(token.scopes),
            "bot_user_id": token.user_id,
            "app_id": "A0SANDBOX",
            "expires_in": 43200,
            "refresh_token": self.refresh_token,
            "enterprise": None,
            "team": {"id": self.team_id, "name": "Acme"},
            "authed_user": {"id": token.user_id},
            "is_enterprise_install": False,
        }
