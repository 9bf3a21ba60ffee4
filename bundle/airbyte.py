"""Calls Airbyte's public API to register the bundle.

Airbyte describes the API in api_sdk.yaml of airbyte-platform.
"""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from bundle.configuration import Json
from bundle.errors import AirbyteError
from bundle.http import Http, HttpProblem, Response, is_private
from bundle.rejections import explain_problem, explain_response, explain_token

PUBLIC_API = "/api/public/v1"  # of a self-managed Airbyte, below the address of its UI
PAGE = 100
# Airbyte responds only after it has run the connector: spec for a definition, discover for a connection.
RESPONSE_SECONDS = 600.0
MASK = "******"
MAX_REASON = 1 << 20


class Airbyte:
    """Manages one workspace of an Airbyte.

    Every method raises AirbyteError if Airbyte is unreachable, rejects the request, or is not an Airbyte. No message
    holds one of `secrets`.
    """

    def __init__(
        self, url: str, *, client_id: str, client_secret: str, workspace: str, secrets: Iterable[str] = ()
    ) -> None:
        self.root = api_root(url)
        self.workspace = workspace
        self._secrets = {secret for secret in (client_secret, *secrets) if secret}
        self._http = Http(self.root, seconds=RESPONSE_SECONDS)
        self._application = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._token = ""
        self._token_until = 0.0
        self.source = Side(self, "source")
        self.destination = Side(self, "destination")

    def connections(self) -> list[Json]:
        """List the workspace's connections, without their streams (see `connection`)."""
        return self.pages("list the connections", "/connections")

    def connection(self, connection_id: str) -> Json:
        """Read one connection with its streams."""
        return self.call("read the connection", "GET", f"/connections/{connection_id}")

    def create_connection(
        self, *, name: str, source_id: str, destination_id: str, streams: list[Json], cron: str, enabled: bool
    ) -> Json:
        """Create a connection with its streams and schedule.

        Airbyte runs `discover` on the source for it.
        """
        body = {
            "name": name,
            "sourceId": source_id,
            "destinationId": destination_id,
            "configurations": {"streams": streams},
            "schedule": _schedule(cron),
            "status": "active" if enabled else "inactive",
        }
        return self.call("create the connection", "POST", "/connections", body)

    def update_connection(self, connection_id: str, *, streams: list[Json] | None, cron: str | None) -> Json:
        """Change the streams or schedule of a connection; None leaves them unchanged."""
        body: Json = {}
        if streams is not None:
            body["configurations"] = {"streams": streams}
        if cron is not None:
            body["schedule"] = _schedule(cron)
        return self.call("update the connection", "PATCH", f"/connections/{connection_id}", body)

    def pages(self, what: str, path: str) -> list[Json]:
        """Read all pages of a list of this workspace.

        Raises AirbyteError if a page has no new row.
        """
        rows: list[Json] = []
        while True:
            query = {"workspaceIds": self.workspace, "limit": PAGE, "offset": len(rows)}
            page = self.rows(what, path, query)
            if page and all(row in rows for row in page):
                raise AirbyteError(
                    f"Cannot {what}: {self.root} sends the same rows for every offset, so the list has no end."
                )
            rows += page
            if len(page) < PAGE:
                return rows

    def rows(self, what: str, path: str, query: Mapping[str, Any] | None = None) -> list[Json]:
        """Read one page of a list."""
        page = self.call(what, "GET", path, query=query).get("data")
        if not isinstance(page, list) or not all(isinstance(row, dict) for row in page):
            raise AirbyteError(f"Cannot {what}: {self.root} does not respond as Airbyte's public API does.")
        return page

    def call(
        self, what: str, method: str, path: str, body: Json | None = None, *, query: Mapping[str, Any] | None = None
    ) -> Json:
        """Send one request, and return the JSON object of the response.

        `what` names the task in an error's sentence: "Cannot {what}: ...".
        """
        credentials = {"Authorization": f"Bearer {self._bearer(what)}"}
        try:
            response = self._http.request(method, path, credentials=credentials, params=query, body=body)
        except HttpProblem as problem:
            raise self._error(explain_problem(what, self.root, problem)) from None
        content = response.json()
        if 200 <= response.status < 300 and isinstance(content, dict):
            return content
        # Mask before a reason is shortened, because half a secret is secret, too.
        masked = self._mask(response.body[:MAX_REASON].decode(errors="replace"))
        raise self._error(explain_response(what, Response(response.status, response.headers, masked.encode())))

    def _bearer(self, what: str) -> str:
        if time.monotonic() >= self._token_until:
            try:
                response = self._http.request("POST", "/applications/token", form=self._application)
            except HttpProblem as problem:
                raise self._error(explain_problem(what, self.root, problem)) from None
            self._token, seconds = self._token_of(what, response)
            self._secrets.add(self._token)
            self._token_until = time.monotonic() + seconds / 2
        return self._token

    def _token_of(self, what: str, response: Response) -> tuple[str, float]:
        content = response.json()
        token = content.get("access_token") if isinstance(content, dict) else None
        if response.status != 200 or not isinstance(token, str) or not token.isprintable() or not token:
            raise self._error(explain_token(what, self.root, response))
        seconds = content.get("expires_in")
        return token, float(seconds) if isinstance(seconds, int) else 60.0

    def _error(self, text: str) -> AirbyteError:
        return AirbyteError(self._mask(text))

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
                text = text.replace(form, MASK)
        return text


def api_root(url: str) -> str:
    """Return the address of the public API; `url` is that of the UI or of the API.

    Raises AirbyteError if it is not an address, or if it is http beyond this machine, because Slack's and Oomnitza's
    tokens are sent to it.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise AirbyteError(f"AIRBYTE_URL is {url!r}: give the address of Airbyte, such as https://airbyte.example.com.")
    if parts.username or parts.password:
        raise AirbyteError(
            "AIRBYTE_URL holds a user name or password: remove them, the application's secret is enough."
        )
    if not is_private(url.strip()):
        raise AirbyteError(
            "AIRBYTE_URL is http, which would send tokens unencrypted: use https, or a tunnel (kubectl port-forward)."
        )
    path = parts.path.rstrip("/")
    if path and not path.endswith("/v1"):
        raise AirbyteError(
            f"AIRBYTE_URL has the path {path}: give the address without a path, or that of the API ({PUBLIC_API})."
        )
    return f"{parts.scheme}://{parts.netloc}{path or PUBLIC_API}"


class Side:
    """Manages the workspace's sources or its destinations.

    A definition is a connector's image, an actor is a configured source or destination.
    """

    def __init__(self, airbyte: Airbyte, kind: Literal["source", "destination"]) -> None:
        self.kind = kind
        self._airbyte = airbyte
        self._definitions = f"/workspaces/{airbyte.workspace}/definitions/{kind}s"
        self._actors = f"/{kind}s"

    def definitions(self) -> list[Json]:
        """List the workspace's connector definitions, Airbyte's own included."""
        return self._airbyte.rows(f"list the {self.kind} definitions", self._definitions)

    def create_definition(self, *, name: str, repository: str, tag: str, documentation: str) -> Json:
        """Create a custom definition of an image. Airbyte runs `spec` in it first."""
        body = {
            "name": name,
            "dockerRepository": repository,
            "dockerImageTag": tag,
            "documentationUrl": documentation,
        }
        return self._airbyte.call(f"create the {self.kind} definition", "POST", self._definitions, body)

    def update_definition(self, definition_id: str, *, name: str, tag: str) -> Json:
        """Change the name and image tag of a custom definition."""
        body = {"name": name, "dockerImageTag": tag}
        path = f"{self._definitions}/{definition_id}"
        return self._airbyte.call(f"update the {self.kind} definition", "PUT", path, body)

    def actors(self) -> list[Json]:
        """List the sources or destinations, with masked secrets."""
        return self._airbyte.pages(f"list the {self.kind}s", self._actors)

    def create_actor(self, *, name: str, definition_id: str, configuration: Json) -> Json:
        """Create a source or destination."""
        body = {
            "name": name,
            "definitionId": definition_id,
            "workspaceId": self._airbyte.workspace,
            "configuration": configuration,
        }
        return self._airbyte.call(f"create the {self.kind}", "POST", self._actors, body)

    def replace_actor(self, actor_id: str, *, name: str, configuration: Json) -> Json:
        """Replace the whole configuration of a source or destination."""
        body = {"name": name, "configuration": configuration}
        return self._airbyte.call(f"update the {self.kind}", "PUT", f"{self._actors}/{actor_id}", body)


def _schedule(cron: str) -> Json:
    return {"scheduleType": "cron", "cronExpression": cron}
