"""Address of an Oomnitza instance, as entered and as requests need it.

Pure functions.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_NO_ADDRESS = "is not an address; it looks like https://acme.oomnitza.com"


def instance_origin(text: str) -> str:
    """Return the origin of an Oomnitza instance, without a trailing slash.

    "acme" and "acme.oomnitza.com" mean the same; a path pasted from the browser is dropped. Raises ValueError if the text is no
    address or would send the token unencrypted; the message does not quote the text.
    """
    text = text.strip()
    if not text:
        raise ValueError("is empty; give the address of your Oomnitza, for example https://acme.oomnitza.com")
    parts, host, port = _split(text if "://" in text else f"https://{text}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password; those belong under Credentials")
    if "." not in host and ":" not in host and host != "localhost":
        host = f"{host}.oomnitza.com"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("must begin with https://, so that the token travels encrypted (http only for this machine)")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")


def _split(text: str) -> tuple[SplitResult, str, int | None]:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # not chained: its message quotes the text
        raise ValueError(_NO_ADDRESS) from None
    # "https:/acme" reads as a host named https.
    if host in ("http", "https") or not (":" in host or _HOST.fullmatch(host)):
        raise ValueError(_NO_ADDRESS)
    return parts, host, port


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by name or address, without DNS."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
