"""What one bridge process needs to know; `tertulia bridge` makes it from its options."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tertulia.bridge.addresses import Address
from tertulia.bridge.channel_server import ChannelLimits
from tertulia.bridge.load import LoadLimits
from tertulia.bridge.videobridge import BridgeLimits
from tertulia.public_address import PublicAddress
from tertulia.xmpp.jid import Jid

BREWERY = "jvbbrewery"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """One server that gives us conferences. The address of its breweries follows from `host`."""

    url: str  # wss://host[:port][/path], or xmpp://host[:port]
    password: str
    host: str  # the one host name of the server
    certificate_sha256: str = ""  # the server's certificate, pinned; "" trusts the system's list
    public_netloc: str = ""  # host[:port] of the edge for channels; "" takes `host`
    breweries: tuple[str, ...] = (BREWERY,)

    @property
    def rooms(self) -> tuple[Jid, ...]:
        return tuple(Jid(each, f"internal.auth.{self.host}") for each in self.breweries)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeConfig:
    """What one bridge needs to know."""

    servers: tuple[ServerConfig, ...]  # one at least
    name: str  # its nick in breweries, its server id in channel addresses, its relay id
    media_addresses: tuple[str, ...] = ("127.0.0.1",)  # literal addresses of this machine
    media_port: int = 10000
    advertise: tuple[PublicAddress, ...] = ()
    stun_servers: tuple[tuple[str, int], ...] = ()  # asked for public addresses, again and again
    hides_private: bool = True
    tcp_port: int | None = None  # for media alone; 0 takes any free one
    tcp_public_port: int = 0  # outside of the NAT; 0 is the same
    handover: Path | None = None  # where connections to the HTTPS port are handed over to us
    handover_addresses: tuple[Address, ...] = ()  # the addresses and the port they come to
    channel_address: str = "127.0.0.1"
    channel_port: int = 0
    region: str = ""
    version: str = "0"
    monitor_address: str = "127.0.0.1"  # of the listener for operators
    monitor_port: int | None = 0  # None: no such listener
    rest: bool = False  # COLIBRI2 on it
    publish_interval_s: float = 5.0
    stop_within_s: float = 30.0  # what conferences get to move when the bridge is told to stop
    beacon: Path | None = None  # where a server that was started anew finds us again
    identity: str = ""  # of our program and settings, as the server compares them
    alone_s: float | None = None  # how long we go on without any server; None: for ever
    graceful_within_s: float = (
        24 * 3600.0
    )  # and to end by themselves, when it shuts down gracefully
    receive_buffer_bytes: int = 4 * 1024 * 1024
    limits: BridgeLimits = field(default_factory=BridgeLimits)
    load_limits: LoadLimits = field(default_factory=LoadLimits)
    sheds_load: bool = False  # by sending everybody fewer videos
    channel_limits: ChannelLimits = field(default_factory=ChannelLimits)
