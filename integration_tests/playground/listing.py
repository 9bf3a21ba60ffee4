"""Filters, searches, sorts and pages the rows of a table. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

PAGE = 50
PHONE_PAGE = 20
"""Rows of a page that a phone shows at a time."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """Names a column: the key of its value in a row, and its title.

    A facet is offered as a filter with counts.
    """

    key: str
    title: str
    facet: bool = False


@dataclass(frozen=True)
class Choice:
    """Holds one value of a facet, its count, and the address that (un)chooses it."""

    value: str
    count: int
    chosen: bool
    address: str


@dataclass
class Facet:
    """Holds the values of a column among the rows that all other filters leave."""

    title: str
    choices: list[Choice] = field(default_factory=list)


class Listing:
    """Holds the rows to show, and the addresses that sort, search, filter and page.

    The URL's parameters are `q` (words that must all be in a row), `sort` (a column's key), `order` (`desc`), `page`, and the key of each
    facet. Rows without a value in the sorted column come last. Other parameters are kept in every URL. Invalid values are ignored.
    """

    def __init__(self, path: str, columns: Sequence[Column], rows: Sequence[Row], query: Mapping[str, str]) -> None:
        self.path = path
        self.columns = columns
        self.query = {name: value for name, value in query.items() if value}
        self.q = self.query.get("q", "").strip()
        keys = {column.key for column in columns}
        self.sort = self.query["sort"] if self.query.get("sort") in keys else None
        self.descending = self.query.get("order") == "desc"
        self.everybody = len(rows)
        searched = [row for row in rows if self._matches(row)]
        self.facets = [self._facet(column, searched) for column in columns if column.facet]
        self.found = self._sorted([row for row in searched if self._chosen(row)])
        self.total = len(self.found)
        self.pages = max(1, -(-self.total // PAGE))
        page = self.query.get("page", "")
        self.page = min(max(int(page), 1), self.pages) if page.isdecimal() else 1
        self.rows = self.found[(self.page - 1) * PAGE : self.page * PAGE]
        self.portions = [self.rows[at : at + PHONE_PAGE] for at in range(0, len(self.rows), PHONE_PAGE)]

    @property
    def narrowed(self) -> bool:
        """Return whether a search or a facet leaves rows out."""
        return bool(self.q) or any(self.query.get(column.key) for column in self.columns if column.facet)

    def address(self, **changes: Any) -> str:
        """Return the page's URL with some parameters changed; None removes one."""
        return self._address(self.path, changes)

    def export(self, kind: str) -> str:
        """Return the URL of all matching rows as `csv` or `json`."""
        return self._address(f"{self.path}.{kind}", {"page": None})

    def cleared(self) -> str:
        """Return the URL without a search or a facet."""
        return self.address(q=None, page=None, **{column.key: None for column in self.columns if column.facet})

    def sorted_by(self, key: str) -> str:
        """Return the URL that sorts by a column, or reverses its order."""
        turned = "desc" if self.sort == key and not self.descending else None
        return self.address(sort=key, order=turned, page=None)

    def _address(self, path: str, changes: Mapping[str, Any]) -> str:
        query = {name: value for name, value in {**self.query, **changes}.items() if value is not None}
        return f"{path}?{urlencode(query)}" if query else path

    def _matches(self, row: Row) -> bool:
        text = " ".join(str(row[column.key] or "") for column in self.columns).casefold()
        return all(word in text for word in self.q.casefold().split())

    def _chosen(self, row: Row, but: str = "") -> bool:
        wanted = {c.key: self.query[c.key] for c in self.columns if c.facet and c.key in self.query and c.key != but}
        return all(_text(row[key]) == value for key, value in wanted.items())

    def _facet(self, column: Column, rows: Sequence[Row]) -> Facet:
        counts = Counter(_text(row[column.key]) for row in rows if self._chosen(row, but=column.key))
        chosen = self.query.get(column.key)
        if chosen:
            counts.setdefault(chosen, 0)
        choices = [
            Choice(value, counts[value], value == chosen, self._choose(column.key, value, chosen))
            for value in sorted(counts, key=lambda value: (-counts[value], value))
        ]
        return Facet(column.title, choices)

    def _choose(self, key: str, value: str, chosen: str | None) -> str:
        return self.address(page=None, **{key: None if value == chosen else value})

    def _sorted(self, rows: list[Row]) -> list[Row]:
        if not self.sort:
            return rows
        given = [row for row in rows if row[self.sort] not in ("", None)]
        given.sort(key=self._key, reverse=self.descending)
        return given + [row for row in rows if row[self.sort] in ("", None)]

    def _key(self, row: Row) -> Any:
        value = row[self.sort]
        return value.casefold() if isinstance(value, str) else value


def _text(value: Any) -> str:
    """Return a value as a facet names it."""
    return "none" if value in ("", None) else str(value)
