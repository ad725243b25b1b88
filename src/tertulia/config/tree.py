"""The whole tree of the configuration, and its keys as an operator sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from tertulia.config.declaring import key
from tertulia.config.keeping import Files, Keep, Storage, Usage
from tertulia.config.meetings import Bridge, Focus, Limits
from tertulia.config.network import Http, Log, Media, Monitor, P2p, Turn, Xmpp
from tertulia.config.people import Access, SignIn, Tokens
from tertulia.config.site import Site
from tertulia.setting_rules import HOST, Rule

PREFIX = "TERTULIA_"

# kind -> (its name for people, an example as TOML)
KINDS: dict[Any, tuple[str, str]] = {
    str: ("text", '"text"'),
    int: ("whole number", "10"),
    bool: ("true or false", "true"),
    Path: ("path", '"/var/lib/tertulia"'),
    Path | None: ("path", '"/etc/tertulia/fullchain.pem"'),
    tuple[str, ...]: ("list of texts", '["a", "b"]'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole tree; every section has defaults that make a working single machine."""

    host: str = key(
        "localhost",
        "The one name everything is derived from: the addresses of people, rooms and services.",
        HOST,
    )
    data: Path = key(
        Path("~/.local/share/tertulia"),
        "Folder for what must survive a restart: certificate, secrets and the database.",
    )
    site: Site = Site()
    http: Http = Http()
    media: Media = Media()
    turn: Turn = Turn()
    xmpp: Xmpp = Xmpp()
    bridge: Bridge = Bridge()
    monitor: Monitor = Monitor()
    access: Access = Access()
    sign_in: SignIn = SignIn()
    tokens: Tokens = Tokens()
    storage: Storage = Storage()
    keep: Keep = Keep()
    usage: Usage = Usage()
    files: Files = Files()
    p2p: P2p = P2p()
    focus: Focus = Focus()
    limits: Limits = Limits()
    log: Log = Log()


@dataclass(frozen=True, slots=True)
class Key:
    """One key as the operator sees it."""

    path: str  # "http.port"
    kind: Any
    default: Any
    meaning: str
    rule: Rule | None

    @property
    def variable(self) -> str:
        return PREFIX + self.path.upper().replace(".", "_")

    @property
    def kind_name(self) -> str:
        return KINDS[self.kind][0]


def keys() -> Iterator[Key]:
    """All keys in the order in which they are defined."""
    return _keys_of(Config, "")


def _keys_of(section: type, prefix: str) -> Iterator[Key]:
    kinds = get_type_hints(section)
    for each in dataclasses.fields(section):
        kind = kinds[each.name]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            yield from _keys_of(kind, f"{prefix}{each.name}.")
        else:
            meta = each.metadata
            yield Key(f"{prefix}{each.name}", kind, each.default, meta["meaning"], meta["rule"])
