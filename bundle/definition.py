"""Parses the root metadata.yaml, and checks it against the connectors' metadata."""

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
    """Lists the sync modes of Airbyte's public API that both connectors support.

    See ConnectionSyncModeEnum in api_sdk.yaml of airbyte-platform.
    """

    FULL_REFRESH_APPEND = "full_refresh_append"
    FULL_REFRESH_OVERWRITE = "full_refresh_overwrite"
    INCREMENTAL_APPEND = "incremental_append"
    INCREMENTAL_DEDUPED_HISTORY = "incremental_deduped_history"

    @property
    def incremental(self) -> bool:
        """Whether a sync continues from the state of the one before."""
        return self in (SyncMode.INCREMENTAL_APPEND, SyncMode.INCREMENTAL_DEDUPED_HISTORY)


def quartz_cron(expression: str) -> str:
    """Validate a Quartz cron expression that runs at most once an hour.

    Airbyte rejects others: "The seconds and minutes values cannot be *" (airbyte-platform, AirbyteCatalogHelper).
    Raises ValueError.
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
    """Validate the name of an image with its tag. Raises ValueError."""
    repository, _, tag = image.rpartition(":")
    if not repository or not tag or "/" in tag:
        raise ValueError("an image is named with its tag, such as owner/name:0.1.0")
    return image


class Strict(BaseModel):
    """Forbids unknown keys in a part of the bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Connector(Strict):
    """Describes a connector: its name in Airbyte, its folder, and its image."""

    name: Annotated[str, Field(min_length=1)]
    directory: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    image: Annotated[str, AfterValidator(with_tag)]

    @property
    def repository(self) -> str:
        """Name of the image without its tag."""
        return self.image.rpartition(":")[0]

    @property
    def tag(self) -> str:
        """Tag of the image, which is the version of the package."""
        return self.image.rpartition(":")[2]


class Connectors(Strict):
    """Holds the two connectors of the bundle."""

    source: Connector
    destination: Connector


class Stream(Strict):
    """Describes a stream of a connection, with its sync mode."""

    name: Annotated[str, Field(min_length=1)]
    sync_mode: SyncMode


class Schedule(Strict):
    """Holds the times of a connection as a Quartz cron expression, in UTC."""

    cron: Annotated[str, AfterValidator(quartz_cron)]


class Connection(Strict):
    """Describes a connection: its name in Airbyte, its streams and its schedule."""

    name: Annotated[str, Field(min_length=1)]
    enabled: bool = True
    streams: Annotated[list[Stream], Field(min_length=1)]
    schedule: Schedule


class Bundle(Strict):
    """Holds the root metadata.yaml."""

    connectors: Connectors
    connections: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], Connection], Field(min_length=1)]


class Metadata(BaseModel):
    """Holds the part of a connector's own metadata.yaml that registering needs."""

    name: str
    docker_repository: Annotated[str, Field(alias="dockerRepository")]
    docker_image_tag: Annotated[str, Field(alias="dockerImageTag")]
    documentation_url: Annotated[HttpUrl, Field(alias="documentationUrl")]


def load_bundle(root: Path) -> Bundle:
    """Read the bundle of a tree.

    Raises DefinitionError with the file, the place in it and the mistake.
    """
    file = root / BUNDLE_FILE
    return _parse(Bundle, _yaml(file), file)


def load_metadata(root: Path, connector: Connector) -> Metadata:
    """Read a connector's own metadata.

    Raises DefinitionError, also if it names another image than the bundle.
    """
    file = root / connector.directory / "metadata.yaml"
    content = _yaml(file)
    metadata = _parse(Metadata, content.get("data", {}) if isinstance(content, dict) else {}, file)
    image = f"{metadata.docker_repository}:{metadata.docker_image_tag}"
    if image != connector.image:
        raise DefinitionError(f"{file} names the image {image}, but {BUNDLE_FILE} {connector.image}: make them equal.")
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
