"""Tests of sign-in: a password is exchanged for a token once for all threads."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.sign_in import SignIn
from destination_oomnitza.config.models import ApiTokenCredentials, PasswordCredentials


class Exchange:
    """Returns a new token each time."""

    def __init__(self) -> None:
        self.forms: list[Mapping[str, str]] = []

    def __call__(self, form: Mapping[str, str]) -> str:
        self.forms.append(form)
        return f"token-{len(self.forms)}"


def with_password(exchange: Exchange) -> SignIn:
    credentials = PasswordCredentials.model_validate(
        {"auth_type": "password", "username": "ada", "password": "made-up"}
    )
    sign_in = SignIn(credentials, exchange)
    sign_in.begin()
    return sign_in


def test_begin_with_an_endless_token_fails_before_masking() -> None:
    """Its forms would take a hundred times its size."""
    with pytest.raises(AirbyteTracedException, match="longer than any token") as raised:
        with_password(lambda form: "t" * 20_000)  # type: ignore[arg-type]
    assert raised.value.failure_type is FailureType.config_error


def test_renew_expired_token_once_for_all_threads() -> None:
    exchange = Exchange()
    sign_in = with_password(exchange)
    sign_in.accept("token-1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: sign_in.renew("token-1", renewed=False), range(8)))
    assert sign_in.token == "token-2"
    assert exchange.forms == [{"login": "ada", "password": "made-up"}] * 2


def test_renew_again_after_each_expiry() -> None:
    sign_in = with_password(Exchange())
    for number in range(1, 4):
        sign_in.accept(f"token-{number}")
        sign_in.renew(f"token-{number}", renewed=False)
    assert sign_in.token == "token-4"


def test_renew_token_that_was_never_accepted_fails() -> None:
    sign_in = with_password(Exchange())
    with pytest.raises(AirbyteTracedException, match="user name and password") as raised:
        sign_in.renew("token-1", renewed=False)
    assert raised.value.failure_type is FailureType.config_error


def test_renew_for_one_request_twice_fails() -> None:
    """The endpoint answers 401 to any token."""
    exchange = Exchange()
    sign_in = with_password(exchange)
    sign_in.accept("token-1")
    sign_in.renew("token-1", renewed=False)
    sign_in.accept("token-2")
    with pytest.raises(AirbyteTracedException, match="user name and password"):
        sign_in.renew("token-2", renewed=True)
    assert len(exchange.forms) == 2


def test_renew_api_token_fails() -> None:
    credentials = ApiTokenCredentials.model_validate({"auth_type": "api_token", "api_token": "made-up"})
    sign_in = SignIn(credentials, Exchange())
    sign_in.begin()
    sign_in.accept("made-up")
    with pytest.raises(AirbyteTracedException, match="Make a new one"):
        sign_in.renew("made-up", renewed=False)
