"""Oomnitza over HTTP: one place for the token, time-outs, retries and what answers mean. Nothing else here knows HTTP."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError

from destination_oomnitza.api.retries import RetryPolicy, RetryState
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import ApiTokenCredentials, Config
from destination_oomnitza.errors import config_error, transient_error
from destination_oomnitza.masking import mask, masked

logger = logging.getLogger("airbyte")
# Its warnings quote whole URLs, and look-ups have e-mail addresses in them.
logging.getLogger("urllib3").setLevel(logging.ERROR)

USER_AGENT = "airbyte-destination-oomnitza"
MAX_ANSWER = 128 << 20
"""Bytes of an answer beyond which it is none of Oomnitza's, whose longest is a page of 500 people."""

_PROBE = "/api/v2/mappings?name=AuthTest"
_TOKENS = "/api/request_token"
_META = "/api/v3/users/meta"
_PASSING = frozenset({408, 425, 429})  # and every 5xx
_NO_SUCH_PLACE = frozenset({404, 405, 410})
_CHUNK = 1 << 16
_MAX_RETRY_LOGS = 20


class RequestRejected(Exception):
    """Oomnitza refused one request, for a reason that is about its content; the message is Oomnitza's reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class TransientFailure(Exception):
    """Something that may pass. `sent`: the request may have been processed all the same."""

    def __init__(self, what: str, sent: bool, retry_after: str | None = None) -> None:
        super().__init__(what)
        self.sent = sent
        self.retry_after = retry_after


@dataclass(frozen=True)
class Answer:
    """What Oomnitza answered: the JSON of the body (None where it was empty), and the headers."""

    json: Any
    headers: Mapping[str, str]


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect, for the token's header would go along; nor look where one leads."""


class Client:
    """A client of one Oomnitza instance, for use from many threads.

    Never more than `num_workers` requests are under way at once. Reads and edits are asked again after faults that may pass; a creation
    (`create`) is looked up before it is asked again. Every method raises AirbyteTracedException: config_error where the administrator
    must do something, transient_error after the last try, both of which cancel the sync; the error of a sync that is cancelled; and
    RequestRejected where Oomnitza refuses the content of a request.
    """

    def __init__(
        self, config: Config, retry_policy: RetryPolicy | None = None, cancellation: Cancellation | None = None
    ) -> None:
        self._origin = config.instance_url
        self._credentials = config.credentials
        self._retry_policy = retry_policy or RetryPolicy()
        self._cancellation = cancellation or Cancellation()
        self._permits = threading.BoundedSemaphore(config.num_workers)
        self._retry_logs = 0
        self._headers: dict[str, str] = {}  # replaced, never changed: threads read it
        self._session = _Session()
        self._session.headers.update({"Accept": "application/json", "User-Agent": USER_AGENT})
        # The environment's proxies and certificates are read once; and a .netrc, whose password requests would send, never.
        self._environment = self._session.merge_environment_settings(self._origin, {}, True, None, None)
        self._session.trust_env = False
        self._session.mount(f"{self._origin}/", HTTPAdapter(pool_maxsize=config.num_workers, max_retries=0))

    def sign_in(self) -> None:
        """Get a token, if the credentials are a password, and prove it with the probe that Oomnitza's own connector uses."""
        credentials = self._credentials
        if isinstance(credentials, ApiTokenCredentials):
            token = credentials.api_token.get_secret_value().strip()
        else:
            token = self._exchange(credentials.username, credentials.password.get_secret_value())
        mask(token)
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise config_error(
                "The API token holds characters that no token has. Copy it from Oomnitza again (Configuration > Security > API tokens)."
            )
        self._headers = {**self._headers, "Authorization2": token}
        try:
            self.get(_PROBE)
        except RequestRejected as refusal:
            if refusal.status in _NO_SUCH_PLACE:
                raise self._no_oomnitza(f"HTTP {refusal.status} for {_PROBE}") from None
            # The probe is about the token alone; what its role may do shows where it is done.

    def _exchange(self, username: str, password: str) -> str:
        try:
            answer = self._persist("POST", _TOKENS, data={"login": username, "password": password})
        except RequestRejected as refusal:
            if refusal.status in _NO_SUCH_PLACE:
                raise self._no_oomnitza(f"HTTP {refusal.status} for {_TOKENS}") from None
            raise config_error(
                "Oomnitza does not accept this user name and password. "
                "Check them, or use an API token (single sign-on users have no password).",
                f"HTTP {refusal.status} for {_TOKENS}",
            ) from None
        token = answer.json.get("token") if isinstance(answer.json, dict) else None
        if not isinstance(token, str) or not token.strip():
            raise self._no_oomnitza(f"the answer of {_TOKENS} holds no token")
        return token.strip()

    def get(self, path: str) -> Answer:
        """Read. `path` begins with /api and holds its query, encoded."""
        return self._persist("GET", path)

    def get_optional(self, path: str) -> Any:
        """Read once what is only good to know: the JSON, or None where no whole answer came or Oomnitza does not give it."""
        try:
            return self._send("GET", path).json
        except (TransientFailure, RequestRejected, AirbyteTracedException):
            self._cancellation.raise_if_cancelled()
            return None

    def get_list(self, path: str) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
        """Read a listing: its rows, and the headers. Anything but a list is an error, for it must not look like "nobody"."""
        answer = self.get(path)
        if not isinstance(answer.json, list):
            raise self._no_oomnitza(f"{path.partition('?')[0]} gave no list")
        return [row for row in answer.json if isinstance(row, dict)], answer.headers

    def edit(self, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Change something in a way that does no harm when it happens twice."""
        return self._persist(method, path, body=body, headers=headers)

    def create(
        self, path: str, body: Any, find: Callable[[], Any], headers: Mapping[str, str] | None = None
    ) -> tuple[Any, bool]:
        """Create something that must not be there twice.

        After a time-out, a cut connection or a 5xx, `find` is asked first: what it returns (anything but None) is taken for what this
        call created. Returns the JSON of the answer, or what `find` found, and whether it was found.
        """
        tries = RetryState(self._retry_policy)
        doubtful = False
        while True:
            try:
                return self._send_or_cancel("POST", path, body=body, headers=headers).json, False
            except TransientFailure as fault:
                doubtful = doubtful or fault.sent
                self._wait(tries, "POST", path, fault)
            except RequestRejected:
                # An earlier try may have been processed after it was looked up; then this one is refused as a double.
                found = find() if doubtful else None
                if found is None:
                    raise
                return found, True
            if doubtful:
                found = find()
                if found is not None:
                    return found, True

    def _persist(self, method: str, path: str, **request: Any) -> Answer:
        tries = RetryState(self._retry_policy)
        while True:
            try:
                return self._send_or_cancel(method, path, **request)
            except TransientFailure as fault:
                self._wait(tries, method, path, fault)

    def _send_or_cancel(self, method: str, path: str, **request: Any) -> Answer:
        """Send; an error that ends the sync ends it for all threads: none may ask on, or create again what is in doubt."""
        try:
            return self._send(method, path, **request)
        except AirbyteTracedException as error:
            self._cancellation.cancel(error)
            raise

    def _wait(self, tries: RetryState, method: str, path: str, fault: TransientFailure) -> None:
        """Wait before the next try. Raises transient_error when there is to be none."""
        place = f"{method} {path.partition('?')[0]}"  # the query holds e-mail addresses
        seconds = tries.wait_after(fault, fault.retry_after)
        if seconds is None:
            error = transient_error(
                f"Oomnitza at {self._origin} could not be used, also after several tries: {fault}. "
                "See whether it is up and whether this is its address.",
                f"{place}: {fault}",
            )
            self._cancellation.cancel(error)
            raise error from None
        if self._retry_logs < _MAX_RETRY_LOGS:
            self._retry_logs += 1
            logger.info(f"{place}: {fault}. Trying again in {seconds:.3g} seconds.")
        self._cancellation.sleep(seconds)

    def _send(
        self, method: str, path: str, *, body: Any = None, data: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask once. Raises TransientFailure for what may pass, RequestRejected, and config_error."""
        sent_headers = {**self._headers, **(headers or {})}
        if body is not None:
            try:
                data = orjson.dumps(body)
            except orjson.JSONEncodeError as error:
                raise RequestRejected(400, f"a value cannot be sent ({error})") from None
            sent_headers["Content-Type"] = "application/json"
        try:
            with self._permits:
                self._cancellation.raise_if_cancelled()
                deadline = time.monotonic() + self._retry_policy.answer
                response = self._session.send(
                    self._prepared(method, path, data, sent_headers),
                    timeout=(self._retry_policy.connect, self._retry_policy.silence),
                    **self._environment,
                )
                content = _content(response, deadline)
        except (requests.exceptions.RequestException, HTTPError) as error:
            raise self._meaning(error) from None
        except OSError as error:
            if error.errno is not None:
                raise  # of the output, for example; that of requests, which looks for the certificates, has no number
            raise config_error(
                f"The certificates to trust cannot be read ({error}). Where they are is said by REQUESTS_CA_BUNDLE or "
                "CURL_CA_BUNDLE in the environment of this connector."
            ) from None
        return self._read(method, path, response, content)

    def _prepared(self, method: str, path: str, data: Any, headers: Mapping[str, str]) -> requests.PreparedRequest:
        place, mark, query = path.partition("?")
        request = requests.Request(method, self._origin + place, data=data, headers=headers)
        prepared = self._session.prepare_request(request)
        # The query is encoded; requests would look at each of its thousands of characters once more.
        prepared.url = f"{prepared.url}{mark}{query}"
        return prepared

    def _meaning(self, error: Exception) -> Exception:
        """Return what an exception of requests or urllib3 means: a config_error or a TransientFailure."""
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        if isinstance(error, requests.exceptions.SSLError) and not _passes(str(error)):
            return config_error(
                f"No safe connection to {self._origin} could be made, so nothing was sent to it: its certificate cannot be verified, "
                "or it does not speak TLS. Check the address; "
                "if your company inspects its traffic, its certificate has to be known to Airbyte.",
                type(error).__name__,
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

    def _read(self, method: str, path: str, response: requests.Response, content: bytes) -> Answer:
        status = response.status_code
        place = f"HTTP {status} for {method} {path.partition('?')[0]}"
        csrf = response.headers.get("X-CSRF-Token")
        if csrf and csrf != self._headers.get("X-CSRF-Token"):
            # Oomnitza's own connector sends it back on the requests that follow.
            self._headers = {**self._headers, "X-CSRF-Token": csrf}
        if 300 <= status < 400:
            raise config_error(
                f"{self._origin} redirects to {self._target(response)}. "
                "Redirects are not followed, because the token would go along: "
                "give the new address if it is your Oomnitza.",
                place,
            )
        if status == 401 and path != _TOKENS:
            raise config_error(
                "Oomnitza does not accept the token (HTTP 401): it, or its user, was revoked or archived. "
                "Make a new one under Configuration > Security > API tokens.",
                place,
            )
        if status == 403 and path not in (_PROBE, _META, _TOKENS):
            raise config_error(
                f"The role of the token's user may not do this in Oomnitza: {method} {path.partition('?')[0]} (HTTP 403). "
                "Give the role access to it under Configuration > Security > Roles.",
                f"{place}: {_reason(status, content)}",
            )
        if status >= 500 or status in _PASSING:
            # Only 429 says for certain that nothing was done.
            raise TransientFailure(
                f"Oomnitza answered HTTP {status}", status != 429, response.headers.get("Retry-After")
            )
        if status >= 400:
            raise RequestRejected(status, _reason(status, content))
        if not content.strip():
            if method == "GET" and path != _PROBE:
                raise TransientFailure(f"Oomnitza answered HTTP {status} and nothing more", sent=True)
            return Answer(None, response.headers)
        try:
            return Answer(orjson.loads(content), response.headers)
        except orjson.JSONDecodeError:
            if path in (_PROBE, _TOKENS):
                raise self._no_oomnitza(f"{place}, without JSON") from None
            raise TransientFailure(
                f"Oomnitza answered HTTP {status} with something that is not JSON", sent=True
            ) from None

    def _target(self, response: requests.Response) -> str:
        """Return the address that a redirect names, without anything that could be a secret."""
        try:
            target = urlsplit(urljoin(self._origin, response.headers.get("Location", "")))
            return f"{target.scheme}://{target.hostname}" + (f":{target.port}" if target.port else "")
        except ValueError:
            return "another address"

    def _no_oomnitza(self, internal: str) -> AirbyteTracedException:
        return config_error(
            f"{self._origin} does not answer as an Oomnitza instance does. "
            "Check the address: it is the one at which you open Oomnitza in the browser.",
            internal,
        )


def _passes(ssl_error: str) -> bool:
    """Say whether a TLS error is a cut connection rather than a certificate or a server that is not to be trusted."""
    return "EOF" in ssl_error or "ZERO_RETURN" in ssl_error or "timed out" in ssl_error


def _content(response: requests.Response, deadline: float) -> bytes:
    """Read an answer to its end, however slowly it drips, until the deadline (`time.monotonic`). Raises as requests and urllib3."""
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read1(_CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER or time.monotonic() > deadline:
            response.close()
            raise requests.exceptions.ReadTimeout("the answer has no end")
    return b"".join(parts)


def _reason(status: int, content: bytes) -> str:
    """Return Oomnitza's own words about a refusal, at most 300 characters, without the secrets that it may repeat."""
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        return f"HTTP {status}"
    if isinstance(told, dict):
        told = next((told[key] for key in ("error", "errors", "message", "detail", "details") if told.get(key)), told)
    text = masked(told if isinstance(told, str) else orjson.dumps(told).decode())
    return text[:300] if text else f"HTTP {status}"
