"""HTTP as every command of the bundle uses it: encrypted or on this machine, bounded in time and in size."""

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
    """There is no answer. The message is the rest of a sentence that begins with the host."""


class CertificateRejected(HttpProblem):
    """The server's certificate cannot be verified."""


class ResponseTimeout(HttpProblem):
    """The answer is not there whole within its time; the server may have processed the request."""


class Unreachable(HttpProblem):
    """No connection, or it broke."""


class ResponseTooLarge(HttpProblem):
    """The answer is larger than any that is expected."""


@dataclass(frozen=True)
class Response:
    """One answer: its status, its headers (names without regard to case) and its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; None if it is none, or holds more values than any of Airbyte's: [[],[]] takes 30 times its size."""
        if sum(map(self.body.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _Headers(AuthBase):
    """Sets the headers that authenticate. Without it requests would look for a password in .netrc."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class Http:
    """Requests to one address, with one set of credentials. Raises HttpProblem from `request`."""

    def __init__(self, root: str, *, seconds: float) -> None:
        """`root` begins each address; `seconds` is the time for one whole answer."""
        self._root = root
        self._seconds = seconds
        self._session = requests.Session()
        if is_loopback(urlsplit(root).hostname or ""):
            # A proxy must not hear a token for this machine, whatever NO_PROXY says.
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
        """Send one request, and return its answer whatever the status; a redirect is an answer like any other.

        `credentials` are headers, `params` go into the query, `form` or `body` (as JSON) is what is sent.
        """
        done: queue.SimpleQueue[Response | HttpProblem] = queue.SimpleQueue()

        def run() -> None:
            try:
                done.put(self._send(method, path, credentials or {}, {"params": params, "data": form, "json": body}))
            except HttpProblem as problem:
                done.put(problem)

        # A time-out of requests is one between two bytes; only another thread bounds the whole.
        threading.Thread(target=run, daemon=True).start()
        try:
            outcome = done.get(timeout=self._seconds)
        except queue.Empty:
            raise ResponseTimeout(f"did not answer within {self._seconds:.0f} seconds") from None
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
            raise ResponseTimeout("did not answer in time") from None
        except (requests.RequestException, OSError, ValueError) as error:
            raise Unreachable(f"cannot be reached ({type(error).__name__})") from None


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for piece in response.iter_content(64 * 1024):
        body += piece
        if len(body) > MAX_BYTES:
            raise ResponseTooLarge(f"gave an answer of more than {MAX_BYTES // 1024 // 1024} MB")
    return bytes(body)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_private(url: str) -> bool:
    """Whether a secret may travel to an address: it is https, or this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )
