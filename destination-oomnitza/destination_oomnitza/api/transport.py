"""Transport: sends a request and reads its response, bounded in time and size.

The deadline applies below the HTTP library, where bytes are read: a server that sends a status line, headers,
`100 Continue` or a body byte by byte never triggers the library's own time-outs.
"""

from __future__ import annotations

import io
import logging
import socket
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.poolmanager import PoolManager, ProxyManager

from destination_oomnitza.api.responses import TransientFailure
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.instance_url import is_loopback
from destination_oomnitza.errors import config_error
from destination_oomnitza.masking import masked

# Its warnings quote whole URLs, and those of lookups contain e-mail addresses.
logging.getLogger("urllib3").setLevel(logging.ERROR)

USER_AGENT = "airbyte-destination-oomnitza"
MAX_ANSWER = 16 << 20
"""Bytes of a decoded response; a page of 2,000 people has a few million."""

_CHUNK = 1 << 16
_MAX_COOKIES = 50
_LONGEST_ADDRESS = 300
_deadline: ContextVar[float] = ContextVar("deadline")
_query: ContextVar[str] = ContextVar("query")
"""Query of the request, with its question mark."""


class _TimedReader(io.RawIOBase):
    """Reads a connection until the deadline of the request."""

    def __init__(self, connection: socket.socket, raw: io.RawIOBase) -> None:
        self._connection = connection
        self._raw = raw
        self._deadline = _deadline.get()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        rest = self._deadline - time.monotonic()
        if rest <= 0:
            raise TimeoutError("the answer takes too long")
        silence = self._connection.gettimeout()
        if silence is not None and silence <= rest:
            return self._raw.readinto(buffer)
        self._connection.settimeout(rest)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._connection.settimeout(silence)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach()))


class _Connection(HTTPConnection):
    response_class = _TimedResponse

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        super().putrequest(method, url + _query.get(), *args, **kwargs)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """Makes connections that enforce the deadline, to the server or to a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        _use_pools(manager)
        return manager

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        # Keeps the query from urllib3, which would check each of its thousands of characters; it is encoded already.
        url, mark, query = super().request_url(request, proxies).partition("?")
        _query.set(mark + query)
        return url


def _use_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect: the token's header would be sent there."""


@dataclass(frozen=True)
class Request:
    """Request, and how to read its response (see read_response).

    The path starts with /api and includes the encoded query.
    """

    method: str
    path: str
    data: Any = None
    """Bytes, or fields of a form."""
    headers: Mapping[str, str] | None = None
    keyed: bool = False
    items: bool = False

    @property
    def place(self) -> str:
        """Method and path for messages, without the query and its e-mail addresses."""
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass(frozen=True)
class RawResponse:
    """Response as received: status, headers and decoded body."""

    status: int
    headers: Mapping[str, str]
    content: bytearray


class Transport:
    """Sends requests to one origin over up to `connections` connections. Thread-safe."""

    def __init__(self, origin: str, connections: int, retry_policy: RetryPolicy) -> None:
        self._origin = origin
        self._retry_policy = retry_policy
        self._session = _Session()
        self._session.headers.update(
            {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": USER_AGENT}
        )
        # Reads proxies and certificates of the environment once, and never a .netrc, whose password requests would send.
        self._environment = self._session.merge_environment_settings(origin, {}, True, None, None)
        self._session.trust_env = False
        if is_loopback(urlsplit(origin).hostname or ""):
            # A connection to this machine may be unencrypted; a proxy would see its token.
            self._environment["proxies"] = {}
        self._session.mount(f"{origin}/", _Adapter(pool_maxsize=connections, max_retries=0))

    def send(self, request: Request, headers: Mapping[str, str]) -> RawResponse:
        """Send one request with these headers, and read its response.

        Raises TransientFailure if there is no complete response, and AirbyteTracedException (config_error) if no safe connection is
        possible.
        """
        prepared = self._prepare(request, headers)
        _deadline.set(time.monotonic() + self._retry_policy.answer)
        timeout = (self._retry_policy.connect, self._retry_policy.silence)
        failure: Exception
        try:
            response = self._session.send(prepared, timeout=timeout, **self._environment)
            if len(self._session.cookies) > _MAX_COOKIES:
                self._session.cookies.clear()
            return RawResponse(response.status_code, response.headers, _read(response))
        except (requests.exceptions.RequestException, HTTPError) as error:
            failure = self._meaning(error)
        except OSError as error:
            if error.errno is not None:
                raise  # not about certificates: the OSError that requests raises for those has no number
            failure = config_error(
                f"The certificates to trust cannot be read ({error}). REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE in the environment "
                "of this connector names the file or folder; correct it."
            )
        raise failure  # outside the handler, so that it does not reference the response

    def _prepare(self, request: Request, headers: Mapping[str, str]) -> requests.PreparedRequest:
        path, mark, query = request.path.partition("?")
        prepared = self._session.prepare_request(
            requests.Request(request.method, self._origin + path, data=request.data, headers=headers)
        )
        # The query is encoded already; requests would check each of its thousands of characters again.
        prepared.url = f"{prepared.url}{mark}{query}"
        return prepared

    def _meaning(self, error: Exception) -> AirbyteTracedException | TransientFailure:
        """Return the failure that an exception of requests or urllib3 stands for."""
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        if isinstance(error, requests.exceptions.SSLError) and not _is_cut(str(error)):
            return config_error(
                f"No safe connection to {self._origin} is possible, so nothing was sent: its certificate cannot be verified, "
                "or it does not use TLS. Check the address; "
                "if your company inspects its traffic, make its certificate known to Airbyte.",
                type(error).__name__,
            )
        if isinstance(error, (requests.exceptions.InvalidSchema, requests.exceptions.InvalidProxyURL)):
            return config_error(
                "The proxy of the environment (HTTPS_PROXY or ALL_PROXY) cannot be used. Give its address as http:// or "
                "https://; SOCKS is not supported."
            )
        if isinstance(error, requests.exceptions.InvalidURL):
            return config_error(f"{self._origin} is not an address that can be reached. Check it.")
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return TransientFailure("no connection in time", sent=False)
        if isinstance(error, requests.exceptions.Timeout):
            return TransientFailure("no answer in time", sent=True)
        if isinstance(error, requests.exceptions.ProxyError):
            return TransientFailure("the proxy of the environment (HTTPS_PROXY) made no connection", sent=True)
        if isinstance(reason, NewConnectionError):
            return TransientFailure("no connection", sent=False)
        return TransientFailure("the connection was cut", sent=True)


def redirect_target(origin: str, headers: Mapping[str, str]) -> str:
    """Return the origin to which a response of `origin` redirects."""
    try:
        target = urlsplit(urljoin(origin, headers.get("Location", "")))
        address = f"{target.scheme}://{target.hostname}" + (f":{target.port}" if target.port else "")
    except ValueError:
        return "another address"
    return masked(address)[:_LONGEST_ADDRESS]


def _is_cut(ssl_error: str) -> bool:
    """Return whether a TLS error is a cut connection and not a lack of trust."""
    return "EOF" in ssl_error or "ZERO_RETURN" in ssl_error or "timed out" in ssl_error


def _read(response: requests.Response) -> bytearray:
    """Read a whole body. Raises TransientFailure, and as requests and urllib3 do."""
    content = bytearray()
    while part := response.raw.read1(_CHUNK, decode_content=True):
        content += part
        if len(content) > MAX_ANSWER:
            response.close()
            content.clear()
            raise TransientFailure(f"Oomnitza answered with more than {MAX_ANSWER >> 20} MB", sent=True)
    if response.status_code < 200:
        response.close()  # the final response would be read as that of the next request
    return content
