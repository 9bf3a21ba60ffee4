"""Pagination: reads listings page by page, and detects incomplete ones.

An instance may apply, ignore or cap `limit`, `skip` and `sortby`, and `X-Total-Count` may be missing (docs/oomnitza-api.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destination_oomnitza.api.client import Client
from destination_oomnitza.api.responses import RequestRejected

PAGE = 500
"""Rows per page; public clients use 500 and 2,000."""

MAX_ROWS = 2_000_000
"""Rows after which a listing counts as endless."""

_ROUND = 50

Row = Mapping[str, Any]


class Listing:
    """One listing, read page by page; `whole` is set when the last page was read."""

    def __init__(self, client: Client, path: str, id_name: str, *, query: str = "", page: int = PAGE) -> None:
        """Prepare a listing; nothing is requested yet.

        Args:
            client: Sends the requests.
            path: The path of the listing.
            id_name: The field that identifies a row.
            query: The encoded query, without `limit`, `skip` and `sortby`.
            page: The number of rows per page.
        """
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
        """Whether every row was read. If not, a missing row proves nothing."""

    def rows(self) -> Iterator[Row]:
        """Yield each row once. Raises as Client.get_list."""
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[Sequence[Row]]:
        """Yield the new rows of each page. Raises as Client.get_list."""
        skip = 0
        shrunk = False
        while True:
            rows, headers = self._read(skip)
            total = total_count(headers)
            if total == len(rows) and (skip or (rows and total % _ROUND == 0)):
                total = None  # it may count this page only, capped at a round number
            shrunk = shrunk or (self._total is not None and total is not None and total < self._total)
            self._total = total
            new = self._new(rows)
            yield new
            if total is not None and len(self._seen) >= total:
                # A row that was removed meanwhile moved later rows to pages that were read before.
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
            if skip or self._query or rejected.status not in (200, 400, 422):
                raise
            # `sortby` is not documented for every listing and may be rejected.
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
        """Return whether a page without new rows ends the listing.

        Called if fewer rows were read than X-Total-Count reports, or if there is no such header.
        """
        if not rows:
            # With a filter, X-Total-Count may count all rows.
            counted = self._total is not None and not self._query
            return not counted and not self._repeated and (bool(self._sorting) or skip <= self._page)
        # The first page came again, so the listing has no pages; a round number of rows may be a page size, though.
        return self._total is None and len(rows) == skip == len(self._seen) and skip % _ROUND != 0


def total_count(headers: Mapping[str, str]) -> int | None:
    """Return the number in X-Total-Count; None unless it is a few ASCII digits."""
    found = re.fullmatch(r"[0-9]{1,12}", headers.get("X-Total-Count", "").strip(), re.ASCII)
    return int(found[0]) if found else None
