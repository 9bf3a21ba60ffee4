"""Writes records of ingest: finds, creates or updates people, records outcomes."""

from __future__ import annotations

from typing import Any

from integration_tests.sandbox.oomnitza.errors import DuplicateValue, RequestRejected
from integration_tests.sandbox.oomnitza.fields import Field
from integration_tests.sandbox.oomnitza.instance import Oomnitza
from integration_tests.sandbox.oomnitza.person_values import Allowed
from integration_tests.sandbox.oomnitza.runs import Run
from integration_tests.sandbox.oomnitza.store import Row, ident

_ALLOWED = Allowed(restricted=True)


class RecordIntake:
    """Writes records of ingest into an instance."""

    def __init__(self, oomnitza: Oomnitza) -> None:
        self._oomnitza = oomnitza
        self._store = oomnitza.store

    def take(self, run: Run, body: Row, record: Row, by: str) -> str | None:
        """Write a record, and record its outcome.

        Returns the id of the person if they changed.
        """
        title = ", ".join(str(record[name]) for name in body["sync_field"] if record.get(name)) or "no sync value"
        if body["error"] is not None:
            run.note("failed", f"{title}: {body['error']}")
        elif run.canceled:
            run.note("canceled", title)
        else:
            try:
                outcome, changed = self._write(run, body, record, by)
            except (ValueError, DuplicateValue, RequestRejected) as error:
                run.note("failed", f"{title}: {error}")
            else:
                run.note(outcome, title)
                return changed
        return None

    def _write(self, run: Run, body: Row, record: Row, by: str) -> tuple[str, str | None]:
        given = self._read(record)
        user_id = self._match(body["sync_field"], record)
        if (user_id is None and body["update_only"]) or (user_id is not None and body["insert_only"]):
            return "skipped", None
        values = self._created(given) if user_id is None else self._edited(user_id, given, body["sync_field"])
        outcome = "added" if user_id is None else "updated" if values else "unchanged"
        if run.test_run:
            run.payload.append({"outcome": outcome, **record})
            return outcome, None
        if user_id is None:
            user_id = str(self._oomnitza.create(values, by)["user_id"])
        elif values:
            self._store.update(user_id, values, by)
        if "SAAS" in record:
            self._assign(run, record["SAAS"], user_id)
        return outcome, user_id if values else None

    def _created(self, given: Row) -> Row:
        return self._oomnitza.values.of_creation(given, _ALLOWED)

    def _edited(self, user_id: str, given: Row, sync_fields: list[str]) -> Row:
        """Return the changes of a record.

        A user name is ignored, because Oomnitza's connector sends it for everyone. Further sync fields only find people: an integration
        edits them with "update sync key" only.
        """
        further = {each.name for each in self._store.fields.values() if each.internal_id in sync_fields[1:]}
        given = {name: value for name, value in given.items() if name not in further}
        if user_id in self._oomnitza.refuse_edit:
            raise ValueError(self._oomnitza.refuse_edit[user_id])
        if self._oomnitza.switches.username_edits != "taken":
            given = {name: value for name, value in given.items() if name != "username"}
        values = self._oomnitza.values.of_edit(given, _ALLOWED) if given else {}
        now = self._store.person(user_id) or {}
        return {name: value for name, value in values.items() if now[name] != value}

    def _match(self, sync_fields: list[str], record: Row) -> str | None:
        """Return the person matched by the first sync field that matches."""
        fields = {field.internal_id: field for field in self._store.fields.values()}
        given = [(fields[name], record[name]) for name in sync_fields if record.get(name) not in (None, "")]
        if not given:
            raise ValueError("no value of a sync field")
        for field, value in given:
            found = self._store.find(field.name, _read(field, value))
            if len(found) > 1:
                raise ValueError(f"more than one person has this {field.label}")
            if found:
                return found[0]
        return None

    def _read(self, record: Row) -> Row:
        """Return the record's values by external id, in their types. Raises ValueError."""
        fields = {field.internal_id: field for field in self._store.fields.values()}
        return {fields[name].name: _read(fields[name], value) for name, value in record.items() if name != "SAAS"}

    def _assign(self, run: Run, saas: Row, user_id: str) -> None:
        saas_id = saas.get("selected_saas_id")
        if saas_id is None:
            name = saas.get("name") or run.connector  # the integration's own application
            sql = "SELECT saas_id FROM saas WHERE saas_name = ? ORDER BY saas_id LIMIT 1"
            saas_id = self._store.value(sql, (name,)) or self._oomnitza.add_application(name, "ingest")
        number = ident("saas user", int(saas_id), user_id)
        sql = "INSERT OR IGNORE INTO saas_users (saas_user_id, saas_id, user_id) VALUES (?, ?, ?)"
        self._store.run(sql, (number, int(saas_id), user_id))


def _read(field: Field, value: Any) -> Any:
    """Return a value in the field's type.

    Ingest accepts texts for numbers and numbers for texts, but no lists or objects.
    """
    if isinstance(value, (list, dict)):
        raise ValueError(f"{field.label} must be a single value")
    if field.kind == "text" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and field.kind in ("integer", "date") and value.isdigit():
        return int(value)
    if isinstance(value, str) and field.kind == "boolean" and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    return value
