"""THE configuration: one typed tree, each key documented where it is defined.

A value comes from the default written here, over it `tertulia.toml`, over it the environment
(`TERTULIA_HTTP_PORT` for `http.port`), over it the command line. Nothing is guessed: an unknown
key, a wrong type or an unreadable file is a `ConfigError` in one line that says what would do.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from tertulia.errors import ConfigError
from tertulia.ice_server import IceServer
from tertulia.public_address import EXPECTED, PublicAddress, split_port

PREFIX = "TERTULIA_"
FILE_VARIABLE = "TERTULIA_CONFIG"
DEFAULT_FILE = "tertulia.toml"

_NAME = re.compile(
    r"(?=.{1,200}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?(:[0-9]{1,5})?")
_BRIDGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must satisfy beyond its type; `text` completes "expected ..."."""

    text: str
    holds: Callable[[Any], bool]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_advertised(text: str) -> bool:
    try:
        PublicAddress.parse(text)
    except ValueError:
        return False
    return True


def _is_ice_server(text: str) -> bool:
    try:
        IceServer.parse(text)
    except ValueError:
        return False
    return True


def _is_server(text: str) -> bool:
    try:
        host, _ = split_port(text)
    except ValueError:
        return False
    return _is_address(host) or _NAME.fullmatch(host) is not None


PORT = Rule("a port from 1 to 65535, or 0 for any free one", lambda v: 0 <= v <= 65535)
NUMBER = Rule("a number of at least 0", lambda v: v >= 0)
ICE_SERVERS = Rule(
    "addresses such as turn:turn.example.org:3478?transport=udp or turns:turn.example.org:443",
    lambda v: all(map(_is_ice_server, v)),
)
SECONDS = Rule("a number of seconds from 10 to 3600", lambda v: 10 <= v <= 3600)
CLAMD = Rule(
    "unix:/path or HOST:PORT",
    lambda v: not v or v.startswith("unix:/") or (":" in v and _is_server(v)),
)
HOURS = Rule("a number of hours from 1 to 24", lambda v: 1 <= v <= 24)
COUNT = Rule("a number of at least 1", lambda v: v >= 1)
HOST = Rule(
    "a host name such as meet.example.org, or an IPv4 address",
    lambda v: _NAME.fullmatch(v) is not None,
)
ADDRESSES = Rule("IP addresses such as 0.0.0.0 or ::", lambda v: all(map(_is_address, v)))
ADDRESS = Rule("an IP address such as 127.0.0.1", _is_address)
ADVERTISED = Rule(f"public addresses such as {EXPECTED}", lambda v: all(map(_is_advertised, v)))
SERVERS = Rule(
    "servers such as stun.example.org or 203.0.113.9:3478", lambda v: all(map(_is_server, v))
)
COLOUR = Rule(
    "a colour such as #3341b4", lambda v: v == "" or re.fullmatch(r"#[0-9a-f]{6}", v) is not None
)
LINK = Rule(
    "an address such as https://example.org/help, mailto:help@example.org or /help.html",
    lambda v: v == "" or re.fullmatch(r"(https://|mailto:|/(?!/))[!-~]{1,500}", v) is not None,
)
TEXT = Rule("at most 400 characters", lambda v: len(v) <= 400)
ORIGINS = Rule(
    "origins such as https://portal.example.org, or *",
    lambda v: all(each == "*" or _ORIGIN.fullmatch(each) for each in v),
)
SOME_PORT = Rule("a port from 1 to 65535, or 0 for none", lambda v: 0 <= v <= 65535)
SAME_PORT = Rule("a port from 1 to 65535, or 0 for the same", lambda v: 0 <= v <= 65535)
BRIDGE_NAME = Rule(
    "letters, digits, dots, hyphens, underscores (at most 64), such as br1",
    lambda v: _BRIDGE_NAME.fullmatch(v) is not None,
)
LINE = Rule(
    "one line of at most 80 characters", lambda v: len(v) <= 80 and (v.isprintable() or not v)
)
LONG_LINE = Rule(
    "one line of at most 500 characters", lambda v: len(v) <= 500 and (v.isprintable() or not v)
)


def one_of(*words: str) -> Rule:
    return Rule("one of " + ", ".join(words), lambda v: v in words)


def key(default: Any, meaning: str, rule: Rule | None = None) -> Any:
    """Declare one key of the tree: its default, what it means, what it must satisfy."""
    return field(default=default, metadata={"meaning": meaning, "rule": rule})


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWords:
    """A site's own words and links in one language; those of another one stand in for them."""

    welcome: str = key("", "Shown on the start page, in this language.", TEXT)
    help: str = key("", "Address of the site's help, in this language.", LINK)
    privacy: str = key("", "Address of the site's privacy policy, in this language.", LINK)
    imprint: str = key("", "Address that says who runs the site, in this language.", LINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    name: str = key("Tertulia", "The name people see on the start page and in the title.", LINE)
    embed: tuple[str, ...] = key(
        (),
        "Sites whose pages may show meetings in a frame, such as https://portal.example.org, or * "
        "for all (docs/embedding.md).",
        ORIGINS,
    )
    show_inside: str = key(
        "count",
        "What people see of an open room before they enter: `count` (how many are there), `names` "
        "(also the names of six), or `nothing`. Rooms with a password or a lobby never tell.",
        one_of("count", "names", "nothing"),
    )
    accent: str = key(
        "",
        "The colour of buttons and links, such as #3341b4; white text on it must be readable.",
        COLOUR,
    )
    logo: Path | None = key(None, "SVG or PNG file shown beside the name, at most 512 KiB.")
    icon: Path | None = key(None, "SVG or PNG file for the browser's tab, at most 512 KiB.")
    en: SiteWords = SiteWords()
    es: SiteWords = SiteWords()
    fr: SiteWords = SiteWords()
    it: SiteWords = SiteWords()

    @property
    def words(self) -> dict[str, SiteWords]:
        """By language."""
        return {"en": self.en, "es": self.es, "fr": self.fr, "it": self.it}


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    listen: tuple[str, ...] = key(
        ("0.0.0.0", "::"),  # noqa: S104  # a server for others listens everywhere by default
        "Addresses on which pages, signalling and bridge channels are served.",
        ADDRESSES,
    )
    port: int = key(8443, "TCP port of the one HTTPS listener.", PORT)
    certificate: Path | None = key(
        None, "PEM file with the certificate chain; without it one is made and kept in `data`."
    )
    private_key: Path | None = key(
        None, "PEM file with the private key that belongs to `http.certificate`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    port: int = key(10000, "UDP port for the media of all meetings.", PORT)
    addresses: tuple[str, ...] = key(
        (), "Local addresses media is sent from; empty for all of this machine's.", ADDRESSES
    )
    advertise: tuple[str, ...] = key(
        (),
        "Behind NAT: public addresses told to clients, as PUBLIC or LOCAL=PUBLIC, each with :PORT "
        "where the UDP port is another one outside.",
        ADVERTISED,
    )
    stun: tuple[str, ...] = key(
        (), "Behind NAT: STUN servers (HOST or HOST:PORT) to ask for the public address.", SERVERS
    )
    hide_private: bool = key(
        True, "Do not tell clients private addresses once a public one is known."
    )
    ssrc_rewriting: bool = key(
        False,
        "Give Jitsi Meet clients at most 50 streams whose sources change, for very large meetings.",
    )
    last_n: int = key(
        0,
        "How many videos a client asks for at most, those who spoke last first; 0 for all. "
        "Clients may ask for another number at any time.",
        NUMBER,
    )
    opus_red: bool = key(
        True,
        "Let clients repeat their voice's last frames in each packet: twice the audio bitrate, "
        "and lost packets are hardly heard.",
    )
    tcp: bool = key(
        True, "Take media on the HTTPS port too, for networks that let nothing else through."
    )
    tcp_port: int = key(0, "TCP port for media alone, 0 for none.", SOME_PORT)
    tcp_public_port: int = key(
        0,
        "Behind NAT: the TCP port outside that leads to the HTTPS port, 0 for the same.",
        SAME_PORT,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    servers: tuple[str, ...] = key(
        (),
        "STUN and TURN servers told to clients, such as turns:turn.example.org:443.",
        ICE_SERVERS,
    )
    secret_file: Path | None = key(
        None, "File with the secret shared with the TURN servers (coturn: static-auth-secret)."
    )
    lifetime_hours: int = key(
        24, "How long a client may use what it was told; longer than any meeting.", HOURS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Xmpp:
    listen: str = key(
        "127.0.0.1", "Address of the TCP listener for bridges (STARTTLS required).", ADDRESS
    )
    port: int = key(0, "TCP port of that listener; 5222 is the usual one, 0 any free one.", PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    enabled: bool = key(True, "Start and supervise a bridge on this machine.")
    name: str = key("local", "Its name in the brewery, unique among all bridges.", BRIDGE_NAME)
    region: str = key("", "Its region, compared with the regions of participants.", LINE)
    alone_s: int = key(
        120, "How long it carries meetings on after this process was killed (s).", COUNT
    )
    max_conferences: int = key(1000, "Most conferences on it; more are refused.", COUNT)
    max_endpoints: int = key(2000, "Most people on it, over all conferences.", COUNT)
    max_memory_mib: int = key(3072, "From this much memory on it takes nobody more.", COUNT)
    loudest_voices: int = key(
        0, "How many voices at a time reach everybody, the loudest ones; 0 for all.", NUMBER
    )
    silence_after_s: int = key(
        0, "Tell clients when nobody has spoken for so many seconds; 0 for never.", NUMBER
    )
    shed_load: bool = key(False, "Send everybody fewer videos while the bridge has too much to do.")
    rest: bool = key(
        False,
        "Take COLIBRI2 as JSON on its pages for operators; whoever reaches them commands it.",
    )
    monitor_port: int = key(8080, "TCP port of its pages for operators, at `monitor.listen`.", PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    enabled: bool = key(True, "Serve pages for operators: health, version, metrics.")
    listen: str = key(
        "127.0.0.1", "Address of these pages; nobody is asked who they are there.", ADDRESS
    )
    port: int = key(8888, "TCP port of the control process' pages.", PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    open: str = key(
        "everybody",
        "Who may open rooms: everybody, or those with an account or a token; guests wait for them.",
        one_of("everybody", "accounts"),
    )
    join: str = key(
        "everybody",
        "Who may come into rooms that are open: everybody, or those with an account or a token.",
        one_of("everybody", "accounts"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    issuer: str = key(
        "", "Address of the OpenID Connect provider where people sign in; empty: there is none."
    )
    client_id: str = key("tertulia", "As what this server is registered there.")
    secret_file: Path | None = key(None, "File with the secret that the provider gave us.")
    scopes: tuple[str, ...] = key(("openid", "profile", "email"), "What the provider is asked.")
    lead_claim: str = key(
        "", "Claim that decides who leads meetings, such as groups; empty: all who sign in."
    )
    lead_values: tuple[str, ...] = key((), "Values of that claim by which somebody leads.")
    valid_hours: int = key(12, "How long a sign-in lasts.", NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    issuers: tuple[str, ...] = key(
        (), "Accepted `iss` of tokens of a web application; * for any. Empty: no such tokens."
    )
    audiences: tuple[str, ...] = key(("*",), "Accepted `aud` of these tokens; * for any.")
    secret_file: Path | None = key(
        None, "File with the secret that they are signed with (HS256), of at least 32 bytes."
    )
    public_keys: Path | None = key(
        None, "PEM file with the public key for them (RS256, ES256), or a folder of KID.pem."
    )
    check_subject: bool = key(False, "Require `sub` of these tokens to be `host`, or *.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    url: str = key(
        "",
        "Database, as postgresql://USER@HOST/NAME; empty for an SQLite file in `data`.",
        LONG_LINE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    enabled: bool = key(True, "Let people share files in rooms; they are deleted with the meeting.")
    max_mib: int = key(50, "Largest file, in MiB.", COUNT)
    room_mib: int = key(200, "All files of one meeting together, in MiB.", COUNT)
    total_mib: int = key(10_240, "All files of all meetings together, in MiB.", COUNT)
    also_refused: tuple[str, ...] = key(
        (), "More kinds of files that are refused, by the end of the name; programs always are."
    )
    clamd: str = key(
        "",
        "Where clamd looks into files, as unix:/run/clamav/clamd.ctl or HOST:PORT; empty: nobody "
        "does. While it does not answer, no file is taken.",
        CLAMD,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    records_days: int = key(
        90,
        "For how many days polls and attendance lists of rooms that are kept stay in the "
        "database; those of other rooms are never written there.",
        COUNT,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    retention_days: int = key(
        400,
        "For how many days the daily usage counts stay in the database; they hold no names and no "
        "addresses. 0: nothing is counted.",
        NUMBER,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class P2p:
    enabled: bool = key(True, "Let two participants send media to each other directly.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    region_groups: tuple[str, ...] = key(
        (), "Regions near each other, each group as names with + between, such as eu-1+eu-2."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    conferences: int = key(1000, "Most conferences at a time.", COUNT)
    rooms_per_creator: int = key(
        200,
        "New rooms an hour from one address, which may be a campus behind NAT; loopback, a proxy "
        "here, is not limited.",
        COUNT,
    )
    occupants_per_room: int = key(100, "Most people in one room.", COUNT)
    wrong_passwords: int = key(
        10, "Wrong passwords an hour for one account from one address; then it has to wait.", COUNT
    )
    connections_per_address: int = key(
        20, "Most connections from one address that have not authenticated yet.", COUNT
    )
    connection_rate_per_address: int = key(
        5, "New signalling connections per second from one address, in the long run.", COUNT
    )
    connection_burst_per_address: int = key(
        200, "How many may come at once before that rate applies (a class behind one NAT).", COUNT
    )
    resume_s: int = key(
        60,
        "For how many seconds the seat of somebody whose network is gone is kept; the others "
        "do not see the person meanwhile, after the first 10.",
        SECONDS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    level: str = key(
        "info", "Least severe lines shown.", one_of("debug", "info", "warning", "error")
    )
    format: str = key("logfmt", "Form of the lines on standard error.", one_of("logfmt", "json"))


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
        return _KINDS[self.kind][0]


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


# kind -> (its name for people, an example as TOML)
_KINDS: dict[Any, tuple[str, str]] = {
    str: ("text", '"text"'),
    int: ("whole number", "10"),
    bool: ("true or false", "true"),
    Path: ("path", '"/var/lib/tertulia"'),
    Path | None: ("path", '"/etc/tertulia/fullchain.pem"'),
    tuple[str, ...]: ("list of texts", '["a", "b"]'),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and where each of its values came from."""

    config: Config
    origins: Mapping[str, str]  # key path -> "default", "tertulia.toml", ...

    def value(self, path: str) -> Any:
        value: Any = self.config
        for part in path.split("."):
            value = getattr(value, part)
        return value


def load(
    *,
    file: Path | None = None,
    environment: Mapping[str, str],
    command_line: Mapping[str, str],
) -> Loaded:
    """Compose the configuration.

    Args:
        file: the file named on the command line; without it `TERTULIA_CONFIG` names one, and
            without that `tertulia.toml` in the working directory is read if it is there.
        environment: `os.environ`; only names that begin with `TERTULIA_` are looked at.
        command_line: key path -> text, for the keys given there.
    Raises: ConfigError naming the file or option, the key, and what would do.
    """
    known = {each.path: each for each in keys()}
    values: dict[str, Any] = {each.path: each.default for each in known.values()}
    origins = dict.fromkeys(values, "default")

    def put(path: str, value: Any, origin: str, *, from_text: bool, base: Path) -> None:
        if path not in known:
            raise ConfigError(f"{origin}: unknown key {path}{_nearest(path, known)}")
        values[path] = _convert(known[path], value, origin, from_text=from_text, base=base)
        origins[path] = origin

    if file is None and environment.get(FILE_VARIABLE):
        file = Path(environment[FILE_VARIABLE])
    if file is None and Path(DEFAULT_FILE).exists():
        file = Path(DEFAULT_FILE)
    if file is not None:
        for path, value in _flatten(_read(file), "", {each.rpartition(".")[0] for each in known}):
            put(path, value, str(file), from_text=False, base=file.absolute().parent)

    variables = {each.variable: each.path for each in known.values()}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name != FILE_VARIABLE:
            if name not in variables:
                raise ConfigError(
                    f"environment: unknown variable {name}{_nearest(name, variables)}"
                )
            put(variables[name], environment[name], name, from_text=True, base=Path.cwd())

    for path, text in command_line.items():
        put(path, text, "command line", from_text=True, base=Path.cwd())

    values["data"] = values["data"].expanduser()
    config = _build(Config, "", values)
    if (config.http.certificate is None) != (config.http.private_key is None):
        have, lack = "http.certificate", "http.private_key"
        if config.http.certificate is None:
            have, lack = lack, have
        raise ConfigError(
            f"{origins[have]}: {have} is set but {lack} is not; give both PEM files or neither"
        )
    return Loaded(config, origins)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read ({error.strerror}); name a readable file with --config"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f'{file}: is not TOML: {error}; write keys as `name = "value"`') from None


def _flatten(
    table: Mapping[str, Any], prefix: str, sections: set[str]
) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and path in sections:
            yield from _flatten(value, f"{path}.", sections)
        else:
            yield path, value


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{hint} (`tertulia config show` lists all)"


def _convert(key: Key, value: Any, origin: str, *, from_text: bool, base: Path) -> Any:
    result = _from_text(key.kind, value) if from_text else _from_toml(key.kind, value)
    if result is None:
        name, example = _KINDS[key.kind]
        shown = f"`{key.path} = {example}`" if not from_text else name
        raise ConfigError(f"{origin}: {key.path} is {value!r}; expected a {name}, such as {shown}")
    if key.rule is not None and not key.rule.holds(result):
        raise ConfigError(f"{origin}: {key.path} is {value!r}; expected {key.rule.text}")
    if isinstance(result, Path):
        return base / result.expanduser()
    return result


def _from_toml(kind: Any, value: Any) -> Any:
    """The value in its own type, or None when TOML gave another one."""
    if kind == tuple[str, ...]:
        is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return tuple(value) if is_list else None
    if kind in (Path, Path | None):
        return Path(value) if isinstance(value, str) and value else None
    return value if type(value) is kind else None


def _from_text(kind: Any, text: str) -> Any:
    if kind is int:
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else None
    if kind is bool:
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
            text.lower()
        )
    if kind == tuple[str, ...]:
        return tuple(each.strip() for each in text.split(",") if each.strip())
    return _from_toml(kind, text)


def _build(section: type, prefix: str, values: Mapping[str, Any]) -> Any:
    kinds = get_type_hints(section)
    made = {}
    for each in dataclasses.fields(section):
        path = f"{prefix}{each.name}"
        made[each.name] = (
            values[path] if path in values else _build(kinds[each.name], f"{path}.", values)
        )
    return section(**made)
