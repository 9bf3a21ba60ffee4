"""Connector ingest, as Oomnitza's own connector speaks it: batches of records in a portion, and the run's log.

People are written when their batch arrives; the log tells only after some polls, as the real one's does (`run_polls`).
"""

from __future__ import annotations

import re
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import Api, body_object
from integration_tests.sandbox.oomnitza.errors import DuplicateValue, RequestRejected
from integration_tests.sandbox.oomnitza.fields import Field
from integration_tests.sandbox.oomnitza.runs import OUTCOMES, Run
from integration_tests.sandbox.oomnitza.store import Row, ident

PAYLOAD: dict[str, type | tuple[type, ...]] = {
    "connector_version": str,
    "sync_field": list,
    "records": list,
    "portion": str,
    "data_type": str,
    "insert_only": bool,
    "update_only": bool,
    "error": (str, type(None)),
    "test_run": bool,
    "multi_str_input_value": (str, type(None)),
}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class IngestRoutes:
    """`/api/v3/bulk` and `/api/v3/connector_run_logs`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._oomnitza = api.oomnitza
        self._store = api.oomnitza.store

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this part."""
        return [
            Route("/api/v3/bulk", self._batch, methods=["POST"]),
            Route("/api/v3/bulk/{portion}", self._canceled, methods=["GET"]),
            Route("/api/v3/bulk/{portion}/finalize", self._finalize, methods=["POST"]),
            Route("/api/v3/connector_run_logs/connectors/{portion}", self._log, methods=["GET"]),
        ]

    # HTTP

    async def _batch(self, request: Request) -> Response:
        account = self._api.admit(request, "ingest")
        body = await body_object(request)
        self._check(body)
        run = self._oomnitza.runs_by_portion.get(body["portion"])
        if run is None:
            name = (
                body["connector_name"] if "connector_name" in body else self._oomnitza.connectors[body["connector_id"]]
            )
            run = Run(body["portion"], name, _mode(body), body["test_run"], int(time.time()))
            self._oomnitza.runs_by_portion[run.portion] = run
        if run.finalized:
            raise RequestRejected(400, "The portion is finalized.")
        if (run.mode, run.test_run) != (_mode(body), body["test_run"]):
            raise RequestRejected(
                400, "insert_only, update_only and test_run are the same in all batches of a portion."
            )
        run.batches += 1
        with self._store.transaction():
            for record in body["records"]:
                self._take(run, body, record, account.user)
        return self._api.reply(request, {})

    async def _canceled(self, request: Request) -> Response:
        self._api.admit(request, "ingest")
        run = self._oomnitza.runs_by_portion.get(request.path_params["portion"])
        batches = run.batches if run else 0
        canceled = self._oomnitza.cancel_after is not None and batches >= self._oomnitza.cancel_after
        if run is not None:
            run.canceled = canceled
        return self._api.reply(request, {"canceled": canceled})

    async def _finalize(self, request: Request) -> Response:
        self._api.admit(request, "ingest")
        if await body_object(request):
            raise RequestRejected(400, "The body must be {}.")
        run = self._known_run(request)
        run.finalized, run.ended = True, int(time.time())
        self._oomnitza.keep_run(run)
        return self._api.reply(request, {})

    async def _log(self, request: Request) -> Response:
        self._api.admit(request, "ingest")
        run = self._known_run(request)
        run.polls += run.finalized
        ended = run.finalized and 0 <= self._oomnitza.switches.run_polls < run.polls
        total = sum(run.objects.values())
        objects = {**run.objects, "processing": 0} if ended else {**dict.fromkeys(OUTCOMES, 0), "processing": total}
        details = {
            "connector": run.connector,
            "deployment": "local",
            "start_time": run.started,
            "end_time": run.ended,
            "status": self._oomnitza.switches.run_words[ended],
            "ipv4_address": "127.0.0.1",
            "objects": objects,
            "logs": run.logs if ended else {},
            "file_attachment": None,
            "test_run": run.test_run,
            "test_run_payload": run.payload if ended else [],
        }
        return self._api.reply(request, details)

    def _known_run(self, request: Request) -> Run:
        run = self._oomnitza.runs_by_portion.get(request.path_params["portion"])
        if run is None:
            raise RequestRejected(404, "There is no such portion.")
        return run

    # The shape of a batch

    def _check(self, body: Row) -> None:
        sender = {"connector_name", "connector_id"} & set(body)
        if set(body) - sender != set(PAYLOAD) or len(sender) != 1:
            raise RequestRejected(400, f"The body must have {', '.join(PAYLOAD)}, and connector_name or connector_id.")
        for name, kind in PAYLOAD.items():
            if not isinstance(body[name], kind):
                raise RequestRejected(400, f"{name} is of the wrong type.")
        if not _UUID.fullmatch(body["portion"]):
            raise RequestRejected(400, "portion must be a UUID.")
        if body["data_type"] != "users" or (body["insert_only"] and body["update_only"]):
            raise RequestRejected(400, "data_type must be users; insert_only and update_only are never both true.")
        self._check_sender(body)
        known = {f.internal_id for f in self._store.fields.values()}
        if any(name not in known for name in body["sync_field"]) or not body["sync_field"]:
            raise RequestRejected(400, "sync_field must be a list of internal ids of fields.")
        for record in body["records"]:
            if not isinstance(record, dict) or set(record) - known - {"SAAS"}:
                raise RequestRejected(400, "A record is an object of internal field ids, and SAAS.")
            _check_saas(record.get("SAAS"))
        if not body["records"] or (body["error"] is not None and len(body["records"]) != 1):
            raise RequestRejected(400, "A batch has records; one with an error has one.")

    def _check_sender(self, body: Row) -> None:
        if "connector_name" in body and (not isinstance(body["connector_name"], str) or not body["connector_name"]):
            raise RequestRejected(400, "connector_name must be a text.")
        if "connector_id" in body and (
            type(body["connector_id"]) is not int or body["connector_id"] not in self._oomnitza.connectors
        ):
            raise RequestRejected(400, "There is no such connector_id.")

    # A record

    def _take(self, run: Run, body: Row, record: Row, by: str) -> None:
        title = ", ".join(str(record[name]) for name in body["sync_field"] if record.get(name)) or "no sync value"
        if body["error"] is not None:
            run.note("failed", f"{title}: {body['error']}")
        elif run.canceled:
            run.note("canceled", title)
        else:
            try:
                run.note(self._write(run, body, record, by), title)
            except (ValueError, DuplicateValue) as error:
                run.note("failed", f"{title}: {error}")

    def _write(self, run: Run, body: Row, record: Row, by: str) -> str:
        """Create or update the person; the outcome. Raises ValueError or DuplicateValue."""
        values = self._values(record)
        user_id = self._match(body["sync_field"], record)
        if user_id is None and not body["update_only"]:
            missing = [f.name for f in self._store.fields.values() if not f.optional and not values.get(f.name)]
            if missing:
                raise ValueError(f"{', '.join(missing)} is required")
            outcome = "added"
        elif user_id is None or body["insert_only"]:
            return "skipped"
        else:
            now = self._store.person(user_id) or {}
            values = {name: value for name, value in values.items() if now[name] != value}
            outcome = "updated" if values else "unchanged"
        if run.test_run:
            run.payload.append({"outcome": outcome, **record})
            return outcome
        if user_id is None:
            user_id = self._store.create(values, by)["user_id"]
        elif values:
            self._store.update(user_id, values, by)
        if "SAAS" in record:
            self._assign_ingested(run, record, str(user_id))
        return outcome

    def _match(self, sync_fields: list[str], record: Row) -> str | None:
        """The person that the first sync field with a match names."""
        fields = {f.internal_id: f for f in self._store.fields.values()}
        given = [(fields[name], record[name]) for name in sync_fields if record.get(name) not in (None, "")]
        if not given:
            raise ValueError("no value of a sync field")
        for one, value in given:
            found = self._store.find(one.name, _read(one, value))
            if len(found) > 1:
                raise ValueError(f"more than one person has this {one.label}")
            if found:
                return found[0]
        return None

    def _values(self, record: Row) -> Row:
        """The record's values by external id, read into their types. Raises ValueError."""
        fields = {f.internal_id: f for f in self._store.fields.values()}
        values = {}
        for name, value in record.items():
            if name == "SAAS":
                continue
            one = fields[name]
            if one.system and not one.editable:
                raise ValueError(f"{one.label} is read-only")
            read = _read(one, value)
            reason = one.wrong(read)
            if reason is not None:
                raise ValueError(f"{one.label} {reason}")
            values[one.name] = None if read == "" else read
        return values

    def _assign_ingested(self, run: Run, record: Row, user_id: str) -> None:
        saas = record["SAAS"]
        saas_id = saas.get("selected_saas_id")
        if saas_id is None:
            name = saas.get("name") or run.connector  # the integration's own application
            sql = "SELECT saas_id FROM saas WHERE saas_name = ? ORDER BY saas_id LIMIT 1"
            saas_id = self._store.value(sql, (name,))
            if saas_id is None:
                sql = "INSERT INTO saas (saas_name, created, created_by) VALUES (?, ?, ?)"
                saas_id = self._store.insert(sql, (name, int(time.time()), "ingest"))
        self._store.run(
            "INSERT INTO saas_users (saas_user_id, saas_id, user_id, user_external_id) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (saas_id, user_id) DO UPDATE SET user_external_id = excluded.user_external_id",
            (ident("saas user", int(saas_id), user_id), int(saas_id), user_id, str(record.get(saas["sync_key"], ""))),
        )


def _mode(body: Row) -> str:
    return "insert_only" if body["insert_only"] else "update_only" if body["update_only"] else "insert_and_update"


def _check_saas(saas: Any) -> None:
    if saas is None:
        return
    if not isinstance(saas, dict) or not isinstance(saas.get("sync_key"), str):
        raise RequestRejected(400, "SAAS must have a sync_key, a text.")
    if set(saas) - {"sync_key", "selected_saas_id", "name"}:
        raise RequestRejected(400, "SAAS has sync_key, selected_saas_id and name only.")


def _read(one: Field, value: Any) -> Any:
    """A value as the field's type: ingest takes texts for numbers and the other way round, but no lists or objects."""
    if isinstance(value, (list, dict)):
        raise ValueError(f"{one.label} must be a single value")
    if one.kind == "text" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and one.kind in ("integer", "date") and value.isdigit():
        return int(value)
    if isinstance(value, str) and one.kind == "boolean" and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    return value
