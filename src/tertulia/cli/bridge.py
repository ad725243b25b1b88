"""tertulia bridge: run one bridge on its own; it logs in at its servers and serves their meetings.

`tertulia serve` starts its own bridge with exactly this command. The order of starts does not
matter: the bridge keeps trying until a server is there. Of several servers none knows of the
others, and what happens to one is no matter to the meetings of another.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from tertulia import bridge_secret, machine
from tertulia.errors import ConfigError
from tertulia.public_address import PublicAddress, split_port
from tertulia.setting_rules import ADDRESS, ADVERTISED, BRIDGE_NAME, HOST, PORT, SERVERS, Rule

if TYPE_CHECKING:
    from tertulia.bridge.settings import ServerConfig

SCHEMES = ("https", "wss", "xmpp")
STUN_PORT = 3478  # RFC 8489 §6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--name", required=True, help="name in the brewery, unique among all bridges")
    for option, metavar, meaning in (
        ("--server", "URL", "https://HOST[:PORT], or xmpp://HOST:PORT; may be repeated"),
        ("--secret-file", "FILE", "the server's secret file; as for the next two: one for each"),
        ("--host", "NAME", "the server's host setting (default: the host in --server)"),
        ("--public-netloc", "HOST:PORT", "the address people know the server by"),
        ("--brewery", "ROOM", "room of the bridges (default: jvbbrewery); may be repeated"),
    ):
        is_needed = option in ("--server", "--secret-file")
        add(option, action="append", default=[], metavar=metavar, help=meaning, required=is_needed)
    add("--region", default="", help="compared with the regions of participants")
    add("--media-port", default="10000", metavar="PORT", help="UDP port (default: 10000, 0: any)")
    add(
        "--media-address",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="local address to send media from; may be repeated (default: all of this machine's)",
    )
    add(
        "--advertise",
        action="append",
        default=[],
        metavar="[LOCAL=]PUBLIC[:PORT]",
        help="behind NAT: a public address to tell clients; may be repeated",
    )
    add(
        "--stun",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="behind NAT: a STUN server to ask for the public address; may be repeated",
    )
    add(
        "--tell-private",
        action="store_true",
        help="tell clients private addresses although a public one is known",
    )
    add("--tcp-port", default="", metavar="PORT", help="TCP port for media (default: none, 0: any)")
    add("--tcp-public-port", default="0", metavar="PORT", help="behind NAT: that port outside")
    add("--handover", type=Path, metavar="SOCKET", help="where the server gives us connections")
    add(
        "--handover-address",
        action="append",
        default=[],
        metavar="ADDRESS:PORT",
        help="where those connections come to; may be repeated",
    )
    add(
        "--channel-address",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where the server reaches our bridge channels (default: 127.0.0.1)",
    )
    add("--channel-port", default="0", metavar="PORT", help="its TCP port (default: any free one)")
    add(
        "--monitor-address",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where the operator's pages are served (default: 127.0.0.1)",
    )
    add(
        "--monitor-port",
        default="8080",
        metavar="PORT",
        help="their TCP port (default: 8080; 0: any free one, none: no such pages)",
    )
    add(
        "--stop-within",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="what meetings get to move elsewhere when it is told to stop (default: 30)",
    )
    add(
        "--beacon",
        type=Path,
        metavar="SOCKET",
        help="where a server that was started anew finds us again, to supervise us",
    )
    add("--identity", default="", metavar="TEXT", help="what we tell it there of our settings")
    add(
        "--end-alone-after",
        type=float,
        metavar="SECONDS",
        help="end when no server was there for so long (default: never)",
    )
    add("--max-conferences", type=int, default=1000, metavar="N", help="most meetings")
    add("--max-endpoints", type=int, default=2000, metavar="N", help="most people, over all")
    add("--max-memory", type=int, default=3072, metavar="MIB", help="then it takes nobody more")
    add(
        "--max-stress",
        type=float,
        default=1.0,
        metavar="X",
        help="no new meetings over this load; 1 is all a thread can do (default: 1)",
    )
    add("--loudest-voices", type=_count, default=0, metavar="N", help="forwarded (default: 0, all)")
    add(
        "--silence-after", type=_count, default=0, metavar="S", help="tell clients (default: never)"
    )
    add("--shed-load", action="store_true", help="send fewer videos when there is too much to do")
    add("--rest", action="store_true", help="take COLIBRI2 as JSON on the pages for operators")
    add("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    add("--log-format", default="logfmt", choices=["logfmt", "json"])


def run(args: argparse.Namespace) -> int:
    urls = list(map(_server_url, args.server))
    require("--name", args.name, BRIDGE_NAME)
    for address in args.media_address:
        require("--media-address", address, ADDRESS)
    for option, values, rule in (
        ("--advertise", args.advertise, ADVERTISED),
        ("--stun", args.stun, SERVERS),
        ("--handover-address", args.handover_address, SERVERS),
    ):
        for value in values:
            require(option, (value,), rule)
    require("--channel-address", args.channel_address, ADDRESS)
    media_port, channel_port = port("--media-port", args), port("--channel-port", args)
    require("--monitor-address", args.monitor_address, ADDRESS)
    monitor_port = None if args.monitor_port == "none" else port("--monitor-port", args)
    tcp_port = port("--tcp-port", args) if args.tcp_port else None
    tcp_public_port = port("--tcp-public-port", args)
    servers = _servers(args, urls)

    # Imported here: the other commands start without them.
    machine.rest_the_collector()
    import uvloop  # noqa: PLC0415

    from tertulia import __version__, logs  # noqa: PLC0415
    from tertulia.bridge import service  # noqa: PLC0415
    from tertulia.bridge.conference_limits import ConferenceLimits  # noqa: PLC0415
    from tertulia.bridge.settings import BridgeConfig  # noqa: PLC0415
    from tertulia.bridge.speech import SpeechPolicy  # noqa: PLC0415
    from tertulia.bridge.videobridge import BridgeLimits  # noqa: PLC0415

    # A server on this machine may have people on it who know no other address.
    hosts = [each.host for each in servers]
    nearest = next(filter(machine.is_this_machine, hosts), hosts[0])
    logs.set_up(args.log_level, args.log_format, f"bridge-{args.name}")
    config = BridgeConfig(
        servers=servers,
        name=args.name,
        media_addresses=machine.media_addresses(args.media_address, nearest),
        media_port=media_port,
        advertise=tuple(map(PublicAddress.parse, args.advertise)),
        stun_servers=tuple(_server(each) for each in args.stun),
        hides_private=not args.tell_private,
        tcp_port=tcp_port,
        tcp_public_port=tcp_public_port,
        handover=args.handover,
        handover_addresses=tuple(map(split_port, args.handover_address)),
        channel_address=args.channel_address,
        channel_port=channel_port,
        region=args.region,
        version=__version__,
        monitor_address=args.monitor_address,
        monitor_port=monitor_port,
        stop_within_s=args.stop_within,
        beacon=args.beacon,
        identity=args.identity,
        alone_s=args.end_alone_after,
        limits=BridgeLimits(
            max_conferences=args.max_conferences,
            max_endpoints=args.max_endpoints,
            max_stress=args.max_stress,
            max_memory_mib=args.max_memory,
            conference=ConferenceLimits(
                speech=SpeechPolicy(
                    loudest=args.loudest_voices, silence_after_s=float(args.silence_after)
                )
            ),
        ),
        sheds_load=args.shed_load,
        rest=args.rest,
    )
    machine.raise_open_files_limit()
    machine.spare_the_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(service.run(config))
    return 0


def _server_url(text: str) -> SplitResult:
    url = urlsplit(text)
    if url.scheme not in SCHEMES or not url.hostname:
        raise ConfigError(f"--server {text} is no server; write https://HOST:PORT")
    # By https the server is named by the address of its pages.
    return url._replace(scheme="wss") if url.scheme == "https" else url


def _servers(args: argparse.Namespace, urls: Sequence[SplitResult]) -> tuple[ServerConfig, ...]:
    """The servers, each with what belongs to it. Raises: ConfigError."""
    from tertulia.bridge.settings import BREWERY, ServerConfig  # noqa: PLC0415  # as above

    files = _for_each(urls, "--secret-file", args.secret_file)
    hosts = _for_each(urls, "--host", args.host)
    netlocs = _for_each(urls, "--public-netloc", args.public_netloc)
    breweries = tuple(dict.fromkeys(args.brewery)) or (BREWERY,)
    for room in breweries:
        require("--brewery", room, BRIDGE_NAME)
    for text in args.server:
        if args.server.count(text) > 1:
            raise ConfigError(f"--server {text} is named twice; name each once")
    servers = []
    for url, file, host, netloc in zip(urls, files, hosts, netlocs, strict=True):
        secret = bridge_secret.read(Path(file))
        servers.append(
            ServerConfig(
                url=url.geturl(),
                password=secret.password,
                host=require("--host", host or url.hostname or "", HOST),
                certificate_sha256=secret.fingerprint or "",
                public_netloc=netloc,
                breweries=breweries,
            )
        )
    return tuple(servers)


def _for_each(servers: Sequence[object], option: str, values: Sequence[str]) -> Sequence[str]:
    """One value for each server; "" where the option is not given, the same if it is given once."""
    if len(values) <= 1:
        return [*values, ""][:1] * len(servers)
    if len(values) != len(servers):
        raise ConfigError(
            f"{option} is given {len(values)} times for {len(servers)} servers; "
            "give it once for each --server, in the same order"
        )
    return values


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: expected a number of at least 0")
    return int(text)


def _server(text: str) -> tuple[str, int]:
    host, port = split_port(text)
    return host, port or STUN_PORT


def require(option: str, value: object, rule: Rule) -> str:
    """The value, if it does. Raises: ConfigError naming the option and what would do."""
    if not rule.holds(value):
        raise ConfigError(f"{option} {value}: expected {rule.text}")
    return str(value)


def port(option: str, args: argparse.Namespace) -> int:
    text = getattr(args, option.removeprefix("--").replace("-", "_"))
    if not text.isdecimal() or not PORT.holds(int(text)):
        raise ConfigError(f"{option} {text}: expected {PORT.text}")
    return int(text)
