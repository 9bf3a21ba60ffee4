"""Puts the pages of one sandbox together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from integration_tests.harness.example import PEOPLE, furnish
from integration_tests.playground.members import SLACK, Members
from integration_tests.playground.oomnitza_pages import OomnitzaPages
from integration_tests.playground.person import PersonPages
from integration_tests.playground.run_pages import RunPages
from integration_tests.playground.runs import Runs
from integration_tests.playground.view import View
from integration_tests.sandbox import Sandbox

STATIC = Path(__file__).parent / "static"
# Rejects pages of another site whose name was pointed at this machine (DNS rebinding).
OWN_NAMES = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])


class Playground:
    """Serves one sandbox. `home` is the folder for configurations and logs."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def pages(self, sandbox: Sandbox) -> Sequence[BaseRoute]:
        """Return the routes, for `Sandbox(pages=...)`."""
        self.sandbox = sandbox
        self.runs = Runs(sandbox, self._home)
        self.view = View(self.runs, lambda: len(self.members.changed))
        self.members = Members(sandbox, self.view)
        routes = [
            Route("/", lambda _: RedirectResponse(SLACK, 303)),
            *(Route(f"/{name}", _static(name)) for name in ("style.css", "playground.js")),
            *self.members.routes(),
            *RunPages(self.runs, self.members, self.view).routes(),
            *OomnitzaPages(sandbox, self.runs, self.view).routes(),
            *PersonPages(sandbox, self.runs, self.view).routes(),
            Route("/{rest:path}", lambda _: self.view.unknown()),
        ]
        return [Mount("", routes=routes, middleware=[OWN_NAMES])]


@contextmanager
def serve(home: Path, people: int = PEOPLE, port: int = 0, latency: float = 0) -> Iterator[Playground]:
    """Serve the example in a sandbox of its own, and end its sync at the end.

    Args:
        home: The folder for configurations and logs, which is there.
        people: Members of the Slack workspace.
        port: The port of the pages; 0 takes any free one.
        latency: Seconds that every request to Slack and Oomnitza takes longer.

    Raises:
        OSError: If the port is taken.
    """
    playground = Playground(home)
    with Sandbox(people, port=port, latency=latency, pages=playground.pages) as sandbox:
        furnish(sandbox)
        yield playground
        playground.runs.end()


def _static(name: str) -> Any:
    return lambda _: FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})
