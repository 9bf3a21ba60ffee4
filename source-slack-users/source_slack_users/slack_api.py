"""Slack's Web API over HTTP: one call, one listing, and what happens when Slack does not answer as it should."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import (
    BackoffStrategy,
    ErrorHandler,
    ErrorResolution,
    ResponseAction,
)
from airbyte_cdk.sources.streams.http.http_client import HttpClient
from airbyte_cdk.sources.streams.http.page_size_reduction_exception import PageSizeReductionRequiredException
from airbyte_cdk.sources.streams.http.pagination_reset_exception import PaginationResetRequiredException
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.auth import AuthBase

from source_slack_users.errors import RULES, config_error, refusal, transient_error

Answer = dict[str, Any]
Paging = Callable[[int, Answer | None], Answer | None]

# At --debug the CDK's client would log whole answers: people, and new tokens before anybody can mask them.
_logger = logging.getLogger("airbyte.slack")
_logger.setLevel(logging.INFO)

MOST_RESTARTS = 5
MOST_NUMBERED_PAGES = 100  # Slack: team.accessLogs


@dataclass(frozen=True)
class Patience:
    """How long to bear with a failing Slack.

    `tries` a request; `seconds` from its first try, waits that Slack itself asked for not counted; `longest_wait`, in
    seconds, that Slack may ask for; `timeout`, in seconds, to connect and between two pieces of an answer.
    """

    tries: int = 7
    seconds: float = 120
    longest_wait: float = 3600
    timeout: tuple[float, float] = (10, 60)


class SlackErrors(ErrorHandler, BackoffStrategy):
    """Judges each answer by the table in `errors.py`, and says how long to wait before the next try.

    A failure is raised here rather than returned as the CDK's FAIL, for that writes the whole answer, people included,
    into the log.
    """

    # The CDK's own limits lie beyond those of Patience, which end in a sentence that an administrator understands.
    max_retries = 100
    max_time = 7 * 24 * 3600

    def __init__(
        self, host: str, patience: Patience, *, of_stream: bool, can_refresh: bool, unknown: FailureType
    ) -> None:
        self.answer: Answer = {}
        self._host = host
        self._of_stream = of_stream
        self._patience = patience
        self._can_refresh = can_refresh
        self._unknown = unknown

    def begin(self, method: str) -> None:
        """Start the count of tries and of time for one request."""
        self.answer = {}
        self._method = method
        self._tries = 0
        self._deadline = time.monotonic() + self._patience.seconds
        self._wait = 0.0

    def interpret_response(self, response: requests.Response | Exception | None) -> ErrorResolution:
        """Say what to do about one answer, or about the exception in its place; `answer` then holds Slack's JSON.

        Raises AirbyteTracedException: config_error or system_error for what no retry mends, transient_error when the
        patience is at its end.
        """
        self._tries += 1
        if not isinstance(response, requests.Response):
            return self._retry(f"could not be reached at {self._host} ({type(response).__name__})")
        parsed = _parse(response)
        self.answer = answer = parsed if isinstance(parsed, dict) else {}
        if 300 <= response.status_code < 400:
            raise self._not_slack(response)
        if response.status_code == 429:
            return self._retry("limits the rate of requests", ResponseAction.RATE_LIMITED, response)
        if answer.get("ok") is False:
            return self._refused(answer, response)
        if response.status_code >= 500:
            return self._retry(f"answered with HTTP {response.status_code}", response=response)
        if answer.get("ok") is True and response.status_code == 200:
            return ErrorResolution(ResponseAction.SUCCESS)
        if response.status_code == 200 and parsed is None:
            return self._retry("answered with something that is no JSON")
        raise self._not_slack(response)

    def backoff_time(
        self, response_or_exception: requests.Response | requests.RequestException | None, attempt_count: int
    ) -> float:
        """Seconds to wait before the next try; the CDK adds one."""
        return self._wait

    def _refused(self, answer: Answer, response: requests.Response) -> ErrorResolution:
        rule = RULES.get(str(answer.get("error")))
        if rule is None or rule.action is ResponseAction.FAIL:
            raise refusal(self._method, answer, self._unknown)
        if rule.action is ResponseAction.REFRESH_TOKEN_THEN_RETRY:
            if not self._can_refresh:
                raise refusal(self._method, answer, self._unknown)
            self._wait = 0.01  # 0 would make the CDK choose a wait
            return ErrorResolution(rule.action, FailureType.config_error)
        if rule.action in (ResponseAction.RETRY, ResponseAction.RATE_LIMITED):
            return self._retry(f"answered with {answer['error']}", rule.action, response)
        return ErrorResolution(rule.action)

    def _retry(
        self,
        what: str,
        action: ResponseAction = ResponseAction.RETRY,
        response: requests.Response | None = None,
    ) -> ErrorResolution:
        asked = _retry_after(response)
        self._wait = 2.0**self._tries - 1 if asked is None else max(asked, 0.01)
        too_long = asked is not None and asked > self._patience.longest_wait
        if too_long or self._tries >= self._patience.tries or time.monotonic() >= self._deadline:
            asks = f" and asks to wait {asked:.0f} seconds" if too_long else ""
            raise transient_error(
                f"Slack's {self._method} {what}{asks} (tries: {self._tries}). Given up for now; a later attempt may "
                "succeed. If it never does, check `api_url` and the network between this machine and Slack."
            )
        self._deadline += asked or 0
        _logger.warning(f"Slack's {self._method} {what}. Trying again in {self._wait + 1:.0f} seconds.")
        if not self._of_stream:
            action = ResponseAction.RETRY  # for RATE_LIMITED the CDK tells a stream's status
        return ErrorResolution(action, FailureType.transient_error, f"Slack's {self._method} {what}.")

    @staticmethod
    def _not_slack(response: requests.Response) -> AirbyteTracedException:
        return config_error(
            f"{response.url.partition('?')[0]} is not the Slack Web API: it answered with HTTP {response.status_code} "
            "and not as Slack does. Set `api_url` to https://slack.com/api/, or for GovSlack to "
            "https://slack-gov.com/api/."
        )


class SlackApi:
    """Calls methods of the Web API for one stream, with one token."""

    def __init__(
        self,
        name: str | None,
        api_url: str,
        auth: AuthBase | None,
        *,
        patience: Patience,
        page_size: int = 1000,
        unknown: FailureType = FailureType.system_error,
    ) -> None:
        """`name` is the stream's, for its status, if it is for one; `unknown` the failure type of an error code without a rule."""
        self._api_url = api_url
        self._page_size = page_size
        self._errors = SlackErrors(
            urlsplit(api_url).netloc,
            patience,
            of_stream=name is not None,
            can_refresh=hasattr(auth, "refresh_and_set_access_token"),
            unknown=unknown,
        )
        self._client = HttpClient(
            name=name or "slack",
            logger=_logger,
            error_handler=self._errors,
            backoff_strategy=self._errors,
            authenticator=auth,
            request_timeout=patience.timeout,
        )

    def call(
        self, method: str, form: Mapping[str, str] | None = None, **params: Any
    ) -> tuple[Answer, Mapping[str, str]]:
        """Call `method` and return Slack's JSON, whose `ok` is true, and the headers of the answer.

        With `form` it is a POST with these fields; else a GET with `params` in its query. Raises what
        `SlackErrors.interpret_response` raises, and the CDK's PaginationResetRequiredException and
        PageSizeReductionRequiredException where Slack wants a listing in another way.
        """
        self._errors.begin(method)
        try:
            _, response = self._client.send_request(
                "GET" if form is None else "POST",
                self._api_url + method,
                params={name: str(value) for name, value in params.items() if value is not None},
                data=form,
                request_kwargs={"allow_redirects": False},
            )
        except requests.RequestException:
            raise
        except OSError as error:
            if error.errno is not None:
                raise  # of the output, for example; that of requests, which looks for the certificates, has no number
            raise config_error(
                f"The certificates to trust cannot be read ({error}). Where they are is said by REQUESTS_CA_BUNDLE or "
                "CURL_CA_BUNDLE in the environment of this connector."
            ) from error
        return self._errors.answer, response.headers

    def pages(self, method: str, key: str, paging: Paging, kind: type = list, **params: Any) -> Iterator[Answer]:
        """List with `method`, page by page; `key` is where its answers hold the list, or what `kind` says.

        Where Slack forgets the cursor, or wants smaller pages, the listing starts again: who reads it has to bear with
        what was already there. Raises transient_error when it has started again too often, or where an answer has no
        list: taken for an empty page, it would end a listing that is not whole.
        """
        restarts = 0
        while restarts < MOST_RESTARTS:
            try:
                yield from self._listing(method, key, paging, kind, params)
                return
            except PaginationResetRequiredException:
                restarts += 1
            except PageSizeReductionRequiredException:
                restarts += self._page_size == 1
                self._page_size = max(1, self._page_size // 2)
        raise transient_error(
            f"Slack's {method} was listed from its start {MOST_RESTARTS} times, and was never whole. Given up for now; "
            "a later attempt may succeed. A smaller `page_size` may help."
        )

    def _listing(self, method: str, key: str, paging: Paging, kind: type, params: Answer) -> Iterator[Answer]:
        asked: list[Answer] = []
        page = paging(self._page_size, None)
        while page is not None:
            if page in asked:  # Slack leads in a circle
                raise PaginationResetRequiredException
            asked.append(page)
            answer, _ = self.call(method, **page, **params)
            if not isinstance(answer.get(key), (list, kind)):  # PHP, in which Slack is written, has [] for an empty {}
                raise transient_error(
                    f"Slack's {method} gave an answer without {key}, so the listing is not whole. The next attempt "
                    "reads it again."
                )
            yield answer
            page = paging(self._page_size, answer)


def by_cursor(limit: int, answer: Answer | None) -> Answer | None:
    """Give the parameters of the page after `answer`, of the first without one, and None after the last."""
    if answer is None:
        return {"limit": limit}
    cursor = (answer.get("response_metadata") or {}).get("next_cursor")
    return {"limit": limit, "cursor": cursor} if cursor else None


def by_number(limit: int, answer: Answer | None) -> Answer | None:
    """Give the parameters of the next numbered page (Slack: team.accessLogs), of which Slack gives at most 100."""
    if answer is None:
        return {"count": limit, "page": 1}
    paging = answer.get("paging") or {}
    page = paging.get("page", 1)
    return {"count": limit, "page": page + 1} if page < min(paging.get("pages", 1), MOST_NUMBERED_PAGES) else None


def is_cut(answer: Answer) -> bool:
    """Whether a numbered page is the last that Slack gives, though there are more."""
    paging = answer.get("paging") or {}
    return bool(paging.get("page", 1) == MOST_NUMBERED_PAGES < paging.get("pages", 1))


def _parse(response: requests.Response) -> Any:
    """Read the body as JSON; None for anything else."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        try:
            return json.loads(response.content)  # bears with half an emoji at the end of a name, as orjson does not
        except (ValueError, RecursionError):
            return None


def _retry_after(response: requests.Response | None) -> float | None:
    """Seconds that Slack asks to wait, if it does."""
    try:
        return max(0.0, float(response.headers["Retry-After"])) if response is not None else None
    except (KeyError, ValueError):
        return None
