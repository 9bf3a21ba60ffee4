"""Sends HTTP requests with limits of time and size."""

import ipaddress
import json
import os
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

CONNECT_SECONDS = 10.0
MAX_BYTES = 16 * 1024 * 1024
MAX_VALUES = 2_000_000


class HttpProblem(Exception):
    """Reports that there is no response.

    The message is a predicate whose subject is the host.
    """


class CertificateRejected(HttpProblem):
    """Reports a certificate that cannot be verified."""


class ResponseTimeout(HttpProblem):
    """Reports a response that is late; the server may have processed the request."""


class Unreachable(HttpProblem):
    """Reports that there was no connection, or that it was lost."""


class ResponseTooLarge(HttpProblem):
    """Reports a response that is larger than any expected one."""


@dataclass(frozen=True)
class Response:
    """Holds a response: its status, headers (in any case) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON; None if it is not JSON, or has too many values."""
        if sum(map(self.body.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _Headers(AuthBase):
    """Sets the headers that authenticate, instead of a password from .netrc."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class Http:
    """Sends requests to one address, with one set of credentials."""

    def __init__(self, root: str, *, seconds: float) -> None:
        """Send to addresses below `root`, with `seconds` for each whole response."""
        self._root = root
        self._seconds = seconds
        self._session = requests.Session()
        if is_loopback(urlsplit(root).hostname or ""):
            # A proxy must not receive a token for this machine, whatever NO_PROXY is.
            self._session.trust_env = False
            self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True

    def request(
        self,
        method: str,
        path: str,
        *,
        credentials: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Response:
        """Send one request, and return the response, whatever its status.

        Does not follow redirects. `credentials` are headers, `params` the query, and `form` or `body` (as JSON) the
        content. Raises HttpProblem if there is no response.
        """
        done: queue.SimpleQueue[Response | HttpProblem] = queue.SimpleQueue()

        def run() -> None:
            try:
                done.put(self._send(method, path, credentials or {}, {"params": params, "data": form, "json": body}))
            except HttpProblem as problem:
                done.put(problem)

        # The time-out of requests limits the time between two bytes, so a thread limits that of the whole response.
        threading.Thread(target=run, daemon=True).start()
        try:
            outcome = done.get(timeout=self._seconds)
        except queue.Empty:
            raise ResponseTimeout(f"did not respond within {self._seconds:.0f} seconds") from None
        if isinstance(outcome, HttpProblem):
            raise outcome
        return outcome

    def _send(self, method: str, path: str, credentials: Mapping[str, str], content: dict[str, Any]) -> Response:
        try:
            with self._session.request(
                method,
                self._root + path,
                auth=_Headers(credentials),
                allow_redirects=False,
                stream=True,
                timeout=(min(CONNECT_SECONDS, self._seconds), self._seconds),
                **content,
            ) as response:
                return Response(response.status_code, response.headers, _read(response))
        except requests.exceptions.SSLError:
            raise CertificateRejected(
                "has a certificate that cannot be verified. If an authority of your own signed it, set "
                "REQUESTS_CA_BUNDLE to that authority's file"
            ) from None
        except requests.Timeout:
            raise ResponseTimeout("did not respond in time") from None
        except (requests.RequestException, OSError, ValueError) as error:
            raise Unreachable(f"is unreachable ({type(error).__name__})") from None


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for piece in response.iter_content(64 * 1024):
        body += piece
        if len(body) > MAX_BYTES:
            raise ResponseTooLarge(f"sent a response of more than {MAX_BYTES // 1024 // 1024} MB")
    return bytes(body)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_private(url: str) -> bool:
    """Return whether an address may receive secrets: https, or this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )
