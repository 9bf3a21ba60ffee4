"""Runs the sandbox of `make bench` as a process, with pages that control it.

Prints the addresses and tokens as one line of JSON, and serves until its standard input is closed.
"""

from __future__ import annotations

import json
import sys

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox import Sandbox


def _pages(sandbox: Sandbox) -> list[BaseRoute]:
    async def count(_: Request) -> PlainTextResponse:
        number = sandbox.requests.count(service="oomnitza")
        sandbox.requests.clear()
        return PlainTextResponse(str(number))

    async def latency(request: Request) -> PlainTextResponse:
        sandbox.latency = float(request.query_params["seconds"])
        return PlainTextResponse("")

    async def people(_: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(sandbox.oomnitza.people())))

    return [Route("/bench/count", count), Route("/bench/latency", latency), Route("/bench/people", people)]


def main() -> None:
    """Serve a workspace of as many people as the command line asks for."""
    with Sandbox(int(sys.argv[1]), body_limit=0, pages=_pages) as sandbox:
        print(json.dumps(sandbox.addresses()), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
