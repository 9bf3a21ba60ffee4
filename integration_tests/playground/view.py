"""Renders templates, and reads forms of our own pages only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from integration_tests.playground.runs import Runs


class View:
    """Renders templates, with the run under way and the number of changed members."""

    def __init__(self, runs: Runs, pending: Callable[[], int]) -> None:
        self._runs = runs
        self._pending = pending
        self._jinja = Environment(
            loader=PackageLoader("integration_tests.playground"),
            autoescape=select_autoescape(),
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def show(self, template: str, here: str, status: int = 200, **what: Any) -> HTMLResponse:
        """Render a template; `here` is the page's path in the navigation."""
        runs = self._runs.all
        text = self._jinja.get_template(template).render(
            here=here, running=self._runs.running, latest=runs[-1] if runs else None, pending=self._pending(), **what
        )
        return HTMLResponse(text, status)

    def unknown(self) -> HTMLResponse:
        """Return the page for an unknown address."""
        return self.show("unknown.html", "", 404)


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises HTTPException if another site sent it."""
    if request.headers.get("origin") not in (None, f"http://{request.headers.get('host')}"):
        raise HTTPException(403, "This form belongs to another site.")
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True))
