"""Creates or updates what differs between the bundle and an Airbyte workspace."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from bundle.airbyte import Airbyte, Side
from bundle.configuration import CREDENTIALS, Json
from bundle.definition import Bundle, Connection, Connector, Metadata
from bundle.errors import AirbyteError

ROTATED = f"{CREDENTIALS}.token_expiry_date"  # a sync renews it together with the token
Action = Literal["create", "update", "unchanged"]


@dataclass(frozen=True)
class Wanted:
    """Describes a source or destination of the bundle."""

    connector: Connector
    metadata: Metadata
    configuration: Json

    @property
    def name(self) -> str:
        """Name of the source or destination in Airbyte."""
        return self.connector.name


@dataclass(frozen=True)
class Step:
    """Describes a change that was made; in a dry run, one that would be made."""

    action: Action
    thing: str
    name: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mode:
    """Holds the options of a run.

    `dry_run` changes nothing. `resend_secrets` sends configurations even if they look the same.
    """

    dry_run: bool = False
    resend_secrets: bool = False


def reconcile(airbyte: Airbyte, bundle: Bundle, source: Wanted, destination: Wanted, mode: Mode) -> Iterator[Step]:
    """Create or update definitions, source, destination and connections, in order.

    Yields a step for each as soon as it is done, and deletes nothing. Definitions are found by image, all others by
    name, so another run continues a failed one. Raises AirbyteError.
    """
    try:
        source_id = yield from _actor(airbyte.source, source, mode)
        destination_id = yield from _actor(airbyte.destination, destination, mode)
        for connection in bundle.connections.values():
            yield _connection(airbyte, connection, source_id, destination_id, mode)
    except (KeyError, TypeError, AttributeError):  # a field is absent, or of another type
        raise AirbyteError(
            f"{airbyte.root} does not respond as Airbyte's public API does. Check AIRBYTE_URL."
        ) from None


def differences(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Return the paths at which two configurations differ, without their values.

    A null equals an absent setting. A secret counts as the same, because Airbyte returns it as asterisks.
    """
    if isinstance(wanted, dict) and isinstance(found, dict):
        keys = sorted(wanted.keys() | found.keys())
        return [
            place
            for key in keys
            for place in differences(wanted.get(key), found.get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [
            place
            for number, pair in enumerate(zip(wanted, found, strict=True))
            for place in differences(*pair, f"{path}[{number}]")
        ]
    same = wanted == found and isinstance(wanted, bool) == isinstance(found, bool)
    return [] if same or (isinstance(wanted, str) and wanted and _masked(found)) else [path]


def _masked(value: Any) -> bool:
    return isinstance(value, str) and len(value) > 2 and set(value) == {"*"}


def _actor(side: Side, wanted: Wanted, mode: Mode) -> Generator[Step, None, str | None]:
    """Create or update a definition and its source or destination.

    The generator returns the id of the source or destination; None in a dry run that would create it.
    """
    step, definition_id = _definition(side, wanted, mode)
    yield step
    found = _only(
        f"{side.kind}s named {wanted.name!r}", [actor for actor in side.actors() if actor["name"] == wanted.name]
    )
    if found is None:
        created = None
        if definition_id is not None and not mode.dry_run:
            created = side.create_actor(
                name=wanted.name, definition_id=definition_id, configuration=wanted.configuration
            )
        yield Step("create", side.kind, wanted.name)
        return created[f"{side.kind}Id"] if created else None
    if found["definitionId"] != definition_id:
        raise AirbyteError(
            f"The {side.kind} named {wanted.name!r} belongs to another connector than {wanted.connector.repository}. "
            "Rename it in Airbyte, or change the name in metadata.yaml."
        )
    changed = [place for place in differences(wanted.configuration, found["configuration"]) if place != ROTATED]
    if changed or mode.resend_secrets:
        if not mode.dry_run:
            configuration = _sent(wanted.configuration, found["configuration"], changed, mode)
            side.replace_actor(found[f"{side.kind}Id"], name=wanted.name, configuration=configuration)
        yield Step("update", side.kind, wanted.name, tuple(changed) or ("secrets sent again",))
    else:
        yield Step("unchanged", side.kind, wanted.name, ("as far as Airbyte shows it: secrets are hidden",))
    return str(found[f"{side.kind}Id"])


def _sent(wanted: Json, found: Json, changed: list[str], mode: Mode) -> Json:
    """Return the configuration to send, with Airbyte's credentials unless they change.

    Airbyte keeps a secret that is sent back masked. So a refresh token that a sync has renewed is not replaced by the
    used one of the file.
    """
    ours = mode.resend_secrets or any(place.split(".")[0] == CREDENTIALS for place in changed)
    return wanted if ours or CREDENTIALS not in found else {**wanted, CREDENTIALS: found[CREDENTIALS]}


def _definition(side: Side, wanted: Wanted, mode: Mode) -> tuple[Step, str | None]:
    thing, image, name = f"{side.kind} definition", wanted.connector, wanted.metadata.name
    same = [definition for definition in side.definitions() if definition["dockerRepository"] == image.repository]
    found = _only(f"{side.kind} definitions of the image {image.repository}", same)
    if found is None:
        created = None
        if not mode.dry_run:
            created = side.create_definition(
                name=name,
                repository=image.repository,
                tag=image.tag,
                documentation=str(wanted.metadata.documentation_url),
            )
        return Step("create", thing, name, (image.image,)), created["id"] if created else None
    pairs = (("name", found["name"], name), ("image tag", found["dockerImageTag"], image.tag))
    changed = tuple(f"{what} {old} -> {new}" for what, old, new in pairs if old != new)
    if changed and not mode.dry_run:
        side.update_definition(found["id"], name=name, tag=image.tag)
    return Step("update" if changed else "unchanged", thing, name, changed), found["id"]


def _connection(
    airbyte: Airbyte, wanted: Connection, source_id: str | None, destination_id: str | None, mode: Mode
) -> Step:
    cron = wanted.schedule.cron
    streams = [{"name": stream.name, "syncMode": stream.sync_mode.value} for stream in wanted.streams]
    shown = (_streams_text(streams), f"{cron} UTC")
    state = () if wanted.enabled else ("off: turn it on in Airbyte",)
    same = [connection for connection in airbyte.connections() if connection["name"] == wanted.name]
    found = _only(f"connections named {wanted.name!r}", same)
    if found is None:
        if source_id is not None and destination_id is not None and not mode.dry_run:
            airbyte.create_connection(
                name=wanted.name,
                source_id=source_id,
                destination_id=destination_id,
                streams=streams,
                cron=cron,
                enabled=wanted.enabled,
            )
        return Step("create", "connection", wanted.name, shown + state)
    if (found["sourceId"], found["destinationId"]) != (source_id, destination_id):
        raise AirbyteError(
            f"The connection named {wanted.name!r} joins another source and destination. "
            "Rename it in Airbyte, or change the name in metadata.yaml."
        )
    whole = airbyte.connection(found["connectionId"])
    before = (_streams_text(whole["configurations"].get("streams") or []), _schedule_text(whole["schedule"]))
    other_streams, other_schedule = (old != new for old, new in zip(before, shown, strict=True))
    if not (other_streams or other_schedule):
        return Step("unchanged", "connection", wanted.name, shown)
    if not mode.dry_run:
        airbyte.update_connection(
            found["connectionId"],
            streams=streams if other_streams else None,
            cron=cron if other_schedule else None,
        )
    changed = tuple(f"{old} -> {new}" for old, new in zip(before, shown, strict=True) if old != new)
    return Step("update", "connection", wanted.name, changed)


def _streams_text(streams: list[Json]) -> str:
    return ", ".join(sorted(f"{stream['name']} {stream.get('syncMode')}" for stream in streams)) or "no streams"


def _schedule_text(schedule: Json) -> str:
    """Format a schedule.

    Airbyte returns a cron expression with its time zone appended ("0 17 5 * * ? UTC").
    """
    return str(schedule.get("cronExpression") or schedule.get("basicTiming") or schedule["scheduleType"])


def _only(what: str, found: list[Json]) -> Json | None:
    if len(found) > 1:
        raise AirbyteError(
            f"There are {len(found)} {what}, and only one can be meant: rename or delete the others in Airbyte."
        )
    return found[0] if found else None
