"""The pages of one sandbox: which there are, and the buttons that start and cancel a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from integration_tests.harness.example import SKIPPED
from integration_tests.playground.members import SLACK, Members
from integration_tests.playground.oomnitza_pages import OomnitzaPages
from integration_tests.playground.person import PersonPages
from integration_tests.playground.runs import OUTCOMES, PHASES, Run, Runs
from integration_tests.playground.view import View, form_of
from integration_tests.sandbox import Sandbox

STATIC = Path(__file__).parent / "static"
RUNS = "/runs"
# A page of another site whose name was made to mean this machine (DNS rebinding) neither reads nor posts.
OWN_NAMES = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])


class Playground:
    """The pages of one sandbox. `home` is the folder for configurations and logs."""

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
            Route("/sync", self._sync, methods=["POST"]),
            Route(RUNS, self._runs),
            Route(f"{RUNS}/{{number:int}}", self._run),
            Route(f"{RUNS}/{{number:int}}/log", self._log),
            Route(f"{RUNS}/{{number:int}}/cancel", self._cancel, methods=["POST"]),
            *self.members.routes(),
            *OomnitzaPages(sandbox, self.runs, self.view).routes(),
            *PersonPages(sandbox, self.runs, self.view).routes(),
            Route("/{rest:path}", lambda _: self.view.unknown()),
        ]
        return [Mount("", routes=routes, middleware=[OWN_NAMES])]

    def _runs(self, _: Request) -> Response:
        finished = [run for run in self.runs.all[::-1] if run.finished]
        return self._show("runs.html", finished=finished)

    def _run(self, request: Request) -> Response:
        run = self._asked(request)
        return self._show("run.html", run=run) if run else self.view.unknown()

    def _show(self, template: str, **what: Any) -> Response:
        figures = self.runs.progress() if self.runs.running else None
        return self.view.show(
            template, RUNS, figures=figures, outcomes=OUTCOMES, phases=PHASES, skipped=SKIPPED, **what
        )

    def _log(self, request: Request) -> Response:
        run = self._asked(request)
        if run is None or not run.log.is_file():
            return self.view.unknown()
        return PlainTextResponse(run.log.read_text(encoding="utf-8"))

    def _asked(self, request: Request) -> Run | None:
        number = request.path_params["number"]
        return self.runs.all[number - 1] if 0 < number <= len(self.runs.all) else None

    async def _sync(self, request: Request) -> Response:
        form = await form_of(request)
        if problem := self.members.save(form):
            return self.members.page(request, problem, 400)
        if self.runs.start():
            self.members.changed.clear()
        return RedirectResponse(RUNS, 303)

    async def _cancel(self, request: Request) -> Response:
        await form_of(request)
        run = self._asked(request)
        if run is None:
            return self.view.unknown()
        if run is self.runs.running:
            self.runs.cancel()
        return RedirectResponse(RUNS, 303)


def _static(name: str) -> Any:
    return lambda _: FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})
