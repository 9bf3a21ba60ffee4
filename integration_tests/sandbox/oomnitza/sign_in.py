"""The ways to a token: `request_token`, and the probe of Oomnitza's connector, `mappings`."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import Api, answer
from integration_tests.sandbox.oomnitza.errors import RequestRejected


class SignInRoutes:
    """`/api/request_token` and `/api/v2/mappings`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._oomnitza = api.oomnitza

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this part."""
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
        return answer({"token": self._oomnitza.issue_token(user=form["login"])})

    async def _mappings(self, request: Request) -> Response:
        self._api.admit(request, "mappings")
        if request.query_params.get("name") != "AuthTest":
            raise RequestRejected(400, "name is missing.")
        return self._api.reply(request, [])
