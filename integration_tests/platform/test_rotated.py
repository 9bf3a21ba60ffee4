"""Tests of the tokens that a sync has renewed: the next sync continues with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundle.errors import UsageError
from bundle.rotated import RotatedCredentials

FIRST = {"access_token": "first", "refresh_token": "first refresh", "token_expiry_date": "2026-01-01T00:00:00Z"}
SECOND = {"access_token": "second", "refresh_token": "second refresh"}


def test_newest_with_a_corrected_secret_uses_it(tmp_path: Path) -> None:
    """Only the tokens are renewed; the client secret is the configuration's."""
    before, after = ({"credentials": {"client_secret": secret, **FIRST}} for secret in ("wrong", "right"))
    RotatedCredentials(tmp_path, before).keep({"credentials": {"client_secret": "wrong", **SECOND}})
    newest = RotatedCredentials(tmp_path, after).newest()
    assert newest == {"credentials": {"client_secret": "right", **SECOND}}


def test_exclusive_rotating_token_is_for_one_sync(tmp_path: Path) -> None:
    first, second = (RotatedCredentials(tmp_path, {"credentials": FIRST}) for _ in range(2))
    with first.exclusive(), pytest.raises(UsageError, match="Another sync of this Slack token"), second.exclusive():
        pass
    fixed = RotatedCredentials(tmp_path, {"credentials": {"api_token": "fixed"}})
    with fixed.exclusive(), fixed.exclusive():
        pass
