"""Read-only client: makes writes impossible in a test run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any
from urllib.parse import quote

from destination_oomnitza.api.client import Client, Creation
from destination_oomnitza.api.responses import Response
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config

_MADE_UP = "(new) "


class ReadOnlyClient(Client):
    """Client of a test run: sends no writes.

    A create returns a made-up id, and listings below such an id are empty.
    """

    def __init__(
        self, config: Config, retry_policy: RetryPolicy | None = None, cancellation: Cancellation | None = None
    ) -> None:
        super().__init__(config, retry_policy, cancellation)
        self._numbers = count(1)

    def get_list(self, path: str) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
        """Read a listing. See Client.get_list."""
        return ([], {}) if quote(_MADE_UP, safe="") in path else super().get_list(path)

    def edit(
        self, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None, *, items: bool = False
    ) -> Response:
        """Send nothing. See Client.edit."""
        return Response(None, {})

    def create(
        self, path: str, body: Any, find: Callable[[], Any], headers: Mapping[str, str] | None = None
    ) -> Creation:
        """Send nothing. See Client.create."""
        made_up = f"{_MADE_UP}{next(self._numbers)}"
        return Creation({"user_id": made_up, "saas_id": made_up, "role_id": made_up})
