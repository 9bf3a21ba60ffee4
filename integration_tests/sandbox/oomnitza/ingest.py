"""Serves connector ingest as Oomnitza's own connector uses it.

A portion has batches of records, and an end.

People are written when their batch arrives; the run's log (`run_logs.py`) reports them only after some polls.
"""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import Api, RouteGroup, body_object
from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.ingest_bodies import check_batch, check_ready_portion, mode_of
from integration_tests.sandbox.oomnitza.ingest_records import RecordIntake
from integration_tests.sandbox.oomnitza.runs import FATAL, Run
from integration_tests.sandbox.oomnitza.store import Row


class IngestRoutes(RouteGroup):
    """Serves `/api/v3/bulk` and its subpaths."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        self._records = RecordIntake(api.oomnitza)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v3/bulk", self._batch, methods=["POST"]),
            Route("/api/v3/bulk/check_managed", self._check_managed, methods=["POST"]),
            Route("/api/v3/bulk/{portion}", self._canceled, methods=["GET"]),
            Route("/api/v3/bulk/{portion}/finalize", self._finalize, methods=["POST"]),
            Route("/api/v3/bulk/{connector_id}/add_ready_portion", self._add_ready_portion, methods=["POST"]),
        ]

    async def _batch(self, request: Request) -> Response:
        account = self._api.admit(request, "ingest")
        body = await body_object(request)
        check_batch(body, self._oomnitza)
        run = self._run(body)
        run.batches += 1
        run.canceled = run.canceled or self._is_cancelled(run.batches - 1)
        if body.get("error_type") == FATAL:
            run.note_fatal(body["error"])
            return self._api.reply(request, {})
        with self._oomnitza.store.transaction():
            for record in body["records"]:
                user_id = self._records.take(run, body, record, account.user)
                if user_id is not None:
                    self._api.changed(request, "users", user_id)
        return self._api.reply(request, {})

    def _run(self, body: Row) -> Run:
        """Return the run of a batch. Raises RequestRejected if the batch does not fit it."""
        run = self._oomnitza.runs_by_portion.get(body["portion"])
        if run is None:
            name, sender = self._sender(body)
            run = Run(body["portion"], name, sender, mode_of(body), body["test_run"], int(time.time()))
            self._oomnitza.begin_run(run)
        if run.finalized:
            raise RequestRejected(400, "The portion is finalized.")
        if (run.mode, run.test_run) != (mode_of(body), body["test_run"]):
            message = "insert_only, update_only and test_run are the same in all batches of a portion."
            raise RequestRejected(400, message)
        return run

    def _sender(self, body: Row) -> tuple[str, str]:
        if "connector_name" in body:
            return body["connector_name"], f"connector_{body['connector_name']}"
        return self._oomnitza.connectors[body["connector_id"]].name, str(body["connector_id"])

    async def _canceled(self, request: Request) -> Response:
        self._api.admit(request, "ingest")
        run = self._oomnitza.runs_by_portion.get(request.path_params["portion"])
        batches = run.batches if run else 0
        canceled = self._is_cancelled(batches)
        if run is not None:
            run.canceled = canceled
        return self._api.reply(request, {"canceled": canceled})

    def _is_cancelled(self, batches: int) -> bool:
        """Return whether an administrator cancelled a run of so many batches."""
        return self._oomnitza.cancel_after is not None and batches >= self._oomnitza.cancel_after

    async def _finalize(self, request: Request) -> Response:
        self._api.admit(request, "ingest")
        if await body_object(request):
            raise RequestRejected(400, "The body must be {}.")
        run = self._oomnitza.runs_by_portion.get(request.path_params["portion"])
        if run is None:
            raise RequestRejected(404, "There is no such portion.")
        run.finalized, run.ended = True, int(time.time())
        self._oomnitza.keep_run(run)
        return self._api.reply(request, {})

    async def _check_managed(self, request: Request) -> Response:
        """Return the integrations that Oomnitza's connector must run now, once."""
        self._api.admit(request, "ingest")
        if set(await body_object(request)) != {"version"}:
            raise RequestRejected(400, "The body must have version.")
        due, self._oomnitza.due = self._oomnitza.due, []
        return self._api.reply(request, due)

    async def _add_ready_portion(self, request: Request) -> Response:
        """Add a run that is complete: without records, or failed before the first one."""
        self._api.admit(request, "ingest")
        text = request.path_params["connector_id"]
        integration = self._oomnitza.connectors.get(int(text)) if text.isdigit() else None
        if integration is None:
            raise RequestRejected(404, f"There is no connector {text!r}.")
        body = await body_object(request)
        check_ready_portion(body)
        if body["correlation_id"] in self._oomnitza.runs_by_portion:
            raise RequestRejected(400, "There is such a portion already.")
        now, test_run = int(time.time()), body.get("test_run", False)
        run = Run(body["correlation_id"], integration.name, text, "ready", test_run, now, ended=now, finalized=True)
        if "error_message" in body:
            run.note("failed", body["error_message"])
        elif "added" in body:
            run.objects["added"] = body["added"]
        if body.get("error_type") == FATAL:
            run.note_fatal(body["error_message"])
        self._oomnitza.begin_run(run)
        return self._api.reply(request, {})
