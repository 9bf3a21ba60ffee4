"""Provides an Oomnitza instance: its addresses, its faults and its clients."""

from __future__ import annotations

from typing import Any

import requests
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config
from urllib3.exceptions import MaxRetryError, NewConnectionError
from urllib3.util import Retry

ORIGIN = "https://acme.oomnitza.com"
PROBE = f"{ORIGIN}/api/v2/mappings?name=AuthTest"
TOKENS = f"{ORIGIN}/api/request_token"
USERS = f"{ORIGIN}/api/v3/users"
AT_ONCE = Retry(total=None, backoff_factor=0)
PATIENT = RetryPolicy(faults=60, waits=AT_ONCE)
IMPATIENT = RetryPolicy(faults=0, waits=AT_ONCE)
REFUSED = requests.exceptions.ConnectionError(
    MaxRetryError(None, "/", NewConnectionError(None, "refused"))  # type: ignore[arg-type]  # no pool is needed
)
BEFORE = {"exc": REFUSED}
RESET = {"exc": requests.exceptions.ConnectionError("Connection aborted.")}
NO_CONNECTION_IN_TIME = {"exc": requests.exceptions.ConnectTimeout()}
NO_ANSWER_IN_TIME = {"exc": requests.exceptions.ReadTimeout()}
HTML = {"status_code": 502, "text": "<html>Bad Gateway</html>"}
PASSING = {
    "429": {"status_code": 429, "headers": {"Retry-After": "0"}},
    "429, a date": {"status_code": 429, "headers": {"Retry-After": "Tue, 24 Nov 2020 10:00:00 GMT"}},
    "503, nonsense": {"status_code": 503, "headers": {"Retry-After": "soon"}},
    "503, a number beyond all bounds": {"status_code": 429, "headers": {"Retry-After": "x" + "9" * 5000}},
    "408": {"status_code": 408},
    "500": {"status_code": 500},
    "502 HTML": HTML,
    "504": {"status_code": 504},
    "520": {"status_code": 520},
    "200 HTML": {"text": "<html>Maintenance</html>"},
    "200, cut": {"text": '[{"user_id": "1'},
    "200, empty": {"text": ""},
    "refused": BEFORE,
    "reset": RESET,
    "no connection in time": NO_CONNECTION_IN_TIME,
    "no answer in time": NO_ANSWER_IN_TIME,
    "cut in the body": {"exc": requests.exceptions.ChunkedEncodingError()},
    "bad gzip": {"exc": requests.exceptions.ContentDecodingError()},
    "proxy": {"exc": requests.exceptions.ProxyError()},
    "TLS cut": {"exc": requests.exceptions.SSLError("EOF occurred in violation of protocol")},
}


def make(retry_policy: RetryPolicy = PATIENT, cancellation: Cancellation | None = None, **config: Any) -> Client:
    base = {"instance_url": "acme", "credentials": {"auth_type": "api_token", "api_token": "made-up-token"}}
    return Client(Config.parse({**base, **config}), retry_policy, cancellation)


PASSWORD = {"credentials": {"auth_type": "password", "username": "airbyte", "password": "made-up-password"}}
