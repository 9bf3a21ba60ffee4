"""Explains failures between the bundle and Airbyte: what failed, cause, fix."""

import json
from collections.abc import Iterator

from bundle.http import HttpProblem, Response, ResponseTimeout, Unreachable

LONGEST_REASON = 500

APPLICATION = "AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET (in Airbyte: your user > User settings > Applications)"
HINTS = {
    401: f"Check {APPLICATION}.",
    403: "The user who created the application needs the role Editor or Admin in the workspace.",
    404: "Check AIRBYTE_WORKSPACE_ID, and that this Airbyte has connector definitions in its public API.",
}


def explain_problem(what: str, root: str, problem: HttpProblem) -> str:
    """Explain a missing response.

    `what` names the task, `root` is the address of the API.
    """
    hint = ""
    if isinstance(problem, ResponseTimeout):
        hint = " Airbyte may have processed the request: run this again, nothing is created twice."
    elif isinstance(problem, Unreachable):
        hint = " Is Airbyte running there, and is AIRBYTE_URL right?"
    return f"Cannot {what}: {root} {problem}.{hint}"


def explain_token(what: str, root: str, response: Response) -> str:
    """Explain why Airbyte issued no access token."""
    return (
        f"Cannot {what}: no access token (HTTP {response.status} of {root}/applications/token). "
        f"Check {APPLICATION}, and AIRBYTE_URL."
    )


def explain_response(what: str, response: Response) -> str:
    """Explain a response that is not the expected one."""
    return f"Cannot {what}: {explain_rejection(response)}"


def explain_rejection(response: Response) -> str:
    """Explain why Airbyte rejected a request."""
    if response.status < 300:
        return "the response is not JSON, so this is not Airbyte's public API. Check AIRBYTE_URL."
    if response.status < 400:
        location = response.headers.get("Location", "another address")
        return f"Airbyte redirects to {location}. Set AIRBYTE_URL to its final address."
    reason = next(_reasons(response.body), "no reason given")[:LONGEST_REASON].rstrip(".")
    hint = HINTS.get(response.status, "See Airbyte's own log." if response.status >= 500 else "")
    return f"Airbyte returned HTTP {response.status}: {reason}. {hint}".rstrip()


def _reasons(body: bytes) -> Iterator[str]:
    """Yield the reasons in a rejection, the best first.

    They are `data.message`, and RFC 9457's `detail` and `title`.
    """
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
