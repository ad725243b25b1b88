"""From the settings of a Jitsi installation to a tertulia.toml, with a word on what is left."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tertulia.config import keys
from tertulia.jitsi_settings.entry import Entry
from tertulia.jitsi_settings.meanings import Ours, Part, Unfit, Value, meaning
from tertulia.public_address import is_private, with_port

# Values of such keys are never shown.
_SECRET = re.compile(r"SECRET|PASSWORD|PASSWD|CREDENTIAL|TOKEN|PRIVATE_KEY", re.IGNORECASE)
_COMPONENT = frozenset({"JVB_HOSTNAME", "JVB_SECRET", "JVB_OPTS"})
_HERE = frozenset({"localhost", "127.0.0.1", "::1", "xmpp.meet.jitsi"})
_TURN_SECRET_FILE = "turn.secret"  # noqa: S105  # a file's name
_SHOWN = 80
_USUAL = frozenset({"", "jvbbrewery"})
_REFERS = re.compile(r"\$[{(A-Za-z_]|`")


@dataclass(slots=True)
class Translation:
    values: dict[str, tuple[Value, str]] = field(default_factory=dict)  # key -> value, from where
    unneeded: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)  # what worked there and does not here
    by_hand: list[str] = field(default_factory=list)

    def toml(self) -> str:
        """The configuration, with what is left as comments; `tertulia config check` accepts it."""
        lines: list[str] = []
        section = ""
        for each in keys():
            if each.path not in self.values:
                continue
            here, _, name = each.path.rpartition(".")
            if here != section:
                section = here
                lines += ["", f"[{section}]"]
            value, place = self.values[each.path]
            lines.append(f"{name} = {_toml(value)}  # {_comment(place)}")
        for title, notes in (
            ("To do by hand:", self.by_hand),
            ("Not here, or in another way:", self.missed),
            ("Not needed:", self.unneeded),
        ):
            if notes:
                lines += ["", f"# {title}", *(f"# - {_comment(note)}" for note in notes)]
        return "\n".join(lines).lstrip("\n") + "\n"


def translate(entries: Iterable[Entry]) -> Translation:
    """What the settings, in the order of their files, mean here. Of two files that disagree
    the first counts."""
    found = Translation()
    parts: dict[str, list[Entry]] = {"told": [], "nat": [], "shard": [], "turn": []}
    # In each file the last line with a key counts.
    last = {(e.file, e.line if e.key == "include" else e.key): e for e in entries}
    all_of_them = list(last.values())
    components = {each.file for each in all_of_them if each.key in _COMPONENT}
    for entry in all_of_them:
        key = entry.key
        if key == "JVB_PORT" and entry.file in components:
            key = "component JVB_PORT"  # in containers it is the port of media
        if _REFERS.search(entry.value):
            found.by_hand.append(f"{_named(entry)}: what it refers to is not known here")
            continue
        try:
            meant = meaning(key, entry.value)
        except Unfit as error:
            found.by_hand.append(f"{_named(entry)}: expected {error}")
            continue
        if isinstance(meant, Ours):
            _put(found, meant.key, meant.value, entry)
        elif isinstance(meant, Part):
            parts[meant.of].append(entry)
        else:
            (found.missed if meant.is_missed else found.unneeded).append(
                f"{_named(entry)}: {meant.text}"
            )
    for entry in parts["told"]:
        _told(found, entry)
    _nat(found, parts["nat"])
    _shards(found, parts["shard"])
    _turn(found, parts["turn"])
    return found


def _put(found: Translation, key: str, value: Value, entry: Entry) -> None:
    known = {each.path: each for each in keys()}[key]
    if known.rule is not None and not known.rule.holds(value):
        found.by_hand.append(f"{_named(entry)}: {key} expects {known.rule.text}")
        return
    before = found.values.setdefault(key, (value, f"{entry.place} {entry.key}"))
    if before[0] != value:
        found.by_hand.append(f"{_named(entry)}: differs from {before[1]}, which was taken")


def _told(found: Translation, entry: Entry) -> None:
    """Addresses to tell clients, `ADDRESS#PORT` perhaps; our private ones are known without."""
    public = []
    for each in filter(None, map(str.strip, entry.value.split(","))):
        address, _, port = each.partition("#")
        try:
            if is_private(address):
                _put(found, "media.hide_private", False, entry)
                continue
        except ValueError:
            found.by_hand.append(f"{_named(entry)}: {address} is no address")
            continue
        public.append(with_port(address, int(port)) if port.isdecimal() else address)
    if public:
        _put(found, "media.advertise", tuple(public), entry)


def _nat(found: Translation, entries: Sequence[Entry]) -> None:
    """Private and public addresses; those that belong together stand behind each other."""
    pairs: list[dict[str, Entry]] = []
    for entry in entries:
        side = "local" if "local" in entry.key.lower() else "public"
        if not pairs or side in pairs[-1]:
            pairs.append({})
        pairs[-1][side] = entry
    advertised = []
    for pair in pairs:
        if "public" not in pair:
            found.by_hand.append(f"{_named(pair['local'])}: a public address belongs to it")
            continue
        public = pair["public"].value
        local = pair["local"].value if "local" in pair else ""
        advertised.append(f"{local}={public}" if local else public)
    if advertised:
        last = next(each for each in reversed(entries) if "public" in each.key.lower())
        whole = dataclasses.replace(last, value=",".join(advertised))
        _put(found, "media.advertise", tuple(advertised), whole)


def _shards(found: Translation, entries: Sequence[Entry]) -> None:
    """The servers that a bridge logs in at: our own is found by itself, others by options."""
    servers: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        prefix, _, name = entry.key.rpartition(".")
        servers.setdefault(prefix, {})[name.lower().replace("-", "_")] = entry
    for facts in servers.values():
        for name, entry in facts.items():
            if name in ("muc_nickname", "domain"):
                continue
            text = "the server's own bridge finds it and is trusted by itself"
            found.unneeded.append(f"{_named(entry)}: {text}")
        if "muc_nickname" in facts:
            _put(found, "bridge.name", facts["muc_nickname"].value, facts["muc_nickname"])
        if "domain" in facts:
            host = facts["domain"].value.lower().removeprefix("auth.")
            _put(found, "host", host, facts["domain"])
    commands = [command for facts in servers.values() if (command := _elsewhere(facts))]
    if commands:
        named = (
            facts["muc_nickname"].value for facts in servers.values() if "muc_nickname" in facts
        )
        name = shlex.quote(next(named, "br1"))
        found.by_hand.append(
            "a bridge on a machine of its own, bridge.secret copied from each server: "
            f"tertulia bridge --name {name} {' '.join(commands)} --secret-file bridge.secret"
        )


def _elsewhere(facts: Mapping[str, Entry]) -> str:
    """The options for one server; "" when it is this machine."""
    address = facts["hostname"].value if "hostname" in facts else ""
    if not address or address in _HERE:
        return ""
    host = facts["domain"].value.removeprefix("auth.") if "domain" in facts else address
    rooms = facts["muc_jids"].value.split(",") if "muc_jids" in facts else []
    names = [each.strip().partition("@")[0] for each in rooms]
    breweries = "".join(
        f" --brewery {shlex.quote(name)}" for name in names if name not in ("", "jvbbrewery")
    )
    server = shlex.quote(f"https://{address}")
    return f"--server {server} --host {shlex.quote(host)}{breweries}"


def _turn(found: Translation, entries: Sequence[Entry]) -> None:
    values = {entry.key: entry for entry in entries}
    servers = []
    for scheme, prefix, usual in (("turns", "TURNS", "443"), ("turn", "TURN", "3478")):
        host = values.get(f"{prefix}_HOST")
        if host is None or not host.value:
            continue
        port = values.get(f"{prefix}_PORT")
        servers.append(f"{scheme}:{host.value}:{port.value if port and port.value else usual}")
    secret = values.get("TURN_CREDENTIALS")
    if not servers or secret is None:
        text = "needs TURNS_HOST or TURN_HOST, and TURN_CREDENTIALS"
        found.by_hand += [f"{_named(entry)}: {text}" for entry in entries]
        return
    first = next(entry for entry in entries if entry.key.endswith("_HOST") and entry.value)
    _put(found, "turn.servers", tuple(servers), first)
    if "turn.servers" in found.values:
        found.values["turn.secret_file"] = (_TURN_SECRET_FILE, f"{secret.place} {secret.key}")
        found.by_hand.append(
            f"{secret.place} {secret.key}: write its value into {_TURN_SECRET_FILE} beside the "
            "configuration, readable by the server alone"
        )


def _named(entry: Entry) -> str:
    if _SECRET.search(entry.key) or _SECRET.search(entry.value):
        return f"{entry.place} {entry.key}"
    value = entry.value if len(entry.value) <= _SHOWN else entry.value[:_SHOWN] + "..."
    return f"{entry.place} {entry.key}={value}"


def _comment(text: str) -> str:
    """Text of others inside one comment of TOML: no line ends, nothing that is not printed."""
    return "".join(char if char.isprintable() else " " for char in text)


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A string of JSON is one of TOML, as long as nothing is escaped in two halves.
    return json.dumps(value, ensure_ascii=False)
