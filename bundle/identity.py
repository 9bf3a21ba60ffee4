"""Names the pair of a sync: a Slack workspace or organization, and an Oomnitza."""

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from bundle.configuration import CREDENTIALS, Json
from bundle.errors import ServiceError
from bundle.http import Http, HttpProblem, Response, is_private

SLACK_API = "https://slack.com/api/"
RESPONSE_SECONDS = 60.0
PAUSES = (1.0, 5.0, 15.0)
"""Seconds before each retry of a transient error."""
MAX_PAUSE = 60.0


def slack_identity(configuration: Json, sleep: Callable[[float], None] = time.sleep) -> str:
    """Return the id of the token's workspace or organization (Slack: auth.test).

    It is the same for every token, so that a new token finds the state of the old one. Raises ServiceError.
    """
    url = str(configuration.get("api_url") or SLACK_API)
    credentials = configuration.get(CREDENTIALS)
    names = ("api_token", "access_token")
    token = next((credentials[name] for name in names if name in credentials), "") if credentials else ""
    if not is_private(url):
        raise ServiceError("Address of the Slack Web API (api_url) must be https, or http on this machine.")
    http = Http(url if url.endswith("/") else f"{url}/", seconds=RESPONSE_SECONDS)
    try:
        response = _identify(http, str(token), sleep)
    except HttpProblem as problem:
        raise ServiceError(f"{urlsplit(url).netloc} {problem}, so the workspace is unknown. Try again later.") from None
    if _is_transient(response):
        raise ServiceError(f"Slack returned HTTP {response.status}, so the workspace is unknown. Try again later.")
    content = response.json()
    answer = content if isinstance(content, dict) else {}
    name = "enterprise_id" if answer.get("is_enterprise_install") is True else "team_id"
    if answer.get("ok") is not True or not answer.get(name):  # without an id, two workspaces would share one state
        code = code_of(answer, "error", f"no {name}")
        raise ServiceError(f"Slack's auth.test failed ({code}), so the workspace is unknown. Check the token.")
    return str(answer[name])


def _identify(http: Http, token: str, sleep: Callable[[float], None]) -> Response:
    """Call auth.test, and retry a transient error a few times."""
    for pause in (*PAUSES, None):
        response = http.request("GET", "auth.test", credentials={"Authorization": f"Bearer {token}"})
        if pause is None or not _is_transient(response):
            break
        asked = response.headers.get("Retry-After", "")
        sleep(min(float(asked), MAX_PAUSE) if asked.isdecimal() else pause)
    return response


def _is_transient(response: Response) -> bool:
    return response.status == 429 or response.status >= 500


def code_of(answer: Json, name: str, otherwise: str) -> str:
    """Return a code or scopes of Slack's response; `otherwise` for anything else.

    >>> code_of({"ok": False, "error": "invalid_auth"}, "error", "none")
    'invalid_auth'
    """
    code = answer.get(name)
    # Other text might repeat the token that was sent.
    return code if isinstance(code, str) and re.fullmatch(r"[a-z0-9_.:,]{1,200}", code) else otherwise


def oomnitza_identity(configuration: Json) -> str:
    """Return the host of the instance, with its port if the address has one.

    >>> oomnitza_identity({"instance_url": "ACME"})
    'acme.oomnitza.com'
    """
    text = str(configuration.get("instance_url", "")).strip().lower()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    host = parts.hostname or ""
    if "." not in host and ":" not in host and host != "localhost":
        host = f"{host}.oomnitza.com"
    return f"{host}:{parts.port}" if parts.port else host


def pair_name(configuration_of_source: Json, configuration_of_destination: Json) -> str:
    """Return the name of the pair as a file name.

    Raises ServiceError if Slack does not identify the token.
    """
    names = slack_identity(configuration_of_source), oomnitza_identity(configuration_of_destination)
    return "--".join(re.sub(r"[^A-Za-z0-9.-]+", "_", name) for name in names)
