"""Decides on a response: use it, retry, renew the token, list again, or fail."""

import json
import logging
from typing import Any, Protocol, runtime_checkable

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import (
    BackoffStrategy,
    ErrorHandler,
    ErrorResolution,
    ResponseAction,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from urllib3.exceptions import NewConnectionError

from source_slack_users.error_codes import RULES, Rule
from source_slack_users.errors import config_error, rejection, transient_error
from source_slack_users.retries import RetryBudget, RetryPolicy, in_words
from source_slack_users.transport import ResponseTooLarge, ResponseTooSlow, is_file

Payload = dict[str, Any]

# With --debug the CDK's client logs whole responses: people, and new tokens before they can be masked.
logger = logging.getLogger("airbyte.slack")
logger.setLevel(logging.INFO)

# The CDK logs every wait as "Rate limit exceeded", also after a refused connection; this module logs them instead.
logging.getLogger("airbyte").addFilter(lambda record: not str(record.msg).startswith("UserDefinedBackoffException"))
# The warnings of urllib3 quote URLs.
logging.getLogger("urllib3").setLevel(logging.ERROR)

LARGE_PAGE = 200
"""Page size above which Slack documents HTTP 500 for pages that are too large (Slack: users.list)."""
SMALLEST_PAGE = 100

MAX_VALUES = 2_000_000
"""Values of one response; a page of 1,000 members has 100,000."""

_CDK_EXTRA_SECOND = 1


@runtime_checkable
class Renewable(Protocol):
    """Authenticates, and can renew its token."""

    def renew_after(self, code: str) -> bool:
        """Renew the token if that may help after the error `code`; return whether it was.

        Raises AirbyteTracedException if the renewal fails.
        """


class SlackErrorHandler(ErrorHandler, BackoffStrategy):
    """Decides on a response by status and error code, and limits the retries.

    It raises failures instead of returning the CDK's FAIL, which logs the whole response, people included.
    """

    # Beyond the limits of RetryBudget, which end in a sentence for the administrator.
    max_retries = 1_000_000
    max_time = 7 * 24 * 3600

    def __init__(
        self, host: str, retry_policy: RetryPolicy, auth: Renewable | None, *, of_stream: bool, unknown: FailureType
    ) -> None:
        """Create a handler.

        Args:
            host: Slack's host, for messages.
            retry_policy: The time limits.
            auth: Renews the token; None if it cannot be renewed.
            of_stream: Whether a rate limit is reported as the status of a stream.
            unknown: The failure type of an error code without a rule.
        """
        self.payload: Payload = {}
        self._host = host
        self._of_stream = of_stream
        self._retry_policy = retry_policy
        self._auth = auth
        self._unknown = unknown

    def begin(self, method: str, page_size: int) -> None:
        """Start a request. `page_size` is 0 if it is not for a page of a listing."""
        self.payload = {}
        self._method = method
        self._page_size = page_size
        self._budget = RetryBudget(self._retry_policy)
        self._renewed = False
        self._pause = 0.0

    def interpret_response(self, response: requests.Response | Exception | None) -> ErrorResolution:
        """Return the action for a response or exception, and set `payload`.

        Raises AirbyteTracedException: config_error or system_error if a retry cannot help, transient_error if the time
        for retries is over.
        """
        if not isinstance(response, requests.Response):
            return self._unreachable(response)
        status = response.status_code
        if status == 200 and is_file(response):
            return ErrorResolution(ResponseAction.SUCCESS)
        parsed = _parse(response)
        self.payload = payload = parsed if isinstance(parsed, dict) else {}
        if status == 429:
            return self._rate_limited(response)
        if status >= 500 or status < 200:
            return self._server_error(response)
        if payload.get("ok") is False and not 300 <= status < 400:
            return self._rejected(payload, response)
        if payload.get("ok") is True and status == 200:
            return ErrorResolution(ResponseAction.SUCCESS)
        if parsed is None and status == 200:
            return self._fault("returned a response that is not JSON", response)
        raise config_error(
            f"{response.url.partition('?')[0]} is not the Slack Web API: it returned HTTP {status} without Slack's JSON. Set "
            "Address of the Slack Web API (api_url) to https://slack.com/api/, or to https://slack-gov.com/api/ for GovSlack."
        )

    def backoff_time(
        self, response_or_exception: requests.Response | requests.RequestException | None, attempt_count: int
    ) -> float:
        """Return the seconds to wait, less the second that the CDK adds."""
        return self._pause - _CDK_EXTRA_SECOND or 1e-9  # for 0 the CDK chooses a wait of its own

    def _server_error(self, response: requests.Response) -> ErrorResolution:
        if response.status_code == 500 and self._page_size > LARGE_PAGE:
            logger.warning(f"Slack's {self._method} returned HTTP 500 for a page of {self._page_size}.")
            return ErrorResolution(ResponseAction.REDUCE_PAGE_SIZE)
        return self._fault(f"returned HTTP {response.status_code}", response)

    def _rejected(self, payload: Payload, response: requests.Response) -> ErrorResolution:
        code = str(payload.get("error"))
        rule = RULES.get(code, Rule(ResponseAction.FAIL))
        if rule.action is ResponseAction.RATE_LIMITED:
            return self._rate_limited(response)
        if rule.action is ResponseAction.RETRY:
            return self._fault(f"returned {code}", response)
        if rule.action is ResponseAction.REDUCE_PAGE_SIZE and self._page_size <= SMALLEST_PAGE:
            return self._fault(f"returned {code}", response)
        if rule.action is ResponseAction.REFRESH_TOKEN_THEN_RETRY and self._renew(code):
            return ErrorResolution(ResponseAction.RETRY, FailureType.config_error)
        if rule.action in (ResponseAction.REDUCE_PAGE_SIZE, ResponseAction.RESET_PAGINATION):
            return ErrorResolution(rule.action)
        raise rejection(self._method, payload, self._unknown)

    def _renew(self, code: str) -> bool:
        """Renew the token once per request, if it helps; return whether it was renewed."""
        if self._auth is None or self._renewed or not self._auth.renew_after(code):
            return False
        self._renewed = True
        logger.info(f"Slack rejected {self._method} with {code}. Renewed the access token.")
        self._pause = 0
        return True

    def _unreachable(self, error: Exception | None) -> ErrorResolution:
        if isinstance(error, ResponseTooLarge):
            raise config_error(
                f"Slack's {self._method} sent {error}, which exceeds any response of Slack's. Lower People per request "
                "(page_size), or correct Address of the Slack Web API (api_url)."
            )
        if isinstance(error, requests.exceptions.SSLError) and not _is_cut(error):
            raise config_error(
                f"No safe connection to {self._host} is possible, so nothing was sent: its certificate cannot be verified, "
                "or it does not use TLS. Check Address of the Slack Web API (api_url); if your company inspects its "
                "traffic, give its certificate to this connector (REQUESTS_CA_BUNDLE)."
            )
        if isinstance(error, (requests.exceptions.InvalidSchema, requests.exceptions.InvalidProxyURL)):
            raise config_error(
                "The proxy of the environment (HTTPS_PROXY or ALL_PROXY) cannot be used. Give its address as http:// or "
                "https://; SOCKS is not supported."
            )
        if isinstance(error, ResponseTooSlow):
            # The response took longer than the time for retries.
            raise self._given_up("sent no complete response", self._retry_policy.response)
        return self._fault(f"is unreachable at {self._host}: {_cause(error)}")

    def _rate_limited(self, response: requests.Response) -> ErrorResolution:
        what = "limits the rate of requests"
        asked = _retry_after(response)
        pause = self._budget.pause_after_rate_limit(asked)
        if pause is None:
            wait = "" if asked is None else f" and asks to wait {asked:.0f} seconds"
            raise self._given_up(f"{what}{wait}", self._retry_policy.rate_limits)
        # For RATE_LIMITED the CDK sends the status of a stream.
        action = ResponseAction.RATE_LIMITED if self._of_stream else ResponseAction.RETRY
        return self._wait(what, pause, action)

    def _fault(self, what: str, response: requests.Response | None = None) -> ErrorResolution:
        pause = self._budget.pause_after_fault(_retry_after(response))
        if pause is None:
            raise self._given_up(what, self._retry_policy.faults)
        return self._wait(what, pause, ResponseAction.RETRY)

    def _wait(self, what: str, pause: float, action: ResponseAction) -> ErrorResolution:
        logger.warning(f"Slack's {self._method} {what}. Retrying in {in_words(pause)}.")
        self._pause = pause
        return ErrorResolution(action, FailureType.transient_error, f"Slack's {self._method} {what}.")

    def _given_up(self, what: str, seconds: float) -> AirbyteTracedException:
        return transient_error(
            f"Slack's {self._method} {what}. Gave up after {in_words(seconds)}; a later attempt may succeed. If it never "
            "does, check Address of the Slack Web API (api_url) and the network between this machine and Slack."
        )


def _is_cut(error: requests.exceptions.SSLError) -> bool:
    """Return whether a TLS error is a lost connection, not an untrusted peer."""
    return any(sign in str(error) for sign in ("EOF", "ZERO_RETURN", "timed out"))


def _cause(error: Exception | None) -> str:
    """Describe an error below HTTP, without the URL that its own text quotes."""
    reason = getattr(error.args[0] if error and error.args else None, "reason", None)
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy of the environment (HTTPS_PROXY) did not connect"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "the connection timed out"
    if isinstance(error, requests.exceptions.Timeout):
        return "the response timed out"
    return "no connection" if isinstance(reason, NewConnectionError) else "the connection was lost"


def _parse(response: requests.Response) -> Any:
    """Return the body's JSON; None if it is not JSON, or has too many values."""
    content = response.content
    # Small values such as [[],[],[]] take 30 times their size in memory. Every value has at least one byte.
    if len(content) > MAX_VALUES and sum(map(content.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            return _without_half_pairs(json.loads(content))
        except (ValueError, RecursionError):
            return None


def _without_half_pairs(content: Any) -> Any:
    """Replace halves of surrogate pairs: a name may end in half an emoji.

    orjson rejects them, and so does a reader of the records: PyAirbyte would leave out the person without a word.
    """
    return json.loads(json.dumps(content, ensure_ascii=False).encode(errors="replace"))


def _retry_after(response: requests.Response | None) -> float | None:
    """Return the seconds of Retry-After; None if there is no valid one."""
    try:
        asked = float(response.headers["Retry-After"]) if response is not None else -1
    except (KeyError, ValueError):
        return None
    return asked if asked >= 0 else None
