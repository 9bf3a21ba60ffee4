"""Serves tokens and mappings.

Oomnitza's connector also proves its token by listing mappings.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import RouteGroup, answer
from integration_tests.sandbox.oomnitza.errors import RequestRejected


class SignInRoutes(RouteGroup):
    """Serves `/api/request_token` and `/api/v2/mappings`."""

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/request_token", self._request_token, methods=["POST"]),
            Route("/api/v2/mappings", self._mappings, methods=["GET"]),
        ]

    async def _request_token(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise RequestRejected(400, "The body must be form-encoded.")
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        if set(form) != {"login", "password"} or request.url.query:
            raise RequestRejected(400, "The body must have login and password, and the address no parameters.")
        if (form["login"], form["password"]) != (self._oomnitza.username, self._oomnitza.password):
            raise RequestRejected(401, "Wrong user name or password.")
        return answer({"token": self._oomnitza.issue_token_of_password(form["login"])})

    async def _mappings(self, request: Request) -> Response:
        self._api.admit(request, "mappings")
        given = dict(request.query_params)
        if set(given) == {"name"}:
            return self._api.reply(request, self._oomnitza.mappings.get(given["name"], {}))
        if set(given) != {"connector_id"}:
            raise RequestRejected(400, "The address must have name or connector_id.")
        found = self._oomnitza.connectors.get(int(given["connector_id"])) if given["connector_id"].isdigit() else None
        if found is None and self._oomnitza.switches.unknown_connector_status == 404:
            raise RequestRejected(404, f"There is no connector {given['connector_id']!r}.")
        return self._api.reply(request, found.mapping if found is not None else {})
