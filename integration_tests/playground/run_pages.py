"""Serves the runs, their logs and downloads, and starts and cancels them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from integration_tests.harness.example import SKIPPED
from integration_tests.playground.exports import export
from integration_tests.playground.listing import Column, Listing
from integration_tests.playground.members import Members
from integration_tests.playground.runs import OUTCOMES, PHASES, Run, Runs
from integration_tests.playground.view import View, form_of

RUNS = "/runs"
RUN_COLUMNS = tuple(
    Column(name, name.capitalize()) for name in ("sync", "status", "started", "seconds", "stream", *OUTCOMES)
)
STORY_COLUMNS = tuple(
    Column(name, name.capitalize()) for name in ("person", "what", "field", "before", "after", "reason")
)


class RunPages:
    """Serves /runs, and the button "Sync now"."""

    def __init__(self, runs: Runs, members: Members, view: View) -> None:
        self._runs = runs
        self._members = members
        self._view = view

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/sync", self._sync, methods=["POST"]),
            Route(RUNS, self._list),
            Route(f"{RUNS}.{{kind}}", self._export_list),
            Route(f"{RUNS}/{{number:int}}", self._run),
            Route(f"{RUNS}/{{number:int}}.{{kind}}", self._export_run),
            Route(f"{RUNS}/{{number:int}}/log", self._log),
            Route(f"{RUNS}/{{number:int}}/cancel", self._cancel, methods=["POST"]),
        ]

    def _list(self, _: Request) -> Response:
        return self._show("runs.html", finished=[run for run in self._runs.all[::-1] if run.finished])

    def _run(self, request: Request) -> Response:
        run = self._asked(request)
        return self._show("run.html", run=run) if run else self._view.unknown()

    def _show(self, template: str, **what: Any) -> Response:
        figures = self._runs.progress() if self._runs.running else None
        return self._view.show(
            template, RUNS, figures=figures, outcomes=OUTCOMES, phases=PHASES, skipped=SKIPPED, **what
        )

    def _export_list(self, request: Request) -> Response:
        rows = [row for run in self._runs.all for row in _counts(run)]
        return self._export(Listing(RUNS, RUN_COLUMNS, rows, {}), request, "syncs")

    def _export_run(self, request: Request) -> Response:
        run = self._asked(request)
        if run is None:
            return self._view.unknown()
        return self._export(Listing(RUNS, STORY_COLUMNS, _changes(run), {}), request, f"sync-{run.number}")

    def _export(self, listing: Listing, request: Request, name: str) -> Response:
        kind = request.path_params["kind"]
        return export(listing, kind, name) if kind in ("csv", "json") else self._view.unknown()

    def _log(self, request: Request) -> Response:
        run = self._asked(request)
        if run is None:
            return self._view.unknown()
        return PlainTextResponse(
            run.log.read_text(encoding="utf-8") if run.log.is_file() else "Nothing is logged yet.\n"
        )

    def _asked(self, request: Request) -> Run | None:
        number = request.path_params["number"]
        return self._runs.all[number - 1] if 0 < number <= len(self._runs.all) else None

    async def _sync(self, request: Request) -> Response:
        form = await form_of(request)
        if problem := self._members.save(form):
            return self._members.rejected(form, problem)
        if self._runs.start():
            self._members.changed.clear()
        return RedirectResponse(RUNS, 303)

    async def _cancel(self, request: Request) -> Response:
        await form_of(request)
        run = self._asked(request)
        if run is None:
            return self._view.unknown()
        if run is self._runs.running:
            self._runs.cancel()
        return RedirectResponse(RUNS, 303)


def _counts(run: Run) -> list[dict[str, Any]]:
    about = {
        "sync": run.number,
        "status": run.status,
        "started": run.started.isoformat(timespec="seconds"),
        "seconds": round(run.seconds, 1),
    }
    return [
        {**about, "stream": stream, **{name: report[name] for name in OUTCOMES}}
        for stream, report in run.report.items()
    ]


def _changes(run: Run) -> list[dict[str, Any]]:
    """Return a row for each changed value, and for each record that the log names."""
    stories = [(story.action, story) for story in run.stories]
    stories += [(f"SaaS user {story.action}", story) for story in run.saas_stories]
    rows = [
        {"person": story.name, "what": what, "field": each.label, "before": each.before, "after": each.after}
        for what, story in stories
        for each in story.changes
    ]
    rows += [
        {"person": each.name, "what": f"{each.stream} {'skipped' if each.reason else 'rejected'}", "reason": each.why}
        for each in run.named
    ]
    return [{column.key: row.get(column.key, "") for column in STORY_COLUMNS} for row in rows]
