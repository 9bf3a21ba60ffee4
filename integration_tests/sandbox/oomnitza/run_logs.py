"""Serves the log of runs: by connector, and run by run."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import RouteGroup
from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.filters import Column, Where
from integration_tests.sandbox.oomnitza.runs import FATAL, OUTCOMES, Run
from integration_tests.sandbox.oomnitza.store import Row

COLUMNS = {
    "portion_id": Column("number", "integer"),
    "portion_correlation_id": Column("portion", "text", exact=True),
    "start_time": Column("started", "integer"),
}
PARAMETERS = frozenset({"limit", "skip", "sortby", "filter"})


class RunLogRoutes(RouteGroup):
    """Serves `/api/v3/connector_run_logs`."""

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v3/connector_run_logs/connectors/{portion}", self._details, methods=["GET"]),
            Route("/api/v3/connector_run_logs/{sender}", self._runs, methods=["GET"]),
        ]

    async def _runs(self, request: Request) -> Response:
        self._api.admit(request, "ingest")
        sender = request.path_params["sender"]
        limit, skip = self._api.listing(request, PARAMETERS)
        where, order = self._api.where(request, COLUMNS), self._api.order(request, COLUMNS, "number")
        known = sender.isdigit() and int(sender) in self._oomnitza.connectors
        if not known and self._store.value("SELECT 1 FROM runs WHERE connector = ?", (sender,)) is None:
            raise RequestRejected(404, f"There is no connector {sender!r}.")
        where = Where(f"connector = ? AND ({where.sql})", (sender, *where.parameters))
        sql = f"SELECT number, portion FROM runs WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?"
        rows = self._store.rows(sql, (*where.parameters, limit, skip))
        total = self._store.value(f"SELECT count(*) FROM runs WHERE {where.sql}", where.parameters)
        everything = self._store.value("SELECT count(*) FROM runs")
        runs = [self._summary(row["number"], self._oomnitza.runs_by_portion[row["portion"]]) for row in rows]
        return self._api.reply(request, runs, headers=self._api.counted(total, len(runs), everything))

    def _summary(self, number: int, run: Run) -> Row:
        ended = self._ended(run)
        return {
            "portion_id": number,
            "portion_correlation_id": run.portion,
            "start_time": float(run.started),
            "end_time": float(run.ended),
            "connector": run.connector,
            "is_media_storage_service": False,
            "status": self._status(run, ended),
            "test_run": run.test_run,
            "deployment": "local",
            "ipv4_address": "127.0.0.1",
            "added_records_count": run.objects["added"] * ended,
            "updated_records_count": run.objects["updated"] * ended,
            "skipped_records_count": run.objects["skipped"] * ended,
            "error_logs_count": (run.objects["failed"] + len(run.logs.get(FATAL, ()))) * ended,
        }

    async def _details(self, request: Request) -> Response:
        self._api.admit(request, "ingest")
        run = self._run(request.path_params["portion"])
        run.polls += run.finalized
        ended = self._ended(run)
        total = sum(run.objects.values())
        objects = {**run.objects, "processing": 0} if ended else {**dict.fromkeys(OUTCOMES, 0), "processing": total}
        logs = run.logs if ended else {}
        if self._oomnitza.switches.run_objects == "nonzero":
            objects = {name: number for name, number in objects.items() if number}
            logs = {name: lines for name, lines in logs.items() if lines}
        details = {
            "connector": run.connector,
            "deployment": "local",
            "start_time": run.started,
            "end_time": run.ended,
            "status": self._status(run, ended),
            "ipv4_address": "127.0.0.1",
            "objects": objects,
            "logs": logs,
            "file_attachment": None,
            "test_run": run.test_run,
            "test_run_payload": run.payload if ended else [],
        }
        return self._api.reply(request, details)

    def _status(self, run: Run, ended: bool) -> str:
        before, after, with_errors = self._oomnitza.switches.run_words
        return before if not ended else with_errors if run.objects["failed"] or FATAL in run.logs else after

    def _ended(self, run: Run) -> bool:
        return run.finalized and 0 <= self._oomnitza.switches.run_polls < run.polls

    def _run(self, ident: str) -> Run:
        """Return the run of a `portion_id` or UUID. Raises RequestRejected 404.

        A switch enables UUIDs.
        """
        portion = self._store.value("SELECT portion FROM runs WHERE number = ?", (ident,)) if ident.isdigit() else None
        if portion is None and self._oomnitza.switches.run_by_uuid:
            portion = ident
        run = self._oomnitza.runs_by_portion.get(portion)
        if run is None:
            raise RequestRejected(404, "There is no such portion.")
        return run
