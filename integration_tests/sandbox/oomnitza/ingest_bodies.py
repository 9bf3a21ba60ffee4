"""Validates bodies of ingest: only the shape of Oomnitza's own connector passes."""

from __future__ import annotations

import re
from typing import Any

from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.instance import Oomnitza
from integration_tests.sandbox.oomnitza.runs import FATAL
from integration_tests.sandbox.oomnitza.store import Row

Kinds = dict[str, type | tuple[type, ...]]

BATCH: Kinds = {
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
EMPTY_RUN: Kinds = {"correlation_id": str, "is_empty_run": bool, "multi_str_input_value": (str, type(None))}
FAILED_RUN: Kinds = {
    "correlation_id": str,
    "failed": int,
    "error_message": str,
    "test_run": bool,
    "multi_str_input_value": (str, type(None)),
}
SUCCESSFUL_RUN: Kinds = {"correlation_id": str, "added": int}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def check_batch(body: Row, oomnitza: Oomnitza) -> None:
    """Validate a batch. Raises RequestRejected 400."""
    sender = {"connector_name", "connector_id"} & set(body)
    if set(body) - sender - {"error_type"} != set(BATCH) or len(sender) != 1:
        raise RequestRejected(400, f"The body must have {', '.join(BATCH)}, and connector_name or connector_id.")
    _check_kinds(body, BATCH)
    if not _UUID.fullmatch(body["portion"]):
        raise RequestRejected(400, "portion must be a UUID.")
    if body["data_type"] != "users" or (body["insert_only"] and body["update_only"]):
        raise RequestRejected(400, "data_type must be users; insert_only and update_only are never both true.")
    if "error_type" in body and (body["error_type"] != FATAL or body["error"] is None):
        raise RequestRejected(400, f"error_type is {FATAL!r}, and needs an error.")
    _check_sender(body, oomnitza)
    _check_records(body, oomnitza)


def check_ready_portion(body: Row) -> None:
    """Validate a run that is complete. Raises RequestRejected 400."""
    given = {name for name in body if name != "error_type"}
    for kinds in (EMPTY_RUN, FAILED_RUN, SUCCESSFUL_RUN):
        if given == set(kinds) and ("error_type" not in body or kinds is FAILED_RUN):
            _check_kinds(body, kinds)
            if not _UUID.fullmatch(body["correlation_id"]):
                raise RequestRejected(400, "correlation_id must be a UUID.")
            return
    raise RequestRejected(400, "A ready portion is empty, failed or successful.")


def mode_of(body: Row) -> str:
    """Return the mode of a batch: insert_only, update_only or insert_and_update."""
    return "insert_only" if body["insert_only"] else "update_only" if body["update_only"] else "insert_and_update"


def _check_kinds(body: Row, kinds: Kinds) -> None:
    for name, kind in kinds.items():
        if not isinstance(body[name], kind):
            raise RequestRejected(400, f"{name} is of the wrong type.")


def _check_sender(body: Row, oomnitza: Oomnitza) -> None:
    if "connector_name" in body and (not isinstance(body["connector_name"], str) or not body["connector_name"]):
        raise RequestRejected(400, "connector_name must be a text.")
    if "connector_id" in body and (
        type(body["connector_id"]) is not int or body["connector_id"] not in oomnitza.connectors
    ):
        raise RequestRejected(400, "There is no such connector_id.")


def _check_records(body: Row, oomnitza: Oomnitza) -> None:
    known = {field.internal_id for field in oomnitza.store.fields.values()}
    if not body["sync_field"] or any(name not in known for name in body["sync_field"]):
        raise RequestRejected(400, "sync_field must be a list of internal ids of fields.")
    if not body["records"] or (body["error"] is not None and len(body["records"]) != 1):
        raise RequestRejected(400, "A batch has records; one with an error has one.")
    for record in body["records"]:
        # A record that could not be mapped has the names of its source.
        if not isinstance(record, dict) or (body["error"] is None and set(record) - known - {"SAAS"}):
            raise RequestRejected(400, "A record is an object of internal field ids, and SAAS.")
        if body["error"] is None and "SAAS" in record:
            _check_saas(record["SAAS"], body, oomnitza)


def _check_saas(saas: Any, body: Row, oomnitza: Oomnitza) -> None:
    if not isinstance(saas, dict) or not isinstance(saas.get("sync_key"), str):
        raise RequestRejected(400, "SAAS must have a sync_key, a text.")
    if set(saas) - {"sync_key", "selected_saas_id", "name"}:
        raise RequestRejected(400, "SAAS has sync_key, selected_saas_id and name only.")
    if "connector_id" not in body:
        if oomnitza.switches.saas_needs_connector:
            raise RequestRejected(400, "SAAS needs connector_id.")
        return
    expected = oomnitza.connectors[body["connector_id"]].saas_sync_key
    if expected is not None and saas["sync_key"] != expected:
        raise RequestRejected(400, "The sync_key is not that of the integration.")
