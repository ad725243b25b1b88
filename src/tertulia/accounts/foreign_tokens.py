"""Tokens of a web application, as they are configured: where its keys are, what its tokens say."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from tertulia.accounts.distant_keys import DistantKeys, Fetch, KeyServer, KeySet
from tertulia.accounts.tokens import (
    KeyFolder,
    OneKey,
    Origin,
    TokenRules,
    public_key,
    secret_key,
)
from tertulia.errors import ConfigError


class TokenSettings(Protocol):
    """The section `tokens` of the configuration."""

    @property
    def issuers(self) -> tuple[str, ...]: ...
    @property
    def audiences(self) -> tuple[str, ...]: ...
    @property
    def secret_file(self) -> Path | None: ...
    @property
    def public_keys(self) -> Path | None: ...
    @property
    def key_server(self) -> str: ...
    @property
    def key_set(self) -> str: ...
    @property
    def check_subject(self) -> bool: ...


async def ask_nobody(url: str) -> bytes | None:
    """For a look at the configuration alone."""
    return None


def foreign_origin(settings: TokenSettings, host: str, fetch: Fetch = ask_nobody) -> Origin | None:
    """The web application whose tokens are taken, None without one.

    Args:
        fetch: asks where the keys are; never called unless such an address is configured.
    Raises: ConfigError.
    """
    secret, public = settings.secret_file, settings.public_keys
    given = [
        f"tokens.{name}"
        for name in ("secret_file", "public_keys", "key_server", "key_set")
        if getattr(settings, name)
    ]
    if not settings.issuers:
        if given:
            raise ConfigError("tokens have a key but tokens.issuers is empty; name their `iss`")
        return None
    if len(given) != 1:
        raise ConfigError(
            "tokens.issuers needs one of tokens.secret_file, tokens.public_keys, "
            f"tokens.key_server and tokens.key_set, not {' and '.join(given) or 'none'}"
        )
    rules = TokenRules(
        issuers=settings.issuers,
        audiences=settings.audiences,
        subject=host if settings.check_subject else "",
    )
    if secret is not None:
        try:
            return Origin(OneKey(secret_key(secret.read_bytes().strip(), named=str(secret))), rules)
        except OSError as error:
            raise ConfigError(f"{secret}: cannot be read ({error.strerror})") from None
    if public is not None:
        keys = KeyFolder(public) if public.is_dir() else OneKey(public_key(public))
        return Origin(keys, rules)
    source = KeyServer(settings.key_server) if settings.key_server else KeySet(settings.key_set)
    distant = DistantKeys(source, fetch, time.monotonic)
    return Origin(distant, rules, distant.prepare)
