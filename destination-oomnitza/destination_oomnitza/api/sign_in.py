"""Sign-in: the API token or one exchanged for a password, and the CSRF token."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from destination_oomnitza.config.models import ApiTokenCredentials, PasswordCredentials
from destination_oomnitza.errors import config_error
from destination_oomnitza.masking import mask, mask_rotating

_LONGEST_CSRF_TOKEN = 4096
_LONGEST_TOKEN = 16_384

Exchange = Callable[[Mapping[str, str]], str]
"""Exchanges a form with `login` and `password` for a token."""


class SignIn:
    """Token of a client. Thread-safe."""

    def __init__(self, credentials: ApiTokenCredentials | PasswordCredentials, exchange: Exchange) -> None:
        self._credentials = credentials
        self._exchange = exchange
        self._lock = threading.Lock()
        self._accepted = False
        self.token = ""
        """The current token; empty before `begin`."""

    def begin(self) -> None:
        """Get the first token. Raises AirbyteTracedException (config_error) if it fails."""
        self.token = self._new_token()

    def accept(self, token: str) -> None:
        """Note that Oomnitza accepted a token."""
        if not self._accepted and token == self.token:
            self._accepted = True

    def renew(self, rejected: str, renewed: bool) -> None:
        """Replace a rejected token, once for all threads that used it.

        `renewed`: the token was already replaced for this request. Raises AirbyteTracedException (config_error) in that case, for
        an API token, and for a token that was never accepted.
        """
        with self._lock:
            if rejected != self.token and not renewed:
                return
            if isinstance(self._credentials, ApiTokenCredentials):
                raise config_error(
                    "Oomnitza does not accept the token (HTTP 401): it, or its user, was revoked or archived. "
                    "Make a new one under Configuration > Security > API tokens.",
                )
            if renewed or not self._accepted:
                raise config_error(
                    "Oomnitza does not accept the token that it gave for this user name and password (HTTP 401). "
                    "Check that the user is not archived, or use an API token.",
                )
            self._accepted = False
            self.token = self._new_token()

    def _new_token(self) -> str:
        credentials = self._credentials
        if isinstance(credentials, ApiTokenCredentials):
            token = credentials.api_token.get_secret_value().strip()
        else:
            token = self._exchange({"login": credentials.username, "password": credentials.password.get_secret_value()})
        if len(token) > _LONGEST_TOKEN:  # before it is masked, which takes a hundred times its size
            raise config_error(
                "The token is longer than any token of Oomnitza. Check the address, or copy the API token again."
            )
        mask(token)
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise config_error(
                "The API token has characters that no token has. Copy it from Oomnitza again (Configuration > Security > API tokens)."
            )
        return token


class CsrfToken:
    """Newest CSRF token of Oomnitza, sent with the following requests. Thread-safe.

    Oomnitza's own connector does the same.
    """

    def __init__(self) -> None:
        self._newest: tuple[str, str | None] = ("", None)
        """The CSRF token, and the token of the request whose response brought it."""

    def headers(self, token: str | None) -> dict[str, str]:
        """Return the header for a request with this token; none if its session is another."""
        csrf, its_token = self._newest
        return {"X-CSRF-Token": csrf} if csrf and its_token in (None, token) else {}

    def keep(self, headers: Mapping[str, str], token: str | None) -> None:
        """Keep the CSRF token of a response, if it has a valid one."""
        csrf = headers.get("X-CSRF-Token", "")
        if csrf != self._newest[0] and 0 < len(csrf) < _LONGEST_CSRF_TOKEN and csrf.isascii() and csrf.isprintable():
            mask_rotating(csrf)
            self._newest = (csrf, token)
