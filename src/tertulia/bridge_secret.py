"""The secret file a bridge logs in with: the password, and which server to believe.

    password 3d0kVx...
    certificate sha-256 AB:CD:...

`tertulia serve` writes it into its data folder; for a bridge on another machine the operator copies
it there. The fingerprint lets the bridge recognise a self-signed server without any authority;
without that line the server's certificate is verified in the usual way.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from tertulia.certificates import write_private
from tertulia.errors import ConfigError

FILE_NAME = "bridge.secret"
_FINGERPRINT = re.compile(r"([0-9A-F]{2}:){31}[0-9A-F]{2}")


@dataclass(frozen=True, slots=True)
class BridgeSecret:
    password: str
    fingerprint: str | None  # SHA-256 of the server's certificate, "AB:CD:..."


def kept(data: Path, fingerprint: str) -> tuple[Path, BridgeSecret]:
    """The secret in `data`, made on the first start; its fingerprint follows the certificate.

    Raises: ConfigError when the folder cannot be written or the file is not ours.
    """
    file = data / FILE_NAME
    known = read(file) if file.exists() else BridgeSecret(secrets.token_urlsafe(32), None)
    secret = BridgeSecret(known.password, fingerprint)
    if secret != known:
        text = f"password {secret.password}\ncertificate sha-256 {secret.fingerprint}\n"
        try:
            write_private(file, text.encode("ascii"))
        except OSError as error:
            raise ConfigError(
                f"{file}: cannot be written ({error.strerror}); "
                "name a folder you can write with --data"
            ) from None
    return file, secret


def read(file: Path) -> BridgeSecret:
    """Read a secret file. Raises: ConfigError naming the file and what is wrong with it."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read ({error.strerror}); name the server's {FILE_NAME} "
            "with --secret-file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not a secret file; copy the server's {FILE_NAME}") from None
    password, fingerprint = "", None
    for line in filter(None, map(str.strip, lines)):
        match line.split():
            case ["password", text]:
                password = text
            case ["certificate", "sha-256", text] if _FINGERPRINT.fullmatch(text.upper()):
                fingerprint = text.upper()
            case _:
                raise ConfigError(
                    f"{file}: {line.split()[0]!r} is no line of a secret file; "
                    f"copy the server's {FILE_NAME}"
                )
    if not password:
        raise ConfigError(f"{file}: holds no password line; copy the server's {FILE_NAME}")
    return BridgeSecret(password, fingerprint)
