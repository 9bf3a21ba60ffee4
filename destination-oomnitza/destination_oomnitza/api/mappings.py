"""Reads the mappings of integrations, as administrators drew them in Oomnitza."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from destination_oomnitza.api.client import Client
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.errors import config_error

MAPPINGS = "/api/v2/mappings"
_UNKNOWN = frozenset({400, 404, 410})


def read_mappings(client: Client, integrations: Iterable[int]) -> dict[int, Any]:
    """Return the mapping of each integration as Oomnitza has it; None if unknown.

    Raises as Client.get, and AirbyteTracedException (config_error) if the role may not read mappings.
    """
    return {integration: _read(client, integration) for integration in integrations}


def _read(client: Client, integration: int) -> Any:
    try:
        # The keys are internal ids of fields; none of them means an error.
        return client.get(f"{MAPPINGS}?connector_id={integration}", keyed=True).json
    except RequestRejected as rejected:
        if rejected.status in _UNKNOWN:
            return None
        raise config_error(
            f"Oomnitza did not return the mapping of the integration {integration} (integration_mapping): {rejected}. Give the role "
            "of the token's user access to integrations."
        ) from None
