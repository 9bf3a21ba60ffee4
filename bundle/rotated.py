"""Saves a Slack token that a sync has renewed; its refresh token is single-use."""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from bundle.configuration import CREDENTIALS, Json
from bundle.private_folder import exclusive, load, make_private, save

RENEWED = ("access_token", "refresh_token", "token_expiry_date")


class RotatedCredentials:
    """Stores the newest credentials of one configuration file.

    The key is the file's refresh token, so that a new pair in the file replaces them.
    """

    def __init__(self, folder: Path, configuration: Json) -> None:
        credentials = configuration.get(CREDENTIALS)
        token = credentials.get("refresh_token") if isinstance(credentials, dict) else None
        name = hashlib.sha256(str(token).encode()).hexdigest()[:32] if token else None
        self._file = folder / "credentials" / f"{name}.json" if name else None
        self._configuration = configuration

    def exclusive(self) -> AbstractContextManager[None]:
        """Reserve the tokens for one sync, because a refresh token works once.

        Raises UsageError if another sync uses them.
        """
        if self._file is None:
            return nullcontext()
        make_private(self._file.parent)
        return exclusive(self._file.with_suffix(".lock"), "this Slack token")

    def newest(self) -> Json:
        """Return the configuration with the newest pair of tokens.

        Raises UsageError if their file is damaged.
        """
        kept = load(self._file) if self._file else None
        if not isinstance(kept, dict):
            return self._configuration
        tokens = {name: value for name, value in kept.items() if name in RENEWED}
        # All else is from the configuration, in which a client secret may have been corrected.
        given = {name: value for name, value in self._configuration[CREDENTIALS].items() if name not in RENEWED}
        return {**self._configuration, CREDENTIALS: {**given, **tokens}}

    def keep(self, configuration: Json) -> None:
        """Save the credentials of a configuration that the source sent back."""
        if self._file is not None and CREDENTIALS in configuration:
            save(self._file, configuration[CREDENTIALS])
