"""Sentences for what goes wrong between us and Airbyte: what happened, where, and what to do."""

import json
from collections.abc import Iterator

import requests
from airbyte_api.errors import SDKError

LONGEST_REASON = 500

APPLICATION = "AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET (in Airbyte: your user > User settings > Applications)"
HINTS = {
    401: f"Check {APPLICATION}.",
    403: "The user who made the application needs the role Editor or Admin in the workspace.",
    404: "Check AIRBYTE_WORKSPACE_ID, and that this Airbyte has connector definitions in its public API.",
}


def explain(what: str, root: str, error: Exception) -> str:
    """Say in a sentence why something could not be done.

    `what` is what was tried ("create the source"), `root` the address of the API, `error` what the SDK raised: its own
    SDKError for an answer of 300 and above, an exception of requests, or a plain Exception for a token it did not get.
    """
    return f"Cannot {what}: {_cause(root, error)}"


def _cause(root: str, error: Exception) -> str:
    if isinstance(error, SDKError):
        return _refusal(error)
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"the certificate of {root} cannot be verified. If an authority of your own signed it, set "
            "REQUESTS_CA_BUNDLE to that authority's file."
        )
    if isinstance(error, requests.Timeout):
        return f"{root} did not answer in time. It may be done all the same: run this again, nothing is created twice."
    if isinstance(error, requests.RequestException) and not isinstance(error, ValueError):
        return f"{root} cannot be reached. Is Airbyte running there, and is AIRBYTE_URL right?"
    if "token endpoint" in str(error):
        return f"no access token ({error} of {root}). Check {APPLICATION}, and AIRBYTE_URL."
    return f"{root} does not answer as Airbyte's public API does ({type(error).__name__}). Check AIRBYTE_URL."


def _refusal(error: SDKError) -> str:
    if error.status_code < 300:
        return "the answer is not JSON, so this is not Airbyte's public API. Check AIRBYTE_URL."
    if error.status_code < 400:
        location = error.raw_response.headers.get("Location", "another address")
        return f"Airbyte redirects to {location}. Set AIRBYTE_URL to the address that it is really at."
    reason = next(_reasons(error.body), "no reason given")[:LONGEST_REASON].rstrip(".")
    hint = HINTS.get(error.status_code, "Airbyte's own log tells more." if error.status_code >= 500 else "")
    return f"Airbyte answered {error.status_code}, {reason}. {hint}".rstrip()


def _reasons(body: str) -> Iterator[str]:
    """Give what a refusal says, best first. Airbyte: RFC 9457's detail and title, and data.message."""
    try:
        problem = json.loads(body)
    except ValueError:
        return
    if not isinstance(problem, dict):
        return
    data = problem.get("data")
    for place in (data if isinstance(data, dict) else {}, problem):
        for key in ("message", "detail", "title"):
            if isinstance(place.get(key), str) and place[key]:
                yield " ".join(place[key].split())
