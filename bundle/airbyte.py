"""The edge to Airbyte: its public API through its own SDK, as plain dictionaries, and its refusals as sentences.

Answers are read from the raw response: the SDK would turn the configuration of a connector that it does not know into
one that it knows (a union of all certified connectors), and lose what does not fit.
"""

import json
import warnings
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import requests
from airbyte_api import AirbyteAPI, api, models

from bundle.refusals import explain

Json = dict[str, Any]

PUBLIC_API = "/api/public/v1"  # of a self-managed Airbyte, below the address of its UI
PAGE = 100
# Airbyte answers only after it has run the connector: spec for a definition, discover for a connection.
CONNECT_SECONDS, READ_SECONDS = 10, 600
MASK = "******"


class AirbyteError(Exception):
    """Airbyte could not be reached, or refused. The message is a sentence for whoever runs the command."""


class Airbyte:
    """One workspace of one Airbyte.

    Raises AirbyteError from every method: unreachable, refused, or not an Airbyte. No message holds one of `secrets`.
    """

    def __init__(
        self, url: str, *, client_id: str, client_secret: str, workspace: str, secrets: Iterable[str] = ()
    ) -> None:
        self.root = api_root(url)
        self.workspace = workspace
        self._secrets = {secret for secret in (client_secret, *secrets) if secret}
        # The SDK's default would be looked for at the root of the host.
        credentials = models.SchemeClientCredentials(
            client_id=client_id, client_secret=client_secret, token_url=f"{self.root}/applications/token"
        )
        self.sdk = AirbyteAPI(models.Security(client_credentials=credentials), server_url=self.root, client=_Session())
        self.source = Side(self, "source")
        self.destination = Side(self, "destination")

    def connections(self) -> list[Json]:
        """List the connections of the workspace; their streams are not told here, see `connection`."""
        return self.pages("list the connections", self.sdk.connections.list_connections, api.ListConnectionsRequest)

    def connection(self, connection_id: str) -> Json:
        """Read one connection with its streams."""
        return self.call(
            "read the connection", self.sdk.connections.get_connection, api.GetConnectionRequest(connection_id)
        )

    def create_connection(
        self, *, name: str, source_id: str, destination_id: str, streams: list[Json], cron: str
    ) -> Json:
        """Create an active connection with its streams and schedule. Airbyte runs `discover` on the source for it."""
        request = models.ConnectionCreateRequest(
            name=name,
            source_id=source_id,
            destination_id=destination_id,
            configurations=_streams(streams),
            schedule=_schedule(cron),
            status=models.ConnectionStatusEnum.ACTIVE,
        )
        return self.call("create the connection", self.sdk.connections.create_connection, request)

    def update_connection(self, connection_id: str, *, streams: list[Json] | None, cron: str | None) -> Json:
        """Change the streams or the schedule of a connection; None leaves them as they are."""
        patch = models.ConnectionPatchRequest(
            configurations=_streams(streams) if streams is not None else None,
            schedule=_schedule(cron) if cron is not None else None,
        )
        request = api.PatchConnectionRequest(connection_patch_request=patch, connection_id=connection_id)
        return self.call("update the connection", self.sdk.connections.patch_connection, request)

    def pages(self, what: str, function: Callable[[Any], Any], request: Callable[..., Any]) -> list[Json]:
        """Read all pages of a list of this workspace. Airbyte: `limit` and `offset`."""
        rows: list[Json] = []
        while True:
            page = self.call(what, function, request(workspace_ids=[self.workspace], limit=PAGE, offset=len(rows)))
            rows += page["data"]
            if len(page["data"]) < PAGE:
                return rows

    def call(self, what: str, function: Callable[[Any], Any], request: Any) -> Json:
        """Call one function of the SDK; give the JSON of the answer. `what` is what was tried, for the sentence."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "Failed to decode", with the configuration behind it
                return dict(function(request).raw_response.json())
        except Exception as error:  # the SDK raises bare ones, too
            raise AirbyteError(self._mask(explain(what, self.root, error))) from None

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
                text = text.replace(form, MASK)
        return text


def api_root(url: str) -> str:
    """Make the address of the public API from that of the UI, or take it as it is if it ends in /v1.

    Raises AirbyteError if it is no address, or is http beyond this machine: Slack's and Oomnitza's tokens travel there.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise AirbyteError(f"AIRBYTE_URL is {url!r}: give the address of Airbyte, such as https://airbyte.example.com.")
    if parts.username or parts.password:
        raise AirbyteError(
            "AIRBYTE_URL holds a user name or password: leave them out, the application's secret serves."
        )
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise AirbyteError(
            "AIRBYTE_URL is http, and tokens would travel in the clear: use https, or a tunnel (kubectl port-forward)."
        )
    path = parts.path.rstrip("/")
    if path and not path.endswith("/v1"):
        raise AirbyteError(
            f"AIRBYTE_URL has the path {path}: give the address without a path, or that of the API ({PUBLIC_API})."
        )
    return f"{parts.scheme}://{parts.netloc}{path or PUBLIC_API}"


class _Session(requests.Session):
    """A session with a time-out, which follows no redirect: a configuration goes to the host named, or nowhere."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        # The SDK calls `send` by itself, and so passes over REQUESTS_CA_BUNDLE and the proxies of the environment.
        environment = self.merge_environment_settings(request.url, {}, None, None, None)
        options = {**environment, **options, "allow_redirects": False, "timeout": (CONNECT_SECONDS, READ_SECONDS)}
        return super().send(request, **options)


class Side:
    """Sources, or destinations, of the workspace: definitions (which image) and actors (which configuration).

    The SDK has both in the same words, so `source` and `destination` are filled into its names.
    """

    def __init__(self, airbyte: "Airbyte", kind: Literal["source", "destination"]) -> None:
        self.kind = kind
        self._airbyte = airbyte
        self._definitions = getattr(airbyte.sdk, f"{kind}_definitions")
        self._actors = getattr(airbyte.sdk, f"{kind}s")

    def definitions(self) -> list[Json]:
        """List the connector definitions of the workspace, Airbyte's own among them. Airbyte gives them in one page."""
        request = self._type(api, "List{}DefinitionsRequest")(workspace_id=self._airbyte.workspace)
        return list(self._call("list the {} definitions", self._definitions, "list_{}_definitions", request)["data"])

    def create_definition(self, *, name: str, repository: str, tag: str, documentation: str) -> Json:
        """Create a custom definition of an image. Airbyte runs `spec` in it first."""
        body = models.CreateDefinitionRequest(
            name=name, docker_repository=repository, docker_image_tag=tag, documentation_url=documentation
        )
        request = self._type(api, "Create{}DefinitionRequest")(
            create_definition_request=body, workspace_id=self._airbyte.workspace
        )
        return self._call("create the {} definition", self._definitions, "create_{}_definition", request)

    def update_definition(self, definition_id: str, *, name: str, tag: str) -> Json:
        """Give a custom definition another name and image tag."""
        request = self._type(api, "Update{}DefinitionRequest")(
            update_definition_request=models.UpdateDefinitionRequest(name=name, docker_image_tag=tag),
            definition_id=definition_id,
            workspace_id=self._airbyte.workspace,
        )
        return self._call("update the {} definition", self._definitions, "update_{}_definition", request)

    def actors(self) -> list[Json]:
        """List the sources or destinations of the workspace; secrets in their configurations are masked."""
        list_actors = getattr(self._actors, f"list_{self.kind}s")
        return self._airbyte.pages(f"list the {self.kind}s", list_actors, self._type(api, "List{}sRequest"))

    def create_actor(self, *, name: str, definition_id: str, configuration: Json) -> Json:
        """Create a source or destination."""
        request = self._type(models, "{}CreateRequest")(
            name=name, definition_id=definition_id, workspace_id=self._airbyte.workspace, configuration=configuration
        )
        return self._call("create the {}", self._actors, "create_{}", request)

    def replace_actor(self, actor_id: str, *, name: str, configuration: Json) -> Json:
        """Replace the whole configuration of a source or destination."""
        body = self._type(models, "{}PutRequest")(name=name, configuration=configuration)
        fields = {f"{self.kind}_put_request": body, f"{self.kind}_id": actor_id}
        return self._call("update the {}", self._actors, "put_{}", self._type(api, "Put{}Request")(**fields))

    def _type(self, module: ModuleType, name: str) -> Any:
        return getattr(module, name.format(self.kind.title()))

    def _call(self, what: str, group: Any, function: str, request: Any) -> Json:
        return self._airbyte.call(what.format(self.kind), getattr(group, function.format(self.kind)), request)


def _streams(streams: list[Json]) -> models.StreamConfigurationsInput:
    return models.StreamConfigurationsInput(
        streams=[
            models.StreamConfiguration(name=stream["name"], sync_mode=models.ConnectionSyncModeEnum(stream["syncMode"]))
            for stream in streams
        ]
    )


def _schedule(cron: str) -> models.AirbyteAPIConnectionSchedule:
    return models.AirbyteAPIConnectionSchedule(schedule_type=models.ScheduleTypeEnum.CRON, cron_expression=cron)
