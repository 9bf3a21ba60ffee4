"""The sentences for what goes wrong between the bundle and Airbyte: what failed, cause, fix."""

import json
from collections.abc import Iterator

from bundle.http import HttpProblem, Response, ResponseTimeout, Unreachable

LONGEST_REASON = 500

APPLICATION = "AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET (in Airbyte: your user > User settings > Applications)"
HINTS = {
    401: f"Check {APPLICATION}.",
    403: "The user who made the application needs the role Editor or Admin in the workspace.",
    404: "Check AIRBYTE_WORKSPACE_ID, and that this Airbyte has connector definitions in its public API.",
}


def explain_problem(what: str, root: str, problem: HttpProblem) -> str:
    """Explain why there is no answer. `what` was tried, `root` is the address of the API."""
    hint = ""
    if isinstance(problem, ResponseTimeout):
        hint = " Airbyte may have done it all the same: run this again, nothing is created twice."
    elif isinstance(problem, Unreachable):
        hint = " Is Airbyte running there, and is AIRBYTE_URL right?"
    return f"Cannot {what}: {root} {problem}.{hint}"


def explain_token(what: str, root: str, response: Response) -> str:
    """Explain why there is no access token."""
    return (
        f"Cannot {what}: no access token (HTTP {response.status} of {root}/applications/token). "
        f"Check {APPLICATION}, and AIRBYTE_URL."
    )


def explain_response(what: str, response: Response) -> str:
    """Explain an answer that is not the one asked for."""
    return f"Cannot {what}: {_rejection(response)}"


def _rejection(response: Response) -> str:
    if response.status < 300:
        return "the answer is not JSON, so this is not Airbyte's public API. Check AIRBYTE_URL."
    if response.status < 400:
        location = response.headers.get("Location", "another address")
        return f"Airbyte redirects to {location}. Set AIRBYTE_URL to the address that it is really at."
    reason = next(_reasons(response.body), "no reason given")[:LONGEST_REASON].rstrip(".")
    hint = HINTS.get(response.status, "See Airbyte's own log." if response.status >= 500 else "")
    return f"Airbyte answered {response.status}, {reason}. {hint}".rstrip()


def _reasons(body: bytes) -> Iterator[str]:
    """List the reasons that a refusal gives, best first. Airbyte: RFC 9457's detail and title, and data.message."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        return
    if not isinstance(problem, dict):
        return
    data = problem.get("data")
    for place in (data if isinstance(data, dict) else {}, problem):
        for key in ("message", "detail", "title"):
            if isinstance(place.get(key), str) and place[key]:
                yield " ".join(place[key].split())
