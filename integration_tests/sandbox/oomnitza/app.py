"""Combines Oomnitza's routes for people, SaaS applications and ingest."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from integration_tests.sandbox.oomnitza.api import Api, missing
from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.ingest import IngestRoutes
from integration_tests.sandbox.oomnitza.instance import Oomnitza
from integration_tests.sandbox.oomnitza.run_logs import RunLogRoutes
from integration_tests.sandbox.oomnitza.saas import SaasRoutes
from integration_tests.sandbox.oomnitza.saas_roles import RoleRoutes
from integration_tests.sandbox.oomnitza.saas_users import SaasUserRoutes
from integration_tests.sandbox.oomnitza.sign_in import SignInRoutes
from integration_tests.sandbox.oomnitza.users import UserRoutes


def application(oomnitza: Oomnitza, pages: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the ASGI application of an instance."""
    api = Api(oomnitza)
    kinds = (SignInRoutes, UserRoutes, SaasRoutes, SaasUserRoutes, RoleRoutes, IngestRoutes, RunLogRoutes)
    routes = [*(route for kind in kinds for route in kind(api).routes()), *pages]
    app = Starlette(routes=routes, exception_handlers={RequestRejected: api.rejected, 404: missing, 405: missing})
    app.router.redirect_slashes = False
    return app
