"""Limits the time and size of a response, and sends the token to no other host.

The time-out of requests limits the time between two bytes, so a response that comes byte by byte never exceeds it. The
deadline is therefore applied at the socket, below the parser of status lines and headers.
"""

import http.client
import io
import math
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from source_slack_users.config import is_loopback

MAX_JSON = 16 << 20
"""Bytes of a JSON response, decompressed. A page of 1,000 members has a few million."""

MAX_FILE = 64 << 20
"""Bytes of a compressed file, which this module does not decompress."""

FILE_TYPES = ("application/gzip", "application/x-gzip", "application/octet-stream")

_CHUNK = 1 << 16
_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


class ResponseTooSlow(requests.exceptions.ReadTimeout):
    """Reports a response that was not complete at the deadline."""


class ResponseTooLarge(requests.RequestException):
    """Reports a response of more bytes than Slack ever sends."""


class _TimedSocket(io.RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._silence = sock.gettimeout()
        self._raw = sock.makefile("rb", buffering=0)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the file from which http.client reads a response."""
        return io.BufferedReader(self, _CHUNK)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _deadline.get() - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(min(left, self._silence or left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **kwargs)  # type: ignore[arg-type]  # it only calls makefile()


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedTLSConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedTLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _BoundedAdapter(HTTPAdapter):
    """Sends a request, and reads its whole response within the limits."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Raise ResponseTooSlow, ResponseTooLarge, or what requests raises."""
        with _until(time.monotonic() + self._seconds):
            response = super().send(request, *args, **kwargs)
            try:
                response._content = b"".join(_body(response))
            except requests.RequestException:
                response.close()
                raise
            return response


@contextmanager
def _until(deadline: float) -> Iterator[None]:
    token = _deadline.set(deadline)
    try:
        yield
    except requests.RequestException as error:
        if time.monotonic() < deadline:
            raise
        raise ResponseTooSlow from error
    finally:
        _deadline.reset(token)


def is_file(response: requests.Response) -> bool:
    """Return whether a response is a compressed file (admin.analytics.getFile)."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower() in FILE_TYPES


def _body(response: requests.Response) -> Iterator[bytes]:
    """Yield the decompressed body.

    Raises ResponseTooLarge, and what requests raises for a body.
    """
    limit = MAX_FILE if is_file(response) else MAX_JSON
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise requests.exceptions.ContentDecodingError(f"Content-Encoding {coding!r} was not requested")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding == "gzip" else None
    received = size = 0
    try:
        while part := response.raw.read(_CHUNK, decode_content=False):
            received += len(part)
            if inflate:
                if inflate.eof:
                    raise zlib.error("there is more after the end of the gzip stream")
                part = inflate.decompress(part, limit - size + 1)
            size += len(part)
            if max(received, size) > limit:
                raise ResponseTooLarge(f"more than {limit >> 20} MB")
            yield part
    except (HTTPError, ValueError) as error:  # a chunk of negative length raises ValueError
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except zlib.error as error:
        raise requests.exceptions.ContentDecodingError(error) from error


class SlackSession(requests.Session):
    """Sends the token only to the host of the configuration."""

    def __init__(self, response_seconds: float) -> None:
        """Allow `response_seconds` for one whole response."""
        super().__init__()
        self.trust_env = False  # requests would replace the token by a password of .netrc
        self.headers.update({"Accept-Encoding": "gzip", "User-Agent": "airbyte-source-slack-users"})
        for scheme in ("https://", "http://"):
            self.mount(scheme, _BoundedAdapter(response_seconds))

    def merge_environment_settings(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the environment's proxies and certificates; no proxy for loopback."""
        settings = requests.Session().merge_environment_settings(url, *args, **kwargs)
        if is_loopback(urlsplit(url).hostname or ""):
            settings["proxies"] = {}
        return settings

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, so that no redirect is followed: the token would be sent along."""
