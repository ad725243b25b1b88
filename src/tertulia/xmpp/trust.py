"""When a client believes that it talks to its server."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import ssl
from dataclasses import dataclass

from tertulia.errors import ConfigError
from tertulia.xmpp.errors import LoginFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """By the system's certificate authorities; by one certificate; or, on the loopback, blindly."""

    sha256: bytes | None = None
    loopback_only: bool = False

    @classmethod
    def system(cls) -> Trust:
        return cls()

    @classmethod
    def pinned(cls, fingerprint: str) -> Trust:
        """Only the certificate with this SHA-256 fingerprint, in hexadecimal, `:` allowed.

        Raises: ConfigError.
        """
        try:
            sha256 = bytes.fromhex(fingerprint.replace(":", ""))
        except ValueError:
            sha256 = b""
        if len(sha256) != 32:
            raise ConfigError(
                f"a SHA-256 fingerprint has 64 hexadecimal digits, not {fingerprint!r}"
            )
        return cls(sha256=sha256)

    @classmethod
    def none(cls) -> Trust:
        """Any certificate, or no TLS at all, but only of a server on this machine."""
        return cls(loopback_only=True)

    def context(self, host: str) -> ssl.SSLContext:
        """How to do the handshake with `host`. Raises: ConfigError if it may not be trusted."""
        context = ssl.create_default_context()
        if self.loopback_only and not is_loopback(host):
            raise ConfigError(f"{host} is not this machine: its certificate has to be checked")
        if self.sha256 is not None or self.loopback_only:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # `check` looks at the certificate itself
        return context

    def check(self, certificate: bytes | None) -> None:
        """Look at the server's certificate (DER) after the handshake. Raises: LoginFailed."""
        if self.sha256 is None:
            return
        digest = hashlib.sha256(certificate or b"").digest()
        if certificate is None or not hmac.compare_digest(digest, self.sha256):
            raise LoginFailed("the server's certificate is not the one that was pinned")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
