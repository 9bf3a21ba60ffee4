"""Sends requests to Slack's Web API."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.http_client import HttpClient
from requests.auth import AuthBase

from source_slack_users.error_handler import Payload, Renewable, SlackErrorHandler, logger
from source_slack_users.errors import config_error
from source_slack_users.retries import RetryPolicy
from source_slack_users.transport import SlackSession


class SlackApi:
    """Calls methods of the Web API for one stream, with one token."""

    def __init__(
        self,
        name: str | None,
        api_url: str,
        auth: AuthBase | None,
        *,
        retry_policy: RetryPolicy,
        page_size: int = 1000,
        unknown: FailureType = FailureType.system_error,
    ) -> None:
        """Create a client.

        Args:
            name: The stream whose status shows rate limits; None outside a stream.
            api_url: The address of the Web API, with a slash at its end.
            auth: Signs the requests; None to send them unsigned.
            retry_policy: The time limits.
            page_size: The items of a page.
            unknown: The failure type of an error code without a rule.
        """
        self._api_url = api_url
        self.page_size = page_size
        self._errors = SlackErrorHandler(
            urlsplit(api_url).netloc,
            retry_policy,
            auth if isinstance(auth, Renewable) else None,
            of_stream=name is not None,
            unknown=unknown,
        )
        self._client = HttpClient(
            name=name or "slack",
            logger=logger,
            error_handler=self._errors,
            backoff_strategy=self._errors,
            session=SlackSession(retry_policy.response),
            authenticator=auth,
            request_timeout=retry_policy.timeout,
        )

    def call(
        self, method: str, form: Mapping[str, str] | None = None, **params: Any
    ) -> tuple[Payload, Mapping[str, str]]:
        """Call a method of the Web API.

        Args:
            method: The method, such as users.list.
            form: The fields of a POST; None for a GET.
            params: The query; without those that are None.

        Returns:
            Slack's JSON, whose `ok` is true, and the response's headers.

        Raises:
            AirbyteTracedException: As `SlackErrorHandler.interpret_response` raises it.
            PaginationResetRequiredException: If Slack rejects the cursor.
            PageSizeReductionRequiredException: If Slack requires smaller pages.
        """
        response = self._send(method, form, params)
        return self._errors.payload, response.headers

    def download(self, method: str, **params: Any) -> bytes:
        """Return the compressed file that `method` returns. Raises what `call` raises."""
        return self._send(method, None, params).content

    def _send(self, method: str, form: Mapping[str, str] | None, params: Mapping[str, Any]) -> requests.Response:
        self._errors.begin(method, int(params.get("limit") or params.get("count") or 0))
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
                raise  # from the output, for example; requests raises one without errno if it finds no certificates
            raise config_error(
                f"The trusted certificates cannot be read ({error}). Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE in the "
                "environment of this connector."
            ) from error
        return response
