"""A table of a page: searched, sorted and cut into pages by the address's parameters. Knows nothing of what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

PAGE = 50

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One column: the key of its value in a row, and its title."""

    key: str
    title: str


class Listing:
    """The rows to show, and the addresses that sort, search and turn pages.

    Parameters of the address: `q` (words that all have to be in a row), `sort` (a column's key), `order` (`desc`),
    `page`. Rows that have nothing in the sorted column come last. Other parameters are kept in every address. What
    makes no sense is taken as not given.
    """

    def __init__(self, path: str, columns: Sequence[Column], rows: Sequence[Row], query: Mapping[str, str]) -> None:
        self.path = path
        self.columns = columns
        self.query = {name: value for name, value in query.items() if value}
        self.q = self.query.get("q", "").strip()
        keys = {column.key for column in columns}
        self.sort = self.query["sort"] if self.query.get("sort") in keys else None
        self.descending = self.query.get("order") == "desc"
        found = [row for row in rows if self._matches(row)]
        if self.sort:
            given = [row for row in found if row[self.sort] not in ("", None)]
            given.sort(key=self._key, reverse=self.descending)
            found = given + [row for row in found if row[self.sort] in ("", None)]
        self.total = len(found)
        self.pages = max(1, -(-self.total // PAGE))
        page = self.query.get("page", "")
        self.page = min(max(int(page), 1), self.pages) if page.isdecimal() else 1
        self.rows = found[(self.page - 1) * PAGE : self.page * PAGE]

    def _matches(self, row: Row) -> bool:
        text = " ".join(str(row[column.key] or "") for column in self.columns).casefold()
        return all(word in text for word in self.q.casefold().split())

    def _key(self, row: Row) -> Any:
        value = row[self.sort]
        return value.casefold() if isinstance(value, str) else value

    def address(self, **changes: Any) -> str:
        """The page's address with some parameters changed; None takes one away."""
        query = {name: value for name, value in {**self.query, **changes}.items() if value is not None}
        return f"{self.path}?{urlencode(query)}" if query else self.path

    def sorted_by(self, key: str) -> str:
        """The address that sorts by a column, or turns its order round."""
        turned = "desc" if self.sort == key and not self.descending else None
        return self.address(sort=key, order=turned, page=None)
