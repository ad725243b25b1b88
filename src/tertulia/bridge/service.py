"""A bridge as a process: the engine, the channel listener, its seats in breweries, the operator's
pages.

Running conferences go on while their server is away; one that was started anew finds the process by
its beacon. SIGTERM ends the process: it says so, gives
conferences the time to move, and leaves; a second signal makes it leave at once.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from tertulia import _engine
from tertulia.adoption import Beacon, Report
from tertulia.bridge import debug_pages, rest
from tertulia.bridge.addresses import Address, Addresses
from tertulia.bridge.asking import Asking
from tertulia.bridge.channel_server import ChannelServer
from tertulia.bridge.downlink import PathReport
from tertulia.bridge.engine_events import dispatch_all
from tertulia.bridge.engine_media import EngineMedia
from tertulia.bridge.load_reducer import LoadReducer
from tertulia.bridge.monitor import pages
from tertulia.bridge.pulse import Duty, Pulse
from tertulia.bridge.reachability import Reachability
from tertulia.bridge.seats import Seats
from tertulia.bridge.settings import BridgeConfig
from tertulia.bridge.stats import Identity
from tertulia.bridge.videobridge import Videobridge
from tertulia.bridge.watch import Watch
from tertulia.errors import ConfigError
from tertulia.monitoring import Listener
from tertulia.public_address import with_port

log = logging.getLogger("tertulia.bridge")

_TICK_S = 0.1
_LOOK_ALONE_S = 0.5
_LOOK_S = 0.05  # for the last endpoint to have gone, while closing


async def run(config: BridgeConfig) -> None:
    """Be a bridge until SIGTERM or SIGINT. Raises: ConfigError when an address cannot be bound."""
    told_to_stop, told_again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        (told_again if told_to_stop.is_set() else told_to_stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    await serve(config, told_to_stop, told_again)


async def serve(
    config: BridgeConfig, told_to_stop: asyncio.Event, told_again: asyncio.Event | None = None
) -> None:
    """As `run`, until `told_to_stop` is set and the conferences have moved, or `told_again`."""
    loop = asyncio.get_running_loop()
    engine = _open_engine(config)
    try:
        media = EngineMedia(engine, _addresses(config, engine))
        media.addresses.check()
        asking = Asking(media, config.stun_servers)
        await asking.ask()
        log.info("Clients are told: %s", media.addresses)
        bridge = Videobridge(
            media,
            server_id=config.name,
            public_netloc=config.servers[0].public_netloc or config.servers[0].host,
            limits=config.limits,
        )
        reachability = Reachability()
        channels = ChannelServer(bridge, loop.time, config.channel_limits)
        try:
            url = await _listen(config, channels)
            identity = Identity(config.name, config.version, config.region, url)
            watch = Watch(bridge, engine, identity, load_limits=config.load_limits)
            more = debug_pages.routes(bridge, engine.stats, loop.time)
            more += rest.routes(bridge, loop.time) if config.rest else []
            monitor = Listener(pages(watch, config.version, more))
            if config.monitor_port is not None:
                await monitor.start(config.monitor_address, config.monitor_port)
            beside = [
                loop.create_task(asking.keep()),
                loop.create_task(_every(2.0, lambda: _check_reachable(media, reachability))),
            ]
            try:
                again = told_again or asyncio.Event()
                await _work(config, watch, engine, told_to_stop, again, beside=beside)
            finally:
                await monitor.stop()
            bridge.close(loop.time())
        finally:
            await channels.stop()
    finally:
        engine.close()


async def _work(
    config: BridgeConfig,
    watch: Watch,
    engine: _engine.Engine,
    told_to_stop: asyncio.Event,
    told_again: asyncio.Event,
    *,
    beside: list[asyncio.Task[None]],
) -> None:
    """Run until the end; `beside` are tasks that run as long."""
    loop = asyncio.get_running_loop()
    bridge = watch.bridge
    seats = Seats(config, watch)
    watch.refresh(loop.time())
    watch.changed = seats.publish
    reducer = LoadReducer()

    def look() -> None:
        watch.refresh(loop.time())
        if config.sheds_load:
            most = bridge.most_forwarded
            bridge.forward_at_most(reducer.observe(bridge.stress, most, loop.time()), loop.time())
        seats.publish()

    pulse = Pulse(
        (
            Duty(_TICK_S, lambda: bridge.tick(loop.time())),
            Duty(0.5, lambda: _check_activity(engine, bridge, seats)),
            Duty(config.publish_interval_s, look),
        ),
        watch.lagged,
    )

    def take_events() -> None:
        dispatch_all(bridge, engine.take_events(), loop.time())
        pulse.reported()
        _report_lost(bridge, seats)

    loop.add_reader(engine.fileno(), take_events)
    beacon = _light(config, bridge, seats)
    work = [
        loop.create_task(pulse.keep()),
        loop.create_task(seats.keep()),
        *beside,
    ]
    if config.alone_s is not None:
        work.append(loop.create_task(_until_alone(seats, config.alone_s, told_to_stop)))
    ending = loop.create_task(_until_ended(config, watch, seats, told_to_stop, told_again))
    try:
        done, _ = await asyncio.wait((*work, ending), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a bug ends the process; the supervisor starts it anew
        seats.leave()
    finally:
        for task in (*work, ending):
            task.cancel()
        await asyncio.gather(*work, ending, return_exceptions=True)
        loop.remove_reader(engine.fileno())
        if beacon is not None:
            beacon.put_out()


def _light(config: BridgeConfig, bridge: Videobridge, seats: Seats) -> Beacon | None:
    """Be found by a server that was started anew, if one looks for us."""
    if config.beacon is None:
        return None

    def report() -> Report:
        return Report(identity=config.identity, people=bridge.endpoints, is_seated=seats.is_joined)

    beacon = Beacon(config.beacon, report, adopted=seats.hurry)
    try:
        beacon.light()
    except OSError as error:
        log.warning("A restarted server will not find us: %s: %s", config.beacon, error)
        return None
    return beacon


async def _until_alone(seats: Seats, within_s: float, told_to_stop: asyncio.Event) -> None:
    """Ask for the end when no server was there for so long: nobody could come or be told."""
    loop = asyncio.get_running_loop()
    seated = loop.time()
    while True:
        await asyncio.sleep(_LOOK_ALONE_S)
        if seats.is_joined:
            seated = loop.time()
        elif loop.time() - seated >= within_s and not told_to_stop.is_set():
            log.warning("No server came back: waited_s=%g", within_s)
            told_to_stop.set()


async def _until_ended(
    config: BridgeConfig,
    watch: Watch,
    seats: Seats,
    told_to_stop: asyncio.Event,
    told_again: asyncio.Event,
) -> None:
    """The way to the end (`bridge.watch`): graceful if that was asked for, then closing."""
    bridge = watch.bridge
    closing = (told_to_stop, watch.closing_asked)
    await _any_of((*closing, watch.graceful_asked))
    if not any(event.is_set() for event in closing):
        log.info("Graceful shutdown: endpoints=%d", bridge.endpoints)
        bridge.in_graceful_shutdown = True
        seats.publish()
        await _any_of(closing, bridge, within_s=config.graceful_within_s)
    log.info("Stopping: endpoints=%d within_s=%g", bridge.endpoints, config.stop_within_s)
    bridge.in_graceful_shutdown = watch.is_closing = True
    seats.publish()
    if seats.is_joined:  # else nobody can move them
        await _any_of((told_again,), bridge, within_s=config.stop_within_s)
    if bridge.endpoints:
        log.warning("Stopped with people on it: endpoints=%d", bridge.endpoints)


async def _any_of(
    events: tuple[asyncio.Event, ...], bridge: Videobridge | None = None, within_s: float = 1e9
) -> None:
    """Wait until one of the events is set, or the bridge is empty, or the time is over."""
    loop = asyncio.get_running_loop()
    if bridge is None:
        waiting = [loop.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return
    until = loop.time() + within_s
    while (  # noqa: ASYNC110  # once in a process' life
        bridge.endpoints and loop.time() < until and not any(event.is_set() for event in events)
    ):
        await asyncio.sleep(_LOOK_S)


def _open_engine(config: BridgeConfig) -> _engine.Engine:
    def bind(port: int | None) -> list[Address]:
        return [] if port is None else [(address, port) for address in config.media_addresses]

    try:
        engine = _engine.Engine(
            bind(config.media_port),
            tcp=bind(config.tcp_port),
            tcp_handover=config.handover,
            receive_buffer_bytes=config.receive_buffer_bytes,
        )
    except OSError as error:
        if str(config.handover) == error.filename:
            raise ConfigError(
                f"{error}: no place for the socket of media over TCP; name a shorter or writable "
                "folder with --data, or set media.tcp = false"
            ) from None
        raise ConfigError(
            f"--media-port {config.media_port}, --tcp-port {config.tcp_port}: {error}; "
            "name free ports"
        ) from None
    sockets = [f"{with_port(*each)}/udp" for each in engine.addresses]
    sockets += [f"{with_port(*each)}/tcp" for each in engine.tcp_addresses]
    log.info("Media sockets: %s", ", ".join(sockets))
    return engine


def _addresses(config: BridgeConfig, engine: _engine.Engine) -> Addresses:
    return Addresses(
        udp=tuple(engine.addresses),
        tcp=(*config.handover_addresses, *engine.tcp_addresses),
        public=config.advertise,
        tcp_public_port=config.tcp_public_port,
        hides_private=config.hides_private,
    )


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


def _report_lost(bridge: Videobridge, seats: Seats) -> None:
    for lost in bridge.take_lost():
        seats.report(lost)


def _check_activity(engine: _engine.Engine, bridge: Videobridge, seats: Seats) -> None:
    if not bridge.conferences:
        return
    now = asyncio.get_running_loop().time()
    endpoints = engine.stats().endpoints
    idle_s = {
        each.endpoint: each.idle_ms / 1000 if each.packets_received else None for each in endpoints
    }
    bridge.check_activity(idle_s, now)
    _report_lost(bridge, seats)
    bridge.observe_paths(
        {each.endpoint: PathReport(each.rtt_ms, each.loss_out) for each in endpoints}, now
    )


def _check_reachable(media: EngineMedia, reachability: Reachability) -> None:
    stats = media.engine.stats()
    reachability.observe(
        ((e.endpoint, e.idle_ms / 1000, e.packets_received) for e in stats.endpoints),
        media.addresses,
    )
