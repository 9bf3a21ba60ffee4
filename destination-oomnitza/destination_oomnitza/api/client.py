"""Client of one Oomnitza instance: authentication, retries and safe creates."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_oomnitza.api.responses import RequestRejected, Response, TransientFailure, read_response
from destination_oomnitza.api.retries import RetryPolicy, RetryState
from destination_oomnitza.api.sign_in import CsrfToken, SignIn
from destination_oomnitza.api.transport import RawResponse, Request, Transport, redirect_target
from destination_oomnitza.api.write_access import WriteAccess
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config
from destination_oomnitza.errors import config_error, transient_error

logger = logging.getLogger("airbyte")

_PROBE = "/api/v2/mappings?name=AuthTest"
_TOKENS = "/api/request_token"
_NO_SUCH_PLACE = frozenset({404, 405, 410})
_LOOK_UPS = 3
_MAX_RETRY_LOGS = 20


@dataclass(frozen=True)
class Creation:
    """Result of `Client.create`: `json` of the response, or `found` by a lookup.

    `ours` is true if this client created it, and false if another one was faster.
    """

    json: Any = None
    found: Any = None
    ours: bool = True


class _TokenReplaced(Exception):
    """The token had expired and was replaced; the request has to be sent again."""


class Client:
    """Sends requests to one Oomnitza instance. Thread-safe.

    At most `num_workers` requests run at the same time. Reads and edits are retried after transient failures; `create` looks
    the object up before it repeats a create. Every method may raise:

    - AirbyteTracedException: config_error if the administrator has to act, transient_error after the last attempt (both cancel
      the sync), or the error of a sync that is already cancelled.
    - RequestRejected: Oomnitza rejects the content of a request.
    """

    def __init__(
        self, config: Config, retry_policy: RetryPolicy | None = None, cancellation: Cancellation | None = None
    ) -> None:
        self._origin = config.instance_url
        self._retry_policy = retry_policy or RetryPolicy()
        self._cancellation = cancellation or Cancellation()
        self._permits = threading.BoundedSemaphore(config.num_workers)
        self._transport = Transport(self._origin, config.num_workers, self._retry_policy)
        self._sign_in = SignIn(config.credentials, self._exchange)
        self._write_headers = {} if config.trigger_workflows else {"Oomnitza-Not-Trigger-WF": "1"}
        self._csrf = CsrfToken()
        self._retry_logs = 0
        self.write_access = WriteAccess()

    # -- signing in ----------------------------------------------------------------------------------------------------

    def sign_in(self) -> None:
        """Get a token if needed, and check it with one request.

        The request is the one that Oomnitza's own connector uses. Raises AirbyteTracedException (config_error) if the token or the
        address is wrong.
        """
        self._sign_in.begin()
        try:
            self.get(_PROBE)
        except RequestRejected as rejected:
            if rejected.status in _NO_SUCH_PLACE:
                raise self._not_oomnitza(f"HTTP {rejected.status} for {_PROBE}") from None
            # The probe checks the token only. Missing permissions of its role show at the requests that need them.

    def _exchange(self, form: Mapping[str, str]) -> str:
        try:
            answer = self._repeat(Request("POST", _TOKENS, form)).json
        except RequestRejected as rejected:
            if rejected.status in _NO_SUCH_PLACE:
                raise self._not_oomnitza(f"HTTP {rejected.status} for {_TOKENS}") from None
            raise config_error(
                "Oomnitza does not accept this user name and password. "
                "Check them, or use an API token (single sign-on users have no password).",
                f"HTTP {rejected.status} for {_TOKENS}",
            ) from None
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token.strip():
            raise self._not_oomnitza(f"the response of {_TOKENS} has no token")
        return token.strip()

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, path: str, *, keyed: bool = False) -> Response:
        """Send a GET request.

        `path` starts with /api and includes the encoded query. With `keyed` the keys of the response are names that
        administrators chose, and none of them means an error.
        """
        return self._repeat(Request("GET", path, keyed=keyed))

    def get_optional(self, path: str) -> Any:
        """Send a GET request once; return the JSON, or None if there is no valid response."""
        try:
            return self._send(Request("GET", path), renewed=False).json
        except (TransientFailure, RequestRejected, AirbyteTracedException, _TokenReplaced):
            self._cancellation.raise_if_cancelled()
            return None

    def get_list(self, path: str) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
        """Read one page of a listing; return its rows and the response headers.

        Raises AirbyteTracedException (config_error) if the response is no list, because it must not pass for an empty one.
        """
        place = path.partition("?")[0]
        try:
            answer = self.get(path)
        except RequestRejected as rejected:
            if rejected.status != 403:
                raise
            raise config_error(
                f"The role of the token's user may not do this in Oomnitza: GET {place} (HTTP 403). "
                "Give the role access to it under Configuration > Security > Roles.",
                f"GET {place}: {rejected}",
            ) from None
        if not isinstance(answer.json, list):
            raise self._not_oomnitza(f"{place} returned no list")
        return [row for row in answer.json if isinstance(row, dict)], answer.headers

    # -- writing -------------------------------------------------------------------------------------------------------

    def edit(
        self, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None, *, items: bool = False
    ) -> Response:
        """Send a change that is safe to repeat.

        With `items` the caller reads the error of each item in the response.
        """
        return self._repeat(self._write(method, path, body, headers, items))

    def create(
        self, path: str, body: Any, find: Callable[[], Any], headers: Mapping[str, str] | None = None
    ) -> Creation:
        """Create an object that must not be created twice.

        After a time-out, a cut connection or a 5xx the server may have created the object, and a lookup may not return it yet.
        So `find` is called several times before the create is repeated. After a rejection it is called once, because another
        client may have created the object. `find` returns the object, or None.
        """
        request = self._write("POST", path, body, headers)
        retries = RetryState(self._retry_policy)
        doubtful = renewed = False
        while True:
            try:
                return Creation(self._send_or_cancel(request, renewed).json)
            except _TokenReplaced:
                renewed = True
                found = find()
                if found is not None:
                    return Creation(found=found, ours=doubtful)  # the rejected request created nothing
                continue
            except TransientFailure as failure:
                fault = failure.with_traceback(None)
            except RequestRejected as rejected:
                found = find() if doubtful or rejected.status != 403 else None
                if found is None:
                    raise
                return Creation(found=found, ours=doubtful)
            doubtful = doubtful or fault.sent
            for _ in range(_LOOK_UPS if doubtful else 1):
                self._wait(retries, request, fault)
                found = find() if doubtful else None
                if found is not None:
                    return Creation(found=found)

    def look_again(self, find: Callable[[], Any]) -> Any:
        """Look up what was just created, several times, because it may not be listed yet.

        Returns None if it is not found.
        """
        retries = RetryState(self._retry_policy)
        found = find()
        for _ in range(_LOOK_UPS - 1):
            if found is None:
                self._cancellation.sleep(retries.wait_after(None) or 0)
                found = find()
        return found

    def _write(
        self, method: str, path: str, body: Any, headers: Mapping[str, str] | None, items: bool = False
    ) -> Request:
        try:
            data = orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            raise RequestRejected(400, f"a value cannot be sent ({error})") from None
        return Request(
            method,
            path,
            data,
            {**self._write_headers, **(headers or {}), "Content-Type": "application/json"},
            items=items,
        )

    # -- one request ---------------------------------------------------------------------------------------------------

    def _repeat(self, request: Request) -> Response:
        """Send a request until it succeeds. Raises transient_error after the last attempt."""
        retries = RetryState(self._retry_policy)
        renewed = False
        while True:
            try:
                return self._send_or_cancel(request, renewed)
            except _TokenReplaced:
                renewed = True
                continue
            except TransientFailure as failure:
                fault = failure.with_traceback(None)  # its frames would keep the response in memory during the wait
            self._wait(retries, request, fault)

    def _wait(self, retries: RetryState, request: Request, fault: TransientFailure) -> None:
        """Wait before the next attempt. Raises transient_error if there is none."""
        seconds = retries.wait_after(fault.retry_after)
        if seconds is None:
            error = self._unusable(request, fault)
            self._cancellation.cancel(error)
            raise error
        if self._retry_logs < _MAX_RETRY_LOGS:
            self._retry_logs += 1
            logger.info(f"{request.place}: {fault}. Retrying in {seconds:.3g} seconds.")
        self._cancellation.sleep(seconds)

    def _send_or_cancel(self, request: Request, renewed: bool) -> Response:
        """Send once; an error that ends the sync cancels it for all threads.

        No other thread may go on sending requests, or repeat a create whose outcome is unknown.
        """
        try:
            return self._send(request, renewed)
        except AirbyteTracedException as error:
            self._cancellation.cancel(error)
            raise

    def _send(self, request: Request, renewed: bool) -> Response:
        """Send once.

        Raises TransientFailure, RequestRejected, config_error, and _TokenReplaced if the token had expired.
        """
        token = self._sign_in.token if request.path != _TOKENS else None
        raw = self._send_permitted(request, token)
        if token is not None:
            if raw.status == 401:
                self._sign_in.renew(token, renewed)
                raise _TokenReplaced
            self._sign_in.accept(token)
        if 300 <= raw.status < 400:
            raise config_error(
                f"{self._origin} redirects to {redirect_target(self._origin, raw.headers)}. "
                "Redirects are not followed, because the token would be sent along. "
                "If this is your Oomnitza, enter the new address in Oomnitza address (instance_url).",
                f"HTTP {raw.status} for {request.place}",
            )
        try:
            response = read_response(raw.status, raw.headers, raw.content, keyed=request.keyed, items=request.items)
        except RequestRejected as rejected:
            self._note_write(request, forbidden=rejected.status == 403)
            raise
        self._note_write(request, forbidden=False)
        if response.json is None and request.method == "GET" and request.path != _PROBE:
            raise TransientFailure(f"Oomnitza answered HTTP {raw.status} with an empty body", sent=True)
        return response

    def _note_write(self, request: Request, forbidden: bool) -> None:
        if request.method != "GET" and request.path != _TOKENS:
            self.write_access.note(forbidden)

    def _send_permitted(self, request: Request, token: str | None) -> RawResponse:
        headers = {**self._csrf.headers(token), **(request.headers or {})}
        if token is not None:
            headers["Authorization2"] = token
        with self._permits:
            self._cancellation.raise_if_cancelled()
            raw = self._transport.send(request, headers)
        self._csrf.keep(raw.headers, token)
        return raw

    # -- errors --------------------------------------------------------------------------------------------------------

    def _unusable(self, request: Request, fault: TransientFailure) -> AirbyteTracedException:
        if fault.foreign and request.path in (_PROBE, _TOKENS):
            # No response so far shows that this host is an Oomnitza instance.
            return transient_error(
                f"{self._origin} does not answer as an Oomnitza instance does: {fault}. Check the address: it is the one at which you "
                "open Oomnitza in the browser. If it is right, Oomnitza is under maintenance; sync again later.",
                f"{request.place}: {fault}",
            )
        return transient_error(
            f"Oomnitza at {self._origin} is unavailable: {fault}; gave up after {self._retry_policy.faults:.0f} seconds. "
            "Check its status, and whether Airbyte can reach this address.",
            f"{request.place}: {fault}",
        )

    def _not_oomnitza(self, internal: str) -> AirbyteTracedException:
        return config_error(
            f"{self._origin} does not answer as an Oomnitza instance does. "
            "Check the address: it is the one at which you open Oomnitza in the browser.",
            internal,
        )
