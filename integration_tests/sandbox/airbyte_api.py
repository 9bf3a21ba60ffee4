"""Simulates the part of Airbyte's public API that `make register` uses.

It serves on a loopback port, and is stricter than the real one.

It is written from Airbyte's OpenAPI document (airbyte-platform, api_sdk.yaml) and the server's Kotlin controllers: the
input that they accept, values that they normalize (a cron expression is returned with its time zone), secrets that they
mask and unmask. It rejects unknown paths, query parameters and fields; unexpected rejections are kept in `faults`.
"""

import re
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

API = "/api/public/v1"
MASK = "**********"
SECRET_FIELDS = {"api_token", "access_token", "refresh_token", "client_id", "client_secret", "password"}
SYNC_MODES = {"full_refresh_overwrite", "full_refresh_append", "incremental_append", "incremental_deduped_history"}
STREAMS = {"users", "last_logins", "billable_info"}
Kind = Literal["source", "destination"]


class Body(BaseModel):
    """Validates a body of the API: camel case, and only documented fields."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class CreateDefinition(Body):
    name: str = Field(min_length=1)
    docker_repository: str
    docker_image_tag: str
    documentation_url: str | None = None


class UpdateDefinition(Body):
    name: str = Field(min_length=1)
    docker_image_tag: str


class CreateActor(Body):
    name: str = Field(min_length=1)
    definition_id: uuid.UUID
    workspace_id: uuid.UUID
    configuration: dict[str, Any]


class PutActor(Body):
    name: str = Field(min_length=1)
    configuration: dict[str, Any]


class StreamConfiguration(Body):
    name: str
    sync_mode: str


class StreamConfigurations(Body):
    streams: list[StreamConfiguration]


class Schedule(Body):
    schedule_type: Literal["manual", "cron"]
    cron_expression: str | None = None


class CreateConnection(Body):
    name: str
    source_id: uuid.UUID
    destination_id: uuid.UUID
    configurations: StreamConfigurations
    schedule: Schedule
    status: Literal["active", "inactive"] = "active"


class PatchConnection(Body):
    configurations: StreamConfigurations | None = None
    schedule: Schedule | None = None


class Problem(HTTPException):
    """Rejects a request in the form of RFC 9457, as Airbyte does."""

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(status, {"status": status, "title": title, "detail": title, "data": {"message": message}})


class AirbyteStandIn:
    """Simulates an Airbyte with one workspace.

    Tests read `definitions`, `actors`, `connections`, `writes` and `faults`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.workspace = str(uuid.uuid4())
        self.client_id, self.client_secret = str(uuid.uuid4()), secrets.token_hex(24)
        self.images: set[str] | None = None  # those that can be pulled; None: all
        self.definitions: dict[Kind, dict[str, dict[str, Any]]] = {"source": {}, "destination": {}}
        self.actors: dict[Kind, dict[str, dict[str, Any]]] = {"source": {}, "destination": {}}
        self.connections: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.faults: list[str] = []
        self.answers: dict[tuple[str, str], Response] = {}
        self._tokens: set[str] = set()
        self.app = self._application()
        self.add_definition("source", "Slack", "airbyte/source-slack")  # Airbyte's own are listed with ours

    def answer(self, method: str, path: str, response: Response) -> None:
        """Set the response to further requests of this method and path."""
        self.answers[method, API + path] = response

    def add_definition(self, kind: Kind, name: str, repository: str, tag: str = "1.0.0") -> str:
        """Add a definition, as if it had been created in the UI."""
        identity = str(uuid.uuid4())
        self.definitions[kind][identity] = {
            "id": identity,
            "name": name,
            "dockerRepository": repository,
            "dockerImageTag": tag,
        }
        return identity

    def add_actor(self, kind: Kind, name: str, definition: str, configuration: dict[str, Any]) -> str:
        """Add a source or destination, as if it had been created in the UI."""
        identity = str(uuid.uuid4())
        self.actors[kind][identity] = {
            f"{kind}Id": identity,
            "name": name,
            f"{kind}Type": "",
            "definitionId": definition,
            "workspaceId": self.workspace,
            "configuration": configuration,
            "createdAt": 1_760_000_000,
        }
        return identity

    @contextmanager
    def running(self) -> Iterator["AirbyteStandIn"]:
        """Serve on a free loopback port within the context."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            server = uvicorn.Server(uvicorn.Config(self.app, log_level="critical", lifespan="off"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            try:
                yield self
            finally:
                server.should_exit = True
                thread.join()

    def _application(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.middleware("http")
        async def gate(request: Request, call_next: Any) -> Response:
            path = request.url.path
            if (prepared := self.answers.get((request.method, path))) is not None:
                return prepared
            bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
            if path != f"{API}/applications/token" and bearer not in self._tokens:
                return self._refuse(401, "unauthorized", "no such token")
            response: Response = await call_next(request)
            if request.method != "GET" and response.status_code == 200 and not path.endswith("/token"):
                self.writes.append(f"{request.method} {path.removeprefix(API)}")
            return response

        @app.exception_handler(RequestValidationError)
        async def invalid(_: Request, error: RequestValidationError) -> Response:
            return self._refuse(400, "bad-request", str([(e["loc"], e["msg"]) for e in error.errors()]))

        @app.exception_handler(404)
        async def unknown(request: Request, error: HTTPException) -> Response:
            detail = error.detail if isinstance(error.detail, dict) else {"title": "not-found"}
            self.faults.append(f"404 {request.method} {request.url.path}")
            return JSONResponse(detail, 404)

        @app.exception_handler(Problem)
        async def problem(_: Request, error: Problem) -> Response:
            self.faults.append(str(error.detail))
            return JSONResponse(error.detail, error.status_code)

        app.post(f"{API}/applications/token")(self._token)
        for kind in ("source", "destination"):
            self._side(app, kind)
        app.get(f"{API}/connections")(self._list_connections)
        app.post(f"{API}/connections")(self._create_connection)
        app.get(f"{API}/connections/{{connection_id}}")(self._read_connection)
        app.patch(f"{API}/connections/{{connection_id}}")(self._patch_connection)
        return app

    def _refuse(self, status: int, title: str, message: str) -> Response:
        self.faults.append(f"{status} {message}")
        return JSONResponse({"status": status, "title": title, "detail": message}, status)

    async def _token(self, request: Request) -> Response:
        form = dict(await request.form())
        wanted = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret}
        if form != wanted:
            return self._refuse(401, "unauthorized", "invalid client id or secret")
        token = secrets.token_hex(16)
        self._tokens.add(token)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 900})

    def _side(self, app: FastAPI, kind: Kind) -> None:
        """Return the routes of sources or destinations: definitions and actors."""
        definitions, actors = self.definitions[kind], self.actors[kind]
        below = f"{API}/workspaces/{{workspace_id}}/definitions/{kind}s"

        @app.get(below)
        def list_definitions(request: Request, workspace_id: str) -> dict[str, Any]:
            self._only_parameters(request, set())
            self._here(workspace_id)
            return {"data": list(definitions.values())}

        @app.post(below)
        def create_definition(workspace_id: str, body: CreateDefinition) -> dict[str, Any]:
            self._here(workspace_id)
            self._pull(f"{body.docker_repository}:{body.docker_image_tag}")
            identity = self.add_definition(kind, body.name, body.docker_repository, body.docker_image_tag)
            definitions[identity]["documentationUrl"] = body.documentation_url
            return definitions[identity]

        @app.put(below + "/{definition_id}")
        def update_definition(workspace_id: str, definition_id: str, body: UpdateDefinition) -> dict[str, Any]:
            self._here(workspace_id)
            found = self._find(definitions, definition_id)
            self._pull(f"{found['dockerRepository']}:{body.docker_image_tag}")
            found |= {"name": body.name, "dockerImageTag": body.docker_image_tag}
            return found

        @app.get(f"{API}/{kind}s")
        def list_actors(request: Request) -> dict[str, Any]:
            return {"data": [_masked(row) for row in self._page(request, list(actors.values()))]}

        @app.post(f"{API}/{kind}s")
        def create_actor(body: CreateActor) -> dict[str, Any]:
            self._here(str(body.workspace_id))
            self._find(definitions, str(body.definition_id))
            configuration = _unmasked(body.configuration, {})
            identity = self.add_actor(kind, body.name, str(body.definition_id), configuration)
            result: dict[str, Any] = _masked(actors[identity])
            return result

        @app.put(f"{API}/{kind}s/{{actor_id}}")
        def put_actor(actor_id: str, body: PutActor) -> dict[str, Any]:
            found = self._find(actors, actor_id)
            found |= {"name": body.name, "configuration": _unmasked(body.configuration, found["configuration"])}
            result: dict[str, Any] = _masked(found)
            return result

    def _list_connections(self, request: Request) -> dict[str, Any]:
        # The server lists connections without their catalogs.
        rows = self._page(request, list(self.connections.values()))
        return {"data": [{**row, "configurations": {"streams": []}} for row in rows]}

    def _create_connection(self, body: CreateConnection) -> dict[str, Any]:
        self._find(self.actors["source"], str(body.source_id))
        self._find(self.actors["destination"], str(body.destination_id))
        identity = str(uuid.uuid4())
        self.connections[identity] = {
            "connectionId": identity,
            "name": body.name,
            "sourceId": str(body.source_id),
            "destinationId": str(body.destination_id),
            "workspaceId": self.workspace,
            "status": body.status,
            "schedule": _schedule(body.schedule),
            "configurations": _streams(body.configurations),
            "createdAt": 1_760_000_000,
            "tags": [],
        }
        return self.connections[identity]

    def _read_connection(self, connection_id: str) -> dict[str, Any]:
        return self._find(self.connections, connection_id)

    def _patch_connection(self, connection_id: str, body: PatchConnection) -> dict[str, Any]:
        found = self._find(self.connections, connection_id)
        if body.schedule:
            found["schedule"] = _schedule(body.schedule)
        if body.configurations:
            found["configurations"] = _streams(body.configurations)
        return found

    def _page(self, request: Request, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        query = self._only_parameters(request, {"workspaceIds", "limit", "offset", "includeDeleted"})
        self._here(query.get("workspaceIds", self.workspace))
        limit, offset = int(query.get("limit", "20")), int(query.get("offset", "0"))
        if not 1 <= limit <= 100:
            raise Problem(400, "bad-request", "limit must be between 1 and 100")
        return rows[offset : offset + limit]

    def _only_parameters(self, request: Request, known: set[str]) -> dict[str, str]:
        if unknown := request.query_params.keys() - known:
            raise Problem(400, "bad-request", f"unknown parameters {unknown}")
        return dict(request.query_params)

    def _here(self, workspace: str) -> None:
        if workspace != self.workspace:
            raise Problem(403, "forbidden", "User does not have the required permissions")

    def _find(self, things: dict[str, dict[str, Any]], identity: str) -> dict[str, Any]:
        if identity not in things:
            raise Problem(404, "resource-not-found", f"no such resource: {identity}")
        return things[identity]

    def _pull(self, image: str) -> None:
        if self.images is not None and image not in self.images:
            raise Problem(500, "unexpected-problem", f"Get Spec job failed. Could not pull {image}")


def _streams(body: StreamConfigurations) -> dict[str, Any]:
    for stream in body.streams:
        if stream.name not in STREAMS:
            raise Problem(400, "bad-request", f"Invalid stream found: {stream.name}")
        if stream.sync_mode not in SYNC_MODES:
            raise Problem(400, "bad-request", f"Cannot set sync mode to {stream.sync_mode}")
    # The server fills in the source's cursor and key, and the rest of a stream.
    own = {"cursorField": ["updated"], "primaryKey": [["id"]], "mappers": [], "includeFiles": False}
    return {"streams": [{"name": stream.name, "syncMode": stream.sync_mode, **own} for stream in body.streams]}


def _schedule(body: Schedule) -> dict[str, Any]:
    if body.schedule_type == "manual":
        return {"scheduleType": "manual"}
    cron = (body.cron_expression or "").removesuffix("UTC").strip()
    if not re.fullmatch(r"\d+ \d+ \S+ \S+ \S+ \S+( \S+)?", cron):
        raise Problem(
            400, "bad-request", f"The cron expression {cron} is not valid or is less than the one hour minimum"
        )
    return {"scheduleType": "cron", "cronExpression": f"{cron} UTC"}


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _masked(inner, key) for key, inner in value.items()}
    return MASK if name in SECRET_FIELDS and isinstance(value, str) else value


def _unmasked(value: Any, before: Any) -> Any:
    """Replace masks by the secrets saved before; reject a mask without one."""
    if isinstance(value, dict):
        return {
            key: _unmasked(inner, before.get(key) if isinstance(before, dict) else None) for key, inner in value.items()
        }
    if value == MASK:
        if not isinstance(before, str):
            raise Problem(400, "bad-request", "a masked secret, and none is stored")
        return before
    return value


def html_page(status: int = 200) -> Response:
    """Return a page of HTML, as a proxy in front of an Airbyte would."""
    return PlainTextResponse("<html>Sign in</html>", status, media_type="text/html")
