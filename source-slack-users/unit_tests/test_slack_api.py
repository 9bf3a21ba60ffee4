"""Tests a call of the Web API."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from airbyte_cdk.sources.streams.http.requests_native_auth import TokenAuthenticator
from source_slack_users.retries import RetryPolicy
from source_slack_users.slack_api import SlackApi

API = "https://slack.com/api/"


@pytest.fixture
def api() -> SlackApi:
    return SlackApi("users", API, TokenAuthenticator("made-up-token"), retry_policy=RetryPolicy())


def test_request_has_a_time_out_and_follows_no_redirect(
    slack: Any, api: SlackApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []
    send = requests.Session.send

    def watched(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        sent.append(options)
        return send(session, request, **options)

    # Undone here, because after the test it would restore an attribute that `requests_mock` has removed by then.
    with monkeypatch.context() as watching:
        watching.setattr(requests.Session, "send", watched)
        api.call("users.list")
    assert [(options["timeout"], options["allow_redirects"]) for options in sent] == [((10, 60), False)]
