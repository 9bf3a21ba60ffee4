"""Oomnitza over HTTP: one place for the token, time-outs, retries and what answers mean. Nothing else here knows HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError
from urllib3.util import Retry

from destination_oomnitza.config import ApiTokenCredentials, Config
from destination_oomnitza.secrets import mask

logger = logging.getLogger("airbyte")

USER_AGENT = "airbyte-destination-oomnitza"
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_RETRY_LOGS = 20


def _rules(*, tries: int, factor: float, longest: float, longest_asked_for: int) -> Retry:
    """Return urllib3's rules: waits in seconds that double up to `longest`, or what Retry-After asks for."""
    return Retry(
        total=tries,
        allowed_methods=None,
        backoff_factor=factor,
        backoff_max=longest,
        backoff_jitter=factor / 2,
        retry_after_max=longest_asked_for,
    )


@dataclass(frozen=True)
class Patience:
    """How long to wait for an answer, in seconds, and how often to ask again."""

    connect: float = 10
    read: float = 60
    retry: Retry = field(default_factory=lambda: _rules(tries=9, factor=0.5, longest=60, longest_asked_for=600))

    @classmethod
    def of_a_check(cls) -> Patience:
        """Somebody sits in front of the form and waits."""
        return cls(connect=4, read=8, retry=_rules(tries=2, factor=0.25, longest=1, longest_asked_for=2))


class Refusal(Exception):
    """Oomnitza refused one request, for a reason that is about its content; the message is Oomnitza's reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Stopped(Exception):
    """The sync is ending: nothing is asked any more."""


class _Fault(Exception):
    """Something that may pass. `sent`: the request may have been processed all the same."""

    def __init__(self, what: str, sent: bool, response: requests.Response | None = None) -> None:
        super().__init__(what)
        self.sent = sent
        self.response = response


@dataclass(frozen=True)
class Answer:
    """What Oomnitza answered: the JSON of the body (None where it was empty), and the headers."""

    json: Any
    headers: Mapping[str, str]


def config_error(message: str, internal: str | None = None) -> AirbyteTracedException:
    """Return an error that the administrator can mend."""
    return AirbyteTracedException(
        message=message, internal_message=internal or message, failure_type=FailureType.config_error
    )


class Client:
    """A client of one Oomnitza instance, for use from many threads.

    Never more than `num_workers` requests are under way at once. Reads and edits are asked again after faults that may pass; a creation
    (`create`) is looked up before it is asked again. Every method raises AirbyteTracedException: config_error where the administrator
    must do something, transient_error after the last try; and Refusal where Oomnitza refuses the content of a request.
    """

    def __init__(self, config: Config, patience: Patience | None = None) -> None:
        self._origin = config.instance_url
        self._credentials = config.credentials
        self._patience = patience or Patience()
        self._permits = threading.BoundedSemaphore(config.num_workers)
        self._stopped = threading.Event()
        self._retry_logs = 0
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", "User-Agent": USER_AGENT})
        self._session.auth = lambda request: request  # else requests would send what a .netrc holds
        self._session.mount(
            f"{self._origin}/", HTTPAdapter(pool_maxsize=config.num_workers, pool_block=False, max_retries=0)
        )

    def stop(self) -> None:
        """Wake whoever waits for another try, and ask nothing any more."""
        self._stopped.set()

    def pause(self, seconds: float) -> bool:
        """Wait between two questions. Returns False where the sync is ending."""
        return not self._stopped.wait(seconds)

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
        self._session.headers["Authorization2"] = token
        try:
            self.get("/api/v2/mappings?name=AuthTest")
        except Refusal as refusal:
            if refusal.status == 404:
                raise self._no_oomnitza(f"HTTP 404 for /api/v2/mappings: {refusal}") from None
            # The probe is about the token alone; what its role may do shows where it is done.

    def _exchange(self, username: str, password: str) -> str:
        try:
            answer = self._persist("POST", "/api/request_token", data={"login": username, "password": password})
        except Refusal as refusal:
            raise config_error(
                "Oomnitza does not accept this user name and password. "
                "Check them, or use an API token (single sign-on users have no password).",
                f"HTTP {refusal.status} for /api/request_token",
            ) from None
        token = answer.json.get("token") if isinstance(answer.json, dict) else None
        if not isinstance(token, str) or not token.strip():
            raise self._no_oomnitza("the answer of /api/request_token holds no token")
        return token.strip()

    def get(self, path: str) -> Answer:
        """Read. `path` begins with /api and holds its query, encoded."""
        return self._persist("GET", path)

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
        retry = self._patience.retry
        while True:
            try:
                return self._send("POST", path, body=body, headers=headers).json, False
            except _Fault as fault:
                retry = self._wait(retry, "POST", path, fault)
                if fault.sent:
                    found = find()
                    if found is not None:
                        return found, True

    def _persist(self, method: str, path: str, **request: Any) -> Answer:
        retry = self._patience.retry
        while True:
            try:
                return self._send(method, path, **request)
            except _Fault as fault:
                retry = self._wait(retry, method, path, fault)

    def _wait(self, retry: Retry, method: str, path: str, fault: _Fault) -> Retry:
        """Wait as long as urllib3's rules, or Retry-After, say. Raises transient_error when the tries are used up."""
        raw = fault.response.raw if fault.response is not None else None
        try:
            retry = retry.increment(method, path, response=raw, error=None if raw is not None else fault)
        except MaxRetryError:
            raise AirbyteTracedException(
                message=f"Oomnitza at {self._origin} could not be used, also after several tries: {fault}. "
                "See whether it is up and whether "
                "this is its address. What was acknowledged stays; the next sync does the rest.",
                internal_message=f"{method} {path.partition('?')[0]}: {fault}",
                failure_type=FailureType.transient_error,
            ) from None
        seconds = (retry.get_retry_after(raw) if raw is not None else None) or retry.get_backoff_time()
        if self._retry_logs < _MAX_RETRY_LOGS:
            self._retry_logs += 1
            logger.info(f"{method} {path.partition('?')[0]}: {fault}. Trying again in {seconds:g} seconds.")
        if self._stopped.wait(seconds):
            raise Stopped
        return retry

    def _send(
        self, method: str, path: str, *, body: Any = None, data: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        if self._stopped.is_set():
            raise Stopped
        content = data
        headers = dict(headers or {})
        if body is not None:
            content = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            with self._permits:
                response = self._session.request(
                    method,
                    self._origin + path,
                    data=content,
                    headers=headers,
                    timeout=(self._patience.connect, self._patience.read),
                    allow_redirects=False,  # the token's header would go along
                )
        except requests.exceptions.SSLError as error:
            raise config_error(
                f"The certificate of {self._origin} cannot be verified, so nothing was sent to it. Check the address; "
                "if your company inspects its traffic, its certificate has to be known to Airbyte.",
                type(error).__name__,
            ) from None
        except requests.exceptions.ConnectTimeout:
            raise _Fault("no connection in time", sent=False) from None
        except requests.exceptions.Timeout:
            raise _Fault("no answer in time", sent=True) from None
        except requests.exceptions.RequestException as error:
            refused = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
            raise _Fault("no connection" if refused else "the connection was cut", sent=not refused) from None
        return self._read(method, path, response)

    def _read(self, method: str, path: str, response: requests.Response) -> Answer:
        status = response.status_code
        token = response.headers.get("X-CSRF-Token")
        if token:  # Oomnitza's own connector sends it back on the requests that follow
            self._session.headers["X-CSRF-Token"] = token
        if 300 <= status < 400:
            target = urlsplit(urljoin(self._origin, response.headers.get("Location", "")))
            raise config_error(
                f"{self._origin} redirects to {target.scheme}://{target.netloc}. "
                "Redirects are not followed, because the token would go along: "
                "give the new address if it is your Oomnitza.",
                f"HTTP {status} for {method} {path.partition('?')[0]}",
            )
        if status == 401:
            raise config_error(
                "Oomnitza does not accept the token (HTTP 401): it, or its user, was revoked or archived. "
                "Make a new one under Configuration > Security > API tokens.",
                f"HTTP 401 for {method} {path.partition('?')[0]}",
            )
        if status == 403 and not path.startswith(("/api/v2/mappings", "/api/v3/users/meta", "/api/request_token")):
            raise config_error(
                f"The role of the token's user may not do this in Oomnitza: {method} {path.partition('?')[0]} (HTTP 403). "
                "Give the role access to it under Configuration > Security > Roles.",
                f"HTTP 403: {_reason(response)}",
            )
        if status in _PASSING:
            # Only 429 says for certain that nothing was done.
            raise _Fault(f"Oomnitza answered HTTP {status}", sent=status != 429, response=response)
        if status >= 400:
            raise Refusal(status, _reason(response))
        try:
            return Answer(orjson.loads(response.content) if response.content.strip() else None, response.headers)
        except orjson.JSONDecodeError:
            if "/api/v2/mappings" in path or "/api/request_token" in path:
                raise self._no_oomnitza(f"HTTP {status} without JSON for {path.partition('?')[0]}") from None
            raise _Fault(
                f"Oomnitza answered HTTP {status} with something that is not JSON", sent=True, response=None
            ) from None

    def _no_oomnitza(self, internal: str) -> AirbyteTracedException:
        return config_error(
            f"{self._origin} does not answer as an Oomnitza instance does. "
            "Check the address: it is the one at which you open Oomnitza in the browser.",
            internal,
        )


def _reason(response: requests.Response) -> str:
    """Return Oomnitza's own words about a refusal, at most 300 characters."""
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return f"HTTP {response.status_code}"
    if isinstance(told, dict):
        told = next((told[key] for key in ("error", "errors", "message", "detail", "details") if told.get(key)), told)
    text = told if isinstance(told, str) else orjson.dumps(told).decode()
    return text[:300] if text else f"HTTP {response.status_code}"
