"""Where parts of one server find each other on this machine."""

from __future__ import annotations

from pathlib import Path

from tertulia.config import Config


def handover_place(config: Config) -> Path:
    """The unix socket through which connections with media go from us to our bridge."""
    return config.data / "media-tcp.sock"


def beacon_place(config: Config) -> Path:
    """The unix socket at which our bridge is found again after we were killed."""
    return config.data / "bridge.sock"


def local(address: str) -> str:
    """Where this machine reaches what listens on `address`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104


def netloc(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == 443 else f"{name}:{port}"
