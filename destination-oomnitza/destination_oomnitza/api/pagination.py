"""Pagination: every listing, whole or known not to be, however an instance pages.

`limit`, `skip` and `sortby` are sent, and may be obeyed, ignored or capped; `X-Total-Count` may be missing (docs/oomnitza-api.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destination_oomnitza.api.client import Client
from destination_oomnitza.api.responses import RequestRejected

PAGE = 500
"""Rows a page. Public clients page with 500 and with 2,000."""

MAX_ROWS = 2_000_000
"""Rows after which a listing is taken for one without an end."""

_ROUND = 50

Row = Mapping[str, Any]


class Listing:
    """One listing, read page by page. Whether it is whole is known when it was read to its end."""

    def __init__(self, client: Client, path: str, id_name: str, *, query: str = "", page: int = PAGE) -> None:
        """`id_name`: the field that differs between rows. `query`: encoded, without `limit`, `skip` and `sortby`."""
        self._client = client
        self._path = path
        self._id_name = id_name
        self._query = f"&{query}" if query else ""
        self._page = page
        self._sorting = f"&sortby={quote(id_name)}%20asc"
        self._seen: set[str] = set()
        self._repeated = False
        self._total: int | None = None
        self.whole = False
        """Whether every row came: nothing may be concluded from what is not in a listing that is not whole."""

    def rows(self) -> Iterator[Row]:
        """Yield the rows, each once. Raises as Client.get_list."""
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[Sequence[Row]]:
        """Yield the rows of each page that no page before it had. Raises as Client.get_list."""
        skip = 0
        shrunk = False
        while True:
            rows, headers = self._read(skip)
            total = total_count(headers)
            if total == len(rows) and (skip or (rows and total % _ROUND == 0)):
                total = None  # it may be the count of this page, which a cap has cut at a round number
            shrunk = shrunk or (self._total is not None and total is not None and total < self._total)
            self._total = total
            new = self._new(rows)
            yield new
            if total is not None and len(self._seen) >= total:
                # Who was removed while it was read has moved others to a page that was read before.
                self.whole = not shrunk
                return
            if not new or len(self._seen) > MAX_ROWS:
                self.whole = not new and self._ended(rows, skip)
                return
            skip += len(rows)

    def _read(self, skip: int) -> tuple[Sequence[Row], Mapping[str, str]]:
        path = f"{self._path}?limit={self._page}&skip={skip}"
        try:
            return self._client.get_list(f"{path}{self._sorting}{self._query}")
        except RequestRejected as rejected:
            if skip or self._query or rejected.status not in (400, 422):
                raise
            # Not documented for each listing, so it may be rejected.
            answer = self._client.get_list(f"{path}{self._query}")
            self._sorting = ""
            return answer

    def _new(self, rows: Sequence[Row]) -> list[Row]:
        new: list[Row] = []
        for row in rows:
            ident = row.get(self._id_name)
            name = str(ident) if ident not in (None, "") else repr(row)
            if name in self._seen:
                self._repeated = True
            else:
                self._seen.add(name)
                new.append(row)
        return new

    def _ended(self, rows: Sequence[Row], skip: int) -> bool:
        """Return whether a page without a new row is the end of a listing whose rows are fewer than its total, or were not counted."""
        if not rows:
            # With a filter the total may be that of all rows.
            counted = self._total is not None and not self._query
            return not counted and not self._repeated and (bool(self._sorting) or skip <= self._page)
        # The first page again: the listing is not paged, unless a round number looks like the size of a page.
        return self._total is None and len(rows) == skip == len(self._seen) and skip % _ROUND != 0


def total_count(headers: Mapping[str, str]) -> int | None:
    """Return the number in X-Total-Count, or None for anything but a few ASCII digits."""
    found = re.fullmatch(r"[0-9]{1,12}", headers.get("X-Total-Count", "").strip(), re.ASCII)
    return int(found[0]) if found else None
