"""Whole listings, also where it is not documented how an instance pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from destination_oomnitza.api.client import Client

PAGE = 500
"""Rows a page. Public clients page with 500 and with 2000."""


def whole_listing(client: Client, path: str, id_name: str, page: int = PAGE) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of `GET path`, each `id_name` once.

    `limit` and `skip` are sent, and may be honoured, ignored or capped: it ends where X-Total-Count says so, or with a page
    that brings nobody new. Raises as Client.get_list.
    """
    seen: set[str] = set()
    skip = 0
    while True:
        rows, headers = client.get_list(f"{path}?limit={page}&skip={skip}")
        before = len(seen)
        for row in rows:
            ident = row.get(id_name)
            if ident is not None and str(ident) not in seen:
                seen.add(str(ident))
                yield row
        skip += len(rows)
        total = headers.get("X-Total-Count", "")
        if len(seen) == before or (total.isdigit() and skip >= int(total)):
            return
