"""The certificate of the HTTPS port: the operator's own, or a self-signed one kept in `data`.

A self-signed certificate is made on the first start, for every name this machine is reached by,
and made anew when it nears its end or no longer covers the configured host. Our own bridges do not
trust it by name but by its fingerprint (see `bridge_secret`).
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tertulia.errors import ConfigError

VALID_FOR = datetime.timedelta(days=825)  # the most Apple's systems accept
RENEW_BEFORE = datetime.timedelta(days=30)

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# PEM allows text before the first block; ours tells people (and us) what is inside.
_HEADER = re.compile(r"Made by Tertulia until (\S+) for (.+)\n")


@dataclass(frozen=True, slots=True)
class Certificate:
    chain: Path
    private_key: Path
    fingerprint: str  # SHA-256 of the first certificate, "AB:CD:..."

    def server_context(self, protocol: str = "http/1.1") -> ssl.SSLContext:
        """A TLS 1.2+ context for a server of one protocol, by its ALPN name (RFC 7301).

        WebSocket needs http/1.1 (RFC 6455).
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols([protocol])
        try:
            context.load_cert_chain(self.chain, self.private_key)
        except OSError as error:  # ssl.SSLError included
            raise ConfigError(
                f"{self.chain} and {self.private_key} do not make a certificate with its key "
                f"({error.strerror or error}); give matching PEM files"
            ) from None
        return context


def given(chain: Path, private_key: Path) -> Certificate:
    """The operator's own PEM files. Raises: ConfigError when they cannot be read."""
    for file in (chain, private_key):
        try:
            file.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{file}: cannot be read ({error.strerror}); name a readable PEM file"
            ) from None
    return Certificate(chain, private_key, _fingerprint(chain))


def kept(data: Path, names: Sequence[str]) -> Certificate:
    """The self-signed certificate in `data`, made now if it is missing, old, or for other names.

    Args:
        names: host names and addresses, the first becomes the common name. Only that one decides
            whether a kept certificate still fits: addresses of a laptop come and go.
    Raises: ConfigError when the folder cannot be written.
    """
    chain, private_key = data / "certificate.pem", data / "certificate.key"
    try:
        if not (private_key.exists() and _still_fits(chain, names[0])):
            _make(chain, private_key, names)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or chain}: cannot be used ({error.strerror}); "
            "name a folder you can write with --data"
        ) from None
    return Certificate(chain, private_key, _fingerprint(chain))


def _still_fits(chain: Path, host: str) -> bool:
    if not chain.exists():
        return False
    header = _HEADER.search(chain.read_text(encoding="ascii", errors="replace"))
    if header is None:  # the operator put their own files here: theirs to renew
        return True
    until = datetime.datetime.fromisoformat(header[1])
    now = datetime.datetime.now(datetime.UTC)
    return now + RENEW_BEFORE < until and host in header[2].split(", ")


def _fingerprint(chain: Path) -> str:
    block = _PEM.search(chain.read_text(encoding="ascii", errors="replace"))
    if block is None:
        raise ConfigError(f"{chain}: holds no PEM certificate; give the chain as PEM")
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(block[0])).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _make(chain: Path, private_key: Path, names: Sequence[str]) -> None:
    # Imported here: needed once in two years, and it costs memory and start time always.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    secret = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of guests may be behind
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([_san(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    key_pem = secret.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    header = f"Made by Tertulia until {(now + VALID_FOR).isoformat()} for {', '.join(names)}\n"
    chain_pem = header.encode("ascii") + certificate.public_bytes(serialization.Encoding.PEM)
    write_private(private_key, key_pem)
    chain.write_bytes(chain_pem)


def _san(name: str):  # type: ignore[no-untyped-def]  # GeneralName, from a late import
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
    beside.replace(file)
