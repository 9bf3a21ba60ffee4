"""Oomnitza whole: people, SaaS applications and connector ingest behind one door."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from integration_tests.sandbox.oomnitza.api import RefusalError, missing, refused
from integration_tests.sandbox.oomnitza.ingest import Ingest
from integration_tests.sandbox.oomnitza.saas import Saas


class Oomnitza(Saas, Ingest):
    """The service. See the package's docstring for what tests use of it."""

    def app(self, pages: Sequence[BaseRoute] = ()) -> Starlette:
        """The ASGI application."""
        routes = [*self.users_routes(), *self.saas_routes(), *self.ingest_routes(), *pages]
        app = Starlette(routes=routes, exception_handlers={RefusalError: refused, 404: missing, 405: missing})
        app.router.redirect_slashes = False
        return app
