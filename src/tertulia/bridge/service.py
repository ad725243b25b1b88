"""A bridge as a process: the engine, the channel listener, and a seat in the brewery.

It keeps logging in until the server is there, and again whenever the connection is lost; running
conferences go on meanwhile. SIGTERM ends it: it says so, gives conferences a moment to move, and
leaves.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from tertulia import _engine
from tertulia.bridge.channel_server import ChannelLimits, ChannelServer
from tertulia.bridge.downlink import PathReport
from tertulia.bridge.engine_events import dispatch_all
from tertulia.bridge.engine_media import EngineMedia
from tertulia.bridge.requests import Requests
from tertulia.bridge.stats import Identity, Statistics, element
from tertulia.bridge.videobridge import BridgeLimits, Videobridge
from tertulia.errors import ConfigError
from tertulia.xmpp import ns as NS
from tertulia.xmpp.client import XmppClient
from tertulia.xmpp.errors import LoginFailed, StreamError
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import address, read_error
from tertulia.xmpp.trust import Trust
from tertulia.xmpp.xml import Element

log = logging.getLogger("tertulia.bridge")

BRIDGE_ACCOUNT = "bridge"
FOCUS_NICK = "focus"


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeConfig:
    """What one bridge needs to know. The address of the brewery follows from `host`."""

    server: str  # wss://host[:port][/path], or xmpp://host[:port]
    name: str  # its nick in the brewery, its server id in channel addresses, its relay id
    password: str
    host: str  # the one host name of the server
    certificate_sha256: str = ""  # the server's certificate, pinned; "" trusts the system's list
    media_addresses: tuple[str, ...] = ("127.0.0.1",)  # literal addresses of this machine
    media_port: int = 10000
    advertise: tuple[tuple[str, str], ...] = ()  # (local, public)
    channel_address: str = "127.0.0.1"
    channel_port: int = 0
    public_netloc: str = ""  # host[:port] of the edge for channels; "" takes `host`
    region: str = ""
    version: str = "0"
    publish_interval_s: float = 5.0
    move_away_s: float = 1.0  # what conferences get to move when the bridge stops
    receive_buffer_bytes: int = 4 * 1024 * 1024
    limits: BridgeLimits = field(default_factory=BridgeLimits)
    channel_limits: ChannelLimits = field(default_factory=ChannelLimits)

    @property
    def brewery(self) -> Jid:
        return Jid("jvbbrewery", f"internal.auth.{self.host}")


async def run(config: BridgeConfig) -> None:
    """Be a bridge until SIGTERM or SIGINT. Raises: ConfigError when an address cannot be bound."""
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    await serve(config, told_to_stop)


async def serve(config: BridgeConfig, told_to_stop: asyncio.Event) -> None:
    """As `run`, until the event is set."""
    loop = asyncio.get_running_loop()
    engine = _open_engine(config)
    try:
        bridge = Videobridge(
            EngineMedia(engine, config.advertise),
            server_id=config.name,
            public_netloc=config.public_netloc or config.host,
            limits=config.limits,
        )
        channels = ChannelServer(bridge, loop.time, config.channel_limits)
        try:
            url = await _listen(config, channels)
            seat = _Seat(config, bridge, engine, url)
            loop.add_reader(engine.fileno(), _take_events, engine, bridge)
            work = [
                loop.create_task(_every(0.1, lambda: bridge.tick(loop.time()))),
                loop.create_task(_every(0.5, lambda: _check_activity(engine, bridge))),
                loop.create_task(seat.keep()),
            ]
            stopping = loop.create_task(told_to_stop.wait())
            done, _ = await asyncio.wait((*work, stopping), return_when=asyncio.FIRST_COMPLETED)
            for task in (*work, stopping):
                if task in done and task is not stopping:
                    task.result()  # a bug ends the process; the supervisor starts it anew
            log.info("Stopping: endpoints=%d", bridge.endpoints)
            await seat.leave()
            for task in (*work, stopping):
                task.cancel()
            await asyncio.gather(*work, stopping, return_exceptions=True)
            loop.remove_reader(engine.fileno())
            bridge.close(loop.time())
        finally:
            await channels.stop()
    finally:
        engine.close()


def _open_engine(config: BridgeConfig) -> _engine.Engine:
    bind = [(address, config.media_port) for address in config.media_addresses]
    try:
        engine = _engine.Engine(
            bind, advertise=config.advertise, receive_buffer_bytes=config.receive_buffer_bytes
        )
    except OSError as error:
        raise ConfigError(
            f"--media-port {config.media_port}: {error}; name a free UDP port, or 0 for any"
        ) from None
    log.info("Media sockets: %s", ", ".join(f"{host}:{port}" for host, port in engine.addresses))
    return engine


async def _listen(config: BridgeConfig, channels: ChannelServer) -> str:
    try:
        port = await channels.start(config.channel_address, config.channel_port)
    except OSError as error:
        raise ConfigError(f"--channel-port {config.channel_port}: {error}") from None
    host = f"[{config.channel_address}]" if ":" in config.channel_address else ""
    return f"http://{host or config.channel_address}:{port}"


async def _every(interval_s: float, do: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(interval_s)
        do()


def _take_events(engine: _engine.Engine, bridge: Videobridge) -> None:
    dispatch_all(bridge, engine.take_events(), asyncio.get_running_loop().time())


def _check_activity(engine: _engine.Engine, bridge: Videobridge) -> None:
    if not bridge.conferences:
        return
    now = asyncio.get_running_loop().time()
    endpoints = engine.stats().endpoints
    idle_s = {
        each.endpoint: each.idle_ms / 1000 if each.packets_received else None for each in endpoints
    }
    bridge.check_activity(idle_s, now)
    bridge.observe_paths(
        {each.endpoint: PathReport(each.rtt_ms, each.loss_out) for each in endpoints}, now
    )


class _Left(Exception):
    """The seat in the brewery is gone; the message says why."""


class _Seat:
    """The bridge's place in the brewery: logged in, joined, statistics published."""

    def __init__(
        self, config: BridgeConfig, bridge: Videobridge, engine: _engine.Engine, channel_url: str
    ) -> None:
        self._config = config
        self._bridge = bridge
        self._engine = engine
        self._statistics = Statistics(
            Identity(config.name, config.version, config.region, channel_url)
        )
        self._occupant = config.brewery.with_resource(config.name)
        focus = config.brewery.with_resource(FOCUS_NICK)
        self._requests = Requests(bridge, focus, config.version, asyncio.get_running_loop().time)
        self._client: XmppClient | None = None
        self._joined: asyncio.Future[None] | None = None
        self._lost = asyncio.Event()
        self._is_leaving = False

    async def keep(self) -> None:
        """Log in and publish for ever, whatever happens to the connection."""
        delay_s = 0.25
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._sit()
            except (OSError, LoginFailed, StreamError, _Left) as error:
                log.warning("Not in the brewery: server=%s reason=%s", self._config.server, error)
            if asyncio.get_running_loop().time() - began > 30.0:
                delay_s = 0.25
            await asyncio.sleep(delay_s * (0.75 + secrets.randbelow(500) / 1000))
            delay_s = min(delay_s * 2, 10.0)

    async def _sit(self) -> None:
        config = self._config
        loop = asyncio.get_running_loop()
        self._joined = loop.create_future()
        self._lost.clear()
        client = self._client = XmppClient(self._receive)
        trust = (
            Trust.pinned(config.certificate_sha256) if config.certificate_sha256 else Trust.system()
        )
        try:
            await client.connect(
                config.server,
                domain=f"auth.{config.host}",
                user=BRIDGE_ACCOUNT,
                password=config.password,
                # Not the name: a second bridge of that name shall be told so, not push us out.
                resource=f"{config.name}-{secrets.token_hex(4)}",
                trust=trust,
            )
            self._publish(Element("x", ns=NS.MUC))
            try:
                async with asyncio.timeout(10.0):
                    await self._joined
            except TimeoutError:
                raise _Left(f"{config.brewery} does not answer") from None
            log.info("Joined MUC: %s", config.brewery)
            await self._publish_while_there(client)
        finally:
            self._client = None
            await client.close()

    async def _publish_while_there(self, client: XmppClient) -> None:
        while True:
            lost = asyncio.ensure_future(self._lost.wait())
            done, _ = await asyncio.wait(
                (client.closed, lost),
                timeout=self._config.publish_interval_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            lost.cancel()
            if client.closed in done:
                raise _Left(client.closed.result())
            if done:
                raise _Left("removed from the room")
            if not self._is_leaving:
                self._publish()

    async def leave(self) -> None:
        """Say that we stop, let the focus move conferences away, and go."""
        self._is_leaving = True
        self._bridge.in_graceful_shutdown = True
        loop = asyncio.get_running_loop()
        self._publish()
        until = loop.time() + self._config.move_away_s
        while (  # noqa: ASYNC110  # at most `move_away_s`, once in a process' life
            self._bridge.endpoints and self._client is not None and loop.time() < until
        ):
            await asyncio.sleep(0.05)
        self._presence("unavailable")

    # -- stanzas

    def _receive(self, stanza: Element) -> None:
        if stanza.name == "iq" and stanza.get("type") in ("get", "set"):
            answer = self._requests.answer(stanza)
            if answer is not None and self._client is not None:
                self._client.send(answer)
        elif stanza.name == "presence" and address(stanza.get("from")) == self._occupant:
            self._own_presence(stanza)

    def _own_presence(self, presence: Element) -> None:
        kind = presence.get("type")
        joined = self._joined
        if joined is None:
            return
        if kind == "error":
            error = read_error(presence)
            reason = f"the room refuses us: {error}"
            if error.condition == "conflict":
                reason = f"another bridge is named {self._config.name}; names must be unique"
            if not joined.done():
                joined.set_exception(_Left(reason))
        elif kind == "unavailable":
            self._lost.set()
        elif not joined.done():
            joined.set_result(None)

    def _publish(self, *children: Element) -> None:
        stats = self._engine.stats()
        values = self._statistics.collect(
            self._bridge,
            stats,
            list(stats.endpoints),
            now=asyncio.get_running_loop().time(),
            is_shutting_down=self._is_leaving,
        )
        self._presence("", *children, element(values))

    def _presence(self, kind: str, *children: Element) -> None:
        if self._client is None:
            return
        attrs = {"to": str(self._occupant)} | ({"type": kind} if kind else {})
        self._client.send(Element("presence", attrs, *children, ns=NS.CLIENT))
