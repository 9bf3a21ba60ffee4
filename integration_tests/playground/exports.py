"""Exports a listing as CSV or JSON: all rows that were found, in their order."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from starlette.responses import Response

from integration_tests.playground.listing import Listing

# A spreadsheet takes such text for a formula (https://owasp.org/www-community/attacks/CSV_Injection); a phone number is none.
FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d ()./-]*$)")


def export(listing: Listing, kind: str, name: str) -> Response:
    """Return the rows of a listing as a download; `kind` is `csv` or `json`."""
    rows = [{column.title: row[column.key] for column in listing.columns} for row in listing.found]
    text, media = (_csv(listing, rows), "text/csv") if kind == "csv" else (_json(rows), "application/json")
    return Response(text, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'})


def _csv(listing: Listing, rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [column.title for column in listing.columns])
    writer.writeheader()
    writer.writerows({title: _cell(value) for title, value in row.items()} for row in rows)
    return out.getvalue()


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
