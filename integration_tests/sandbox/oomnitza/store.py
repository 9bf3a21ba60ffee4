"""Stores an instance in SQLite: people, applications, runs, and changes.

Every method takes the lock, so that a test can read while requests arrive. Rows are plain dicts.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from integration_tests.sandbox.oomnitza.errors import DuplicateValue
from integration_tests.sandbox.oomnitza.fields import SQL_TYPES, Field, standard
from integration_tests.sandbox.oomnitza.filters import Column, Where

Row = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS fields (name TEXT PRIMARY KEY, definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS saas (
  saas_id INTEGER PRIMARY KEY AUTOINCREMENT, saas_name TEXT NOT NULL, created INTEGER, created_by TEXT);
CREATE TABLE IF NOT EXISTS saas_users (
  number INTEGER PRIMARY KEY AUTOINCREMENT, saas_user_id TEXT UNIQUE NOT NULL, saas_id INTEGER NOT NULL,
  user_id TEXT NOT NULL, user_external_id TEXT NOT NULL DEFAULT '', active INTEGER NOT NULL DEFAULT 1,
  last_visit INTEGER NOT NULL DEFAULT 0, contract_id TEXT NOT NULL DEFAULT '', UNIQUE (saas_id, user_id));
CREATE INDEX IF NOT EXISTS saas_users_user ON saas_users (user_id);
CREATE TABLE IF NOT EXISTS roles (
  number INTEGER PRIMARY KEY AUTOINCREMENT, role_id TEXT UNIQUE NOT NULL, saas_id INTEGER NOT NULL,
  role_external_id TEXT NOT NULL, role_external_label TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS role_users (role_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (role_id, user_id));
CREATE INDEX IF NOT EXISTS role_users_user ON role_users (user_id);
CREATE TABLE IF NOT EXISTS changes (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, user_id TEXT NOT NULL, action TEXT NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, portion TEXT UNIQUE NOT NULL, connector TEXT NOT NULL, started INTEGER NOT NULL,
  state TEXT NOT NULL);
"""


class Store:
    """Stores rows in a database: a file, or in memory."""

    def __init__(self, path: Path | None, roles: dict[int, str]) -> None:
        self.lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.create_function("lower", 1, lower, deterministic=True)  # SQLite's own is for ASCII only
        self._db.create_function("matches", 2, matches, deterministic=True)
        self._db.create_function("mixed", 2, _mixed, deterministic=True)
        # A sandbox may lose its last writes in a crash of the machine, so it does not wait for the disk.
        self._db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {SCHEMA}")
        self.fields: dict[str, Field] = {}
        self.unseen: dict[str, int] = {}
        self._create_people(standard(roles))
        self._uid = self.value("SELECT coalesce(max(uid), 0) FROM people")

    def _create_people(self, fields: list[Field]) -> None:
        columns = ", ".join(f'"{f.name}" {SQL_TYPES[f.kind]}' for f in fields)
        with self.lock:
            self._db.execute(f"CREATE TABLE IF NOT EXISTS people ({columns}, PRIMARY KEY (user_id))")
            for field in fields:
                self._index(field)
            for row in self._db.execute("SELECT definition FROM fields ORDER BY rowid"):
                definition = orjson.loads(row[0])
                definition["choices"] = tuple(tuple(choice) for choice in definition["choices"])
                field = Field(**definition)
                self.fields[field.name] = field

    def _index(self, field: Field) -> None:
        self.fields[field.name] = field
        if field.unique and field.name != "user_id":
            expression = f'lower("{field.name}")' if field.kind == "text" else f'"{field.name}"'
            self._db.execute(f'CREATE INDEX IF NOT EXISTS "people_{field.name}" ON people ({expression})')

    def add_field(self, field: Field) -> None:
        """Add a custom field without values. Does nothing if it exists."""
        with self.lock:
            if field.name in self.fields:
                return
            self._db.execute(f'ALTER TABLE people ADD COLUMN "{field.name}" {SQL_TYPES[field.kind]}')
            definition = {name: getattr(field, name) for name in Field.__dataclass_fields__}
            self._db.execute("INSERT INTO fields VALUES (?, ?)", (field.name, orjson.dumps(definition)))
            self._index(field)

    # SQL

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """Return all rows of a statement."""
        with self.lock:
            return [dict(row) for row in self._db.execute(sql, tuple(parameters))]

    def value(self, sql: str, parameters: Iterable[Any] = ()) -> Any:
        """Return the first value of the first row; None without one."""
        with self.lock:
            row = self._db.execute(sql, tuple(parameters)).fetchone()
        return row[0] if row is not None else None

    def run(self, sql: str, parameters: Iterable[Any] = ()) -> int:
        """Execute a statement, and return the number of affected rows."""
        with self.lock:
            return self._db.execute(sql, tuple(parameters)).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Execute the block in one transaction, which is faster."""
        with self.lock:
            self._db.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def many(self, sql: str, parameters: Iterable[Iterable[Any]]) -> None:
        """Execute a statement for each of many parameters."""
        with self.transaction():
            self._db.executemany(sql, [tuple(p) for p in parameters])

    def insert(self, sql: str, parameters: Iterable[Any]) -> int:
        """Execute an INSERT, and return the new row's number."""
        with self.lock:
            return int(self._db.execute(sql, tuple(parameters)).lastrowid or 0)

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self._db.close()

    # People

    def columns(self) -> dict[str, Column]:
        """Return the fields of people, for a filter."""
        return {name: Column(f'"{name}"', field.kind, name == "user_id") for name, field in self.fields.items()}

    def person(self, user_id: str) -> Row | None:
        """Return a person by user_id."""
        found = self.rows("SELECT * FROM people WHERE user_id = ?", (user_id,))
        return found[0] if found else None

    def people(self, where: Where, order: str, limit: int, skip: int) -> tuple[list[Row], int]:
        """Return a page of the people who match a condition, and the number of matches.

        A lookup misses a person in `unseen` as many times as its number there.
        """
        with self.lock:
            if self.unseen:
                where = self._without_unseen(where)
            rows = self.rows(
                f"SELECT * FROM people WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?",
                (*where.parameters, limit, skip),
            )
            if skip == 0 and len(rows) < limit:
                return rows, len(rows)
            return rows, int(self.value(f"SELECT count(*) FROM people WHERE {where.sql}", where.parameters))

    def _without_unseen(self, where: Where) -> Where:
        among = f"user_id IN ({', '.join('?' * len(self.unseen))})"
        found = self.rows(
            f"SELECT user_id FROM people WHERE ({where.sql}) AND {among}", (*where.parameters, *self.unseen)
        )
        missed = [row["user_id"] for row in found]
        for user_id in missed:
            self.unseen[user_id] -= 1
            if self.unseen[user_id] == 0:
                del self.unseen[user_id]
        return Where(f"({where.sql}) AND user_id NOT IN ({', '.join('?' * len(missed))})", (*where.parameters, *missed))

    def find(self, name: str, value: Any) -> list[str]:
        """Return the ids of people with a value, in any case."""
        column, value = (f'lower("{name}")', value.lower()) if isinstance(value, str) else (f'"{name}"', value)
        return [row["user_id"] for row in self.rows(f"SELECT user_id FROM people WHERE {column} = ?", (value,))]

    def create(self, values: Row, by: str, twin: bool = False) -> Row:
        """Create and return a person. Raises DuplicateValue, unless they may be a twin."""
        with self.lock:
            if not twin:
                self._reject_duplicates(values, None)
            self._uid += 1
            now = int(time.time())
            # Made from the person, not from the order of creation, so that paths and random faults are the same in every run.
            user_id = ident(str(values["username"]).lower(), str(values["email"]).lower())
            if self.person(user_id) is not None:
                user_id = ident(user_id, str(self._uid))
            row = {
                "suspended": False,
                "email_subscription": True,
                "deleted": "0",
                **values,
                "user_id": user_id,
                "uid": self._uid,
                "version": "1",
                "creation_date": now,
                "created_by": by,
                "change_date": now,
                "changed_by": by,
            }
            row["full_name"] = _full_name(row)
            names = ", ".join(f'"{name}"' for name in row)
            self._db.execute(f"INSERT INTO people ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
            self._note(row["user_id"], "added", {}, values)
        return {**dict.fromkeys(self.fields), **row}

    def update(self, user_id: str, values: Row, by: str) -> Row:
        """Update and return a person. Raises DuplicateValue."""
        with self.lock:
            before = self.person(user_id)
            if before is None:
                raise KeyError(user_id)
            self._reject_duplicates(values, user_id)
            changed = {name: value for name, value in values.items() if before[name] != value}
            after = {**before, **values}
            row = {
                **values,
                "full_name": _full_name(after),
                "change_date": int(time.time()),
                "changed_by": by,
                "version": str(int(before["version"]) + 1),
            }
            names = ", ".join(f'"{name}" = ?' for name in row)
            self._db.execute(f"UPDATE people SET {names} WHERE user_id = ?", (*row.values(), user_id))
            self._note(user_id, "updated", {name: before[name] for name in changed}, changed)
        return {**after, **row}

    def _reject_duplicates(self, values: Row, own: str | None) -> None:
        for name, value in values.items():
            field = self.fields[name]
            if field.unique and value not in (None, "") and any(found != own for found in self.find(name, value)):
                raise DuplicateValue(f"{field.label} {value!r} is in use already.")

    def _note(self, user_id: str, action: str, before: Row, after: Row) -> None:
        self._db.execute(
            "INSERT INTO changes (at, user_id, action, before, after) VALUES (?, ?, ?, ?, ?)",
            (time.time(), user_id, action, orjson.dumps(before).decode(), orjson.dumps(after).decode()),
        )


def ident(*parts: object) -> str:
    """Return an id of 32 digits, derived from a text."""
    return hashlib.blake2b("\n".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def _full_name(row: Row) -> str:
    return " ".join(part for part in (row.get("first_name"), row.get("last_name")) if part)


def lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _mixed(number: int, request: int) -> bytes:
    """Return a sort key that differs at each request."""
    return hashlib.blake2b(f"{request} {number}".encode(), digest_size=8).digest()


def matches(value: Any, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None
