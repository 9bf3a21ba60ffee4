"""Sends plain requests to the sandbox's Oomnitza, for its own tests."""

from __future__ import annotations

from typing import Any

import requests

from integration_tests.sandbox.service import Sandbox


class Caller:
    """Sends requests, with the valid token by default."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.headers = {"Authorization2": sandbox.oomnitza.token}

    def __call__(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
        headers = self.headers if headers is None else headers
        url = f"{self.sandbox.oomnitza_url}/api/{path}"
        return requests.request(method, url, headers=headers, timeout=10, allow_redirects=False, **more)

    def error(self, status: int, method: str, path: str, **more: Any) -> str:
        """Return the error of a request that must be rejected with a status."""
        answer = self(method, path, **more)
        assert answer.status_code == status, answer.text
        return str(answer.json()["error"])
