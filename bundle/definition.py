"""The schema of the root metadata.yaml, and what the connectors' own metadata must agree to."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, ValidationError

from bundle.errors import DefinitionError

BUNDLE_FILE = "metadata.yaml"
DEFAULT_CONNECTION = "users"
Model = TypeVar("Model", bound=BaseModel)


class SyncMode(str, Enum):
    """The sync modes of Airbyte's public API (api_sdk.yaml, ConnectionSyncModeEnum) that both connectors support."""

    FULL_REFRESH_APPEND = "full_refresh_append"
    FULL_REFRESH_OVERWRITE = "full_refresh_overwrite"
    INCREMENTAL_APPEND = "incremental_append"
    INCREMENTAL_DEDUPED_HISTORY = "incremental_deduped_history"

    @property
    def incremental(self) -> bool:
        """Whether a sync goes on from the state of the one before."""
        return self in (SyncMode.INCREMENTAL_APPEND, SyncMode.INCREMENTAL_DEDUPED_HISTORY)


def quartz_cron(expression: str) -> str:
    """Accept a Quartz cron expression of six or seven fields that runs at most once an hour.

    Airbyte refuses any other: "The seconds and minutes values cannot be *" (airbyte-platform, AirbyteCatalogHelper).
    """
    fields = expression.split()
    if len(fields) not in {6, 7}:
        raise ValueError(
            f"a Quartz cron expression has 6 or 7 fields (second minute hour day month weekday), this has {len(fields)}"
        )
    if not (fields[0].isdigit() and fields[1].isdigit()):
        raise ValueError("the second and the minute must be numbers: Airbyte runs a connection once an hour at most")
    if (fields[3] == "?") == (fields[5] == "?"):
        raise ValueError("exactly one of day of month and day of week must be ?")
    return " ".join(fields)


def with_tag(image: str) -> str:
    """Accept the name of an image that carries a tag."""
    repository, _, tag = image.rpartition(":")
    if not repository or not tag or "/" in tag:
        raise ValueError("an image is named with its tag, such as owner/name:0.1.0")
    return image


class Strict(BaseModel):
    """A part of the bundle; an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Connector(Strict):
    """One connector: its name in Airbyte, its folder in this tree, and its image."""

    name: Annotated[str, Field(min_length=1)]
    directory: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    image: Annotated[str, AfterValidator(with_tag)]

    @property
    def repository(self) -> str:
        """The image's name without its tag."""
        return self.image.rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The image's tag, which is the package's version."""
        return self.image.rpartition(":")[2]


class Connectors(Strict):
    """The two connectors of the bundle."""

    source: Connector
    destination: Connector


class Stream(Strict):
    """A stream of a connection, and its sync mode."""

    name: Annotated[str, Field(min_length=1)]
    sync_mode: SyncMode


class Schedule(Strict):
    """When a connection runs: a Quartz cron expression, in UTC."""

    cron: Annotated[str, AfterValidator(quartz_cron)]


class Connection(Strict):
    """A connection between the two connectors: its name in Airbyte, its streams and its schedule."""

    name: Annotated[str, Field(min_length=1)]
    enabled: bool = True
    streams: Annotated[list[Stream], Field(min_length=1)]
    schedule: Schedule


class Bundle(Strict):
    """The root metadata.yaml."""

    connectors: Connectors
    connections: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], Connection], Field(min_length=1)]


class Metadata(BaseModel):
    """The part of a connector's own metadata.yaml that registering needs."""

    name: str
    docker_repository: Annotated[str, Field(alias="dockerRepository")]
    docker_image_tag: Annotated[str, Field(alias="dockerImageTag")]
    documentation_url: Annotated[HttpUrl, Field(alias="documentationUrl")]


def load_bundle(root: Path) -> Bundle:
    """Read the bundle of a tree. Raises DefinitionError with the file, the place in it and the mistake."""
    file = root / BUNDLE_FILE
    return _parse(Bundle, _yaml(file), file)


def load_metadata(root: Path, connector: Connector) -> Metadata:
    """Read a connector's own metadata. Raises DefinitionError, also if it names another image than the bundle."""
    file = root / connector.directory / "metadata.yaml"
    content = _yaml(file)
    metadata = _parse(Metadata, content.get("data", {}) if isinstance(content, dict) else {}, file)
    image = f"{metadata.docker_repository}:{metadata.docker_image_tag}"
    if image != connector.image:
        raise DefinitionError(f"{file} names the image {image}, and {BUNDLE_FILE} {connector.image}: make them one.")
    return metadata


def _yaml(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionError(f"{file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{file} is not YAML: {' '.join(str(error).split())}.") from error


def _parse(model: type[Model], content: Any, file: Path) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the whole"
        raise DefinitionError(f"{file}, {place}: {first['msg']}.") from error
