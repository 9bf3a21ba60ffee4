"""Client: requests to one Oomnitza instance, with the token, retries, and creations that are looked up before they are repeated."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_oomnitza.api.responses import RequestRejected, Response, TransientFailure, read_response
from destination_oomnitza.api.retries import RetryPolicy, RetryState
from destination_oomnitza.api.sign_in import CsrfToken, SignIn
from destination_oomnitza.api.transport import RawResponse, Request, Transport
from destination_oomnitza.api.write_access import WriteAccess
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config
from destination_oomnitza.errors import config_error, transient_error
from destination_oomnitza.masking import masked

logger = logging.getLogger("airbyte")

_PROBE = "/api/v2/mappings?name=AuthTest"
_TOKENS = "/api/request_token"
_NO_SUCH_PLACE = frozenset({404, 405, 410})
_LONGEST_ADDRESS = 300
_LOOK_UPS = 3
_MAX_RETRY_LOGS = 20


@dataclass(frozen=True)
class Creation:
    """What became of a creation: Oomnitza answered it with `json`, or a look-up returned `found`.

    `ours`: this client created it, and not somebody else at the same time.
    """

    json: Any = None
    found: Any = None
    ours: bool = True


class _TokenReplaced(Exception):
    """The token had expired, and there is another one: the request is to be sent again."""


class Client:
    """A client of one Oomnitza instance, for use from many threads.

    Never more than `num_workers` requests are under way at once. Reads and edits are repeated after transient failures; a creation
    (`create`) is looked up before it is repeated. Every method raises AirbyteTracedException: config_error if the administrator must do
    something, transient_error after the last try, both of which cancel the sync; the error of a sync that is cancelled; and
    RequestRejected if Oomnitza rejects the content of a request.
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
        """Get a token, if the credentials are a password, and prove it with the probe that Oomnitza's own connector uses."""
        self._sign_in.begin()
        try:
            self.get(_PROBE)
        except RequestRejected as rejected:
            if rejected.status in _NO_SUCH_PLACE:
                raise self._not_oomnitza(f"HTTP {rejected.status} for {_PROBE}") from None
            # The probe is about the token alone; what its role may do shows where it is done.

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
            raise self._not_oomnitza(f"the answer of {_TOKENS} holds no token")
        return token.strip()

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, path: str, *, keyed: bool = False) -> Response:
        """Read. `path` begins with /api and holds its query, encoded; `keyed`: the answer's keys are names, none of them an error."""
        return self._repeat(Request("GET", path, keyed=keyed))

    def get_optional(self, path: str) -> Any:
        """Read once what is only good to know: the JSON, or None if Oomnitza does not give it or no whole answer comes."""
        try:
            return self._send(Request("GET", path), renewed=False).json
        except (TransientFailure, RequestRejected, AirbyteTracedException, _TokenReplaced):
            self._cancellation.raise_if_cancelled()
            return None

    def get_list(self, path: str) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
        """Read a listing: its rows, and the headers. Anything but a list is an error, for it must not look like "nobody"."""
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
            raise self._not_oomnitza(f"{place} gave no list")
        return [row for row in answer.json if isinstance(row, dict)], answer.headers

    # -- writing -------------------------------------------------------------------------------------------------------

    def edit(
        self, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None, *, items: bool = False
    ) -> Response:
        """Change something in a way that does no harm when it happens twice; with `items` the caller reads each item's error."""
        return self._repeat(self._write(method, path, body, headers, items))

    def create(
        self, path: str, body: Any, find: Callable[[], Any], headers: Mapping[str, str] | None = None
    ) -> Creation:
        """Create something that must not be there twice.

        After a time-out, a cut connection or a 5xx, the creation may have been processed, and a look-up may not see it yet: `find` is
        called several times before the creation is repeated. After a rejection it is called once, for somebody else may have been
        faster. It returns what it found, or None.
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
                    return Creation(found=found)
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
        """Look up what was created a moment ago, several times, for a look-up may not see it yet. Returns None if it is never found."""
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
        """Send a request until it is answered. Raises transient_error when the time for that is over."""
        retries = RetryState(self._retry_policy)
        renewed = False
        while True:
            try:
                return self._send_or_cancel(request, renewed)
            except _TokenReplaced:
                renewed = True
                continue
            except TransientFailure as failure:
                fault = failure.with_traceback(None)  # whose frames would keep the answer while it waits
            self._wait(retries, request, fault)

    def _wait(self, retries: RetryState, request: Request, fault: TransientFailure) -> None:
        """Wait before the next try. Raises transient_error if there is to be none."""
        seconds = retries.wait_after(fault.retry_after)
        if seconds is None:
            error = self._unusable(request, fault)
            self._cancellation.cancel(error)
            raise error
        if self._retry_logs < _MAX_RETRY_LOGS:
            self._retry_logs += 1
            logger.info(f"{request.place}: {fault}. Trying again in {seconds:.3g} seconds.")
        self._cancellation.sleep(seconds)

    def _send_or_cancel(self, request: Request, renewed: bool) -> Response:
        """Send; an error that ends the sync ends it for all threads: none may ask on, or create again what is in doubt."""
        try:
            return self._send(request, renewed)
        except AirbyteTracedException as error:
            self._cancellation.cancel(error)
            raise

    def _send(self, request: Request, renewed: bool) -> Response:
        """Send once. Raises TransientFailure, RequestRejected, config_error, and _TokenReplaced if the token had expired."""
        token = self._sign_in.token if request.path != _TOKENS else None
        raw = self._send_permitted(request, token)
        if token is not None:
            if raw.status == 401:
                self._sign_in.renew(token, renewed)
                raise _TokenReplaced
            self._sign_in.accept(token)
        if 300 <= raw.status < 400:
            raise config_error(
                f"{self._origin} redirects to {self._target(raw.headers)}. "
                "Redirects are not followed, because the token would go along: "
                "give the new address if it is your Oomnitza.",
                f"HTTP {raw.status} for {request.place}",
            )
        try:
            response = read_response(raw.status, raw.headers, raw.content, keyed=request.keyed, items=request.items)
        except RequestRejected as rejected:
            self._note_write(request, forbidden=rejected.status == 403)
            raise
        self._note_write(request, forbidden=False)
        if response.json is None and request.method == "GET" and request.path != _PROBE:
            raise TransientFailure(f"Oomnitza answered HTTP {raw.status} and nothing more", sent=True)
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
            # Nothing proves yet that this is an Oomnitza at all.
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

    def _target(self, headers: Mapping[str, str]) -> str:
        """Return the address that a redirect names, without anything that could be a secret."""
        try:
            target = urlsplit(urljoin(self._origin, headers.get("Location", "")))
            address = f"{target.scheme}://{target.hostname}" + (f":{target.port}" if target.port else "")
        except ValueError:
            return "another address"
        return masked(address)[:_LONGEST_ADDRESS]

    def _not_oomnitza(self, internal: str) -> AirbyteTracedException:
        return config_error(
            f"{self._origin} does not answer as an Oomnitza instance does. "
            "Check the address: it is the one at which you open Oomnitza in the browser.",
            internal,
        )
