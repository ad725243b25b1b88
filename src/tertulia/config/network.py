"""Sections of the configuration: addresses and ports, and what media does on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tertulia.config.declaring import key
from tertulia.setting_rules import (
    ADDRESS,
    ADDRESSES,
    ADVERTISED,
    HOURS,
    ICE_SERVERS,
    LISTEN,
    NUMBER,
    PORT,
    SAME_PORT,
    SERVERS,
    SOME_PORT,
    one_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    listen: tuple[str, ...] = key(
        ("0.0.0.0", "::"),  # noqa: S104  # a server for others listens everywhere by default
        "Addresses on which pages, signalling and bridge channels are served.",
        LISTEN,
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
class P2p:
    enabled: bool = key(True, "Let two participants send media to each other directly.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    enabled: bool = key(True, "Serve pages for operators: health, version, metrics.")
    listen: str = key(
        "127.0.0.1", "Address of these pages; nobody is asked who they are there.", ADDRESS
    )
    port: int = key(8888, "TCP port of the control process' pages.", PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    level: str = key(
        "info", "Least severe lines shown.", one_of("debug", "info", "warning", "error")
    )
    format: str = key("logfmt", "Form of the lines on standard error.", one_of("logfmt", "json"))
