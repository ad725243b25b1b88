"""The control process: the only place that knows which services run and how they fit together.

Read it top to bottom: what is needed before anything runs (ports, certificate, secret), the XMPP
domains of the one host name, the web surface, the bridge we supervise, and how all of it ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from aiohttp import web

from tertulia import (
    administering,
    admitting,
    bridge_secret,
    certificates,
    data_folder,
    machine,
    operators,
    program,
    sharing,
    signing_in,
    turn,
)
from tertulia.accounts.entrance import Who
from tertulia.accounts.following import Following
from tertulia.accounts.links import KID, LinkKey
from tertulia.accounts.tokens import Tokens, foreign_origin
from tertulia.administration.office import Office
from tertulia.admitting import Kept
from tertulia.adoption import Survivor
from tertulia.bridge_secret import BridgeSecret
from tertulia.config import Config
from tertulia.errors import ConfigError
from tertulia.focus.limits import ConferenceLimits
from tertulia.focus.service import Focus
from tertulia.focus.settings import FocusAddresses, FocusSettings
from tertulia.monitoring import Listener
from tertulia.outside_view import who_is_inside
from tertulia.public_address import with_port
from tertulia.rooms.attendance import Attendance
from tertulia.rooms.av_moderation import AvModeration
from tertulia.rooms.bans import Trace
from tertulia.rooms.breakouts import BreakoutRooms
from tertulia.rooms.ending import EndConference
from tertulia.rooms.keeping_chat import KeepingChat
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.lobby import LobbyRooms
from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.parts import Part, Parts
from tertulia.rooms.persons import Persons
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.polls import Polls
from tertulia.rooms.service import RoomService
from tertulia.rooms.speaking import SpeakerStats
from tertulia.storage.errors import StorageUnavailable
from tertulia.supervisor import ChildRefused, supervise
from tertulia.survival.keeper import Keeper
from tertulia.usage.keeping import Keeper as UsageKeeper
from tertulia.usage.part import Usage
from tertulia.web.acceptor import Acceptor, bind
from tertulia.web.app import application
from tertulia.web.client_config import ClientSettings
from tertulia.web.handover import Handover
from tertulia.web.sign_in import SignIn
from tertulia.web.theme import theme_of
from tertulia.xmpp.credentials import Credentials
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Router
from tertulia.xmpp.services import DomainServices, ExternalService
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.transports.bosh import BoshEndpoint
from tertulia.xmpp.transports.pulse import Pulse
from tertulia.xmpp.transports.tcp import TcpListener
from tertulia.xmpp.transports.websocket import WebSocketEndpoint

if TYPE_CHECKING:
    from tertulia.accounts.tables import Tables
    from tertulia.storage.opening import Opened
    from tertulia.usage.table import SqlUsageTable

logger = logging.getLogger("tertulia.server")

_LOOK_EVERY_S = 0.05  # for the bridge to arrive, while starting
_WRITE_S = 2.0  # for what is queued for the database, before another process takes our place


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; SIGUSR2 puts a new process in our place, meetings go on.

    Raises: ConfigError when the start cannot succeed.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(config))


async def _until_told(config: Config) -> None:
    told, replaced = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    loop.add_signal_handler(signal.SIGUSR2, replaced.set)
    waiting = asyncio.create_task(told.wait())
    serving = asyncio.create_task(serve(config, announce, replaced))
    await asyncio.wait((waiting, serving), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    logger.info("Stopped")


def announce(url: str) -> None:
    """The one line on standard output, for people and for whatever started us."""
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()


async def serve(
    config: Config, ready: Callable[[str], None], replaced: asyncio.Event | None = None
) -> None:
    """Run all services until cancelled; `ready` is told the address once a meeting can be held.

    Args:
        replaced: once it is set, this process becomes a new one that goes on with the meetings.
    """
    kept = Kept()
    async with AsyncExitStack() as running:
        running.enter_context(data_folder.claimed(config.data))
        ground = prepare(config)
        xmpp = await running.enter_async_context(signalling(config, ground, kept))
        bridge = asyncio.ensure_future(
            supervised_bridge(config, ground, xmpp.tcp_port)
            if config.bridge.enabled
            else asyncio.Event().wait()
        )
        running.push_async_callback(_ended, bridge)
        # While the bridge starts, which takes longer, and before anybody can come in.
        await running.enter_async_context(storage(config, kept, xmpp.counts))
        await running.enter_async_context(web_surface(config, ground, xmpp, kept))
        await running.enter_async_context(monitoring(config, xmpp))
        starting = asyncio.ensure_future(_meetings_possible(xmpp.focus))
        await asyncio.wait((bridge, starting), return_when=asyncio.FIRST_COMPLETED)
        if not bridge.done():
            ready(f"https://{_netloc(config.host, ground.port)}/")
            for address in machine.own_addresses():
                logger.info("Also reachable at: https://%s/", _netloc(address, ground.port))
        starting.cancel()
        replacing = asyncio.ensure_future(_replaced_by_another(replaced, kept, xmpp))
        running.push_async_callback(_ended, replacing)
        try:
            await bridge
        except ChildRefused as refused:
            raise ConfigError(str(refused)) from None


async def _replaced_by_another(
    told: asyncio.Event | None, kept: Kept, signalling: Signalling
) -> None:
    """Become a new process of the same command. All connections are cut, and no stream is ended:
    to clients it is as if we had been killed, and they come back to their seats."""
    await (told or asyncio.Event()).wait()
    logger.info("A new process takes our place: pid=%d", os.getpid())
    with suppress(TimeoutError):
        async with asyncio.timeout(_WRITE_S):
            await kept.journal.written()
            await signalling.counts.write()
    signalling.keeper.hand_over()
    # Descriptors are closed by it (PEP 446).
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # no shell is wanted


# Before anything runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a start needs from the machine; what is missing is the operator's to mend."""

    listeners: list[socket.socket]  # bound, not listening yet
    tls: ssl.SSLContext  # of the HTTPS port
    xmpp_tls: ssl.SSLContext  # of the TCP port for bridges
    secret_file: Path
    secret: BridgeSecret
    turn: turn.Turn
    tokens: Tokens
    sign_in: SignIn | None  # at the house's own provider
    bridge: Survivor | None  # left by a process of before that was killed

    @property
    def port(self) -> int:
        """The TCP port people use."""
        return int(self.listeners[0].getsockname()[1])


def prepare(config: Config) -> Ground:
    """Ports, certificate and secret. Raises: ConfigError."""
    bridge = Survivor.find(beacon_place(config))
    if bridge is not None and not config.bridge.enabled:
        bridge.terminate()
    if config.bridge.enabled and config.media.port and bridge is None:
        addresses = machine.media_addresses(config.media.addresses, config.host)
        machine.check_udp_port_is_free(addresses, config.media.port, "--media-port")
    if config.http.certificate is not None and config.http.private_key is not None:
        certificate = certificates.given(config.http.certificate, config.http.private_key)
    else:
        names = [config.host, "localhost", machine.own_name(), "127.0.0.1", "::1"]
        certificate = certificates.kept(
            config.data, list(dict.fromkeys([*names, *machine.own_addresses()]))
        )
    tls = certificate.server_context("http/1.1")
    file, secret = bridge_secret.kept(config.data, certificate.fingerprint)
    relays = turn.configured(
        config.turn.servers, config.turn.secret_file, config.turn.lifetime_hours
    )
    links = LinkKey.kept(config.data, config.host)
    tokens = Tokens({KID: links.origin}, foreign_origin(config.tokens, config.host))
    sign_in = signing_in.configured(config, links)
    listeners = bind(config.http.listen, config.http.port, option="--port")
    return Ground(
        listeners=listeners,
        tls=tls,
        xmpp_tls=certificate.server_context("xmpp-client"),
        secret_file=file,
        secret=secret,
        turn=relays,
        tokens=tokens,
        sign_in=sign_in,
        bridge=bridge,
    )


# What outlives the process


@asynccontextmanager
async def storage(config: Config, kept: Kept, counts: UsageKeeper) -> AsyncIterator[None]:
    """Open the database and have `kept` written to it. Raises: ConfigError."""
    # Loading SQLAlchemy takes longer than all of ours: here it costs the start nothing.
    open_storage, tables_of, usage_table_of = await asyncio.to_thread(_sql)
    opened = None
    try:
        opened = await open_storage(config.storage.url, config.data)
        tables = tables_of(opened.database, config.host)
        following = Following(tables, kept.accounts, kept.rooms, kept.logins, config.host)
        await following.load()
    except StorageUnavailable as error:
        if opened is not None:
            await opened.database.close()
        raise ConfigError(f"nothing can be kept: {error}") from None
    tasks = [
        asyncio.create_task(kept.journal.run(opened.journal)),
        asyncio.create_task(following.run()),
        asyncio.create_task(counts.run(usage_table_of(opened.database))),
        asyncio.create_task(sharing.purging(config, kept)),
    ]
    try:
        yield
    finally:
        for each in tasks:
            await _ended(each)
        await opened.database.close()


def _sql() -> tuple[Callable[[str, Path], Awaitable[Opened]], type[Tables], type[SqlUsageTable]]:
    import joserfc.jwt  # noqa: F401, PLC0415  # the first token shall not wait for it

    from tertulia.accounts.tables import Tables  # noqa: PLC0415
    from tertulia.storage.opening import open_storage  # noqa: PLC0415
    from tertulia.usage.table import SqlUsageTable  # noqa: PLC0415

    return open_storage, Tables, SqlUsageTable


# Signalling: the domains derived from the one host name


@dataclass(frozen=True, slots=True)
class Signalling:
    websocket: WebSocketEndpoint
    bosh: BoshEndpoint
    focus: Focus
    rooms: RoomService
    router: Router
    credentials: Credentials
    office: Office
    tcp_port: int  # for bridges
    shared: sharing.Sharing
    metadata: RoomMetadata
    keeper: Keeper
    usage: Usage
    counts: UsageKeeper


@asynccontextmanager
async def signalling(config: Config, ground: Ground, kept: Kept) -> AsyncIterator[Signalling]:
    """XMPP for guests and bridges, the rooms, and the focus that leads the conferences."""
    host, auth = config.host, f"auth.{config.host}"
    addresses = FocusAddresses.of(host)
    limits = XmppLimits(
        unauthenticated_per_ip=config.limits.connections_per_address,
        connections_per_ip_per_s=config.limits.connection_rate_per_address,
        connections_per_ip_burst=config.limits.connection_burst_per_address,
        resume_s=config.limits.resume_s,
    )

    router = Router()
    entrance = admitting.entrance(config, ground.tokens, kept, router)
    credentials = admitting.credentials(config, ground.secret, kept, entrance)

    def external_services(name: str) -> Sequence[ExternalService]:
        return ground.turn.services(name, time.time())

    parts = Parts(router)
    persons = Persons()
    breakouts = BreakoutRooms(addresses.breakouts, persons=persons)
    parts.add(breakouts, serve=False)  # its rooms' service does
    for part in parts_of_rooms(host, persons):
        parts.add(part)
    usage = Usage(persons, secret=ground.secret.password, clock=time.time)
    parts.add(usage, serve=False)
    counts = UsageKeeper(usage.tally, time.time, retention_days=config.usage.retention_days)
    shared = sharing.of(config, parts, persons, kept)
    main = DomainServices(
        router,
        host,
        identities=parts.identities(),
        external_services=external_services,
        short_lived_token=shared.token,
        also=(addresses.guests,),
    )
    router.serve(host, main.handle)
    router.serve(addresses.guests, DomainServices(router, addresses.guests).handle)
    router.serve(auth, DomainServices(router, auth).handle)

    def trace_of(jid: Jid) -> Trace:
        origin = router.origin(jid)
        return Trace(origin.remote_ip if origin is not None else "", persons.machine_of(jid))

    limits_of_rooms = RoomLimits(occupants=config.limits.occupants_per_room)
    meetings = replace(
        RoomPolicy.meetings(host, addresses.jid, limits_of_rooms, trace_of),
        first_becomes_owner=config.access.open == Who.EVERYBODY,
        admission_of=entrance.admission_of,
        may_join=entrance.may_join,
        kept=lambda room: kept.rooms.room(room.node),
        keep=lambda room, changed: kept.rooms.change(room.node, changed),
    )
    rooms = RoomService(router, addresses.rooms, meetings, parts=parts)
    entrance.on_proved = router.readmit
    router.unbound.append(entrance.gone)
    breakout_rooms = RoomService(
        router,
        addresses.breakouts,
        replace(meetings, kept=lambda room: None),
        parts=parts,
        at_domain=lambda stanza: parts.handle(breakouts, stanza),
    )
    RoomService(router, addresses.brewery.domain, RoomPolicy.brewery(host, addresses.jid))

    def meeting_id_of(jid: Jid) -> str | None:
        room = parts.room(jid)
        return room.meeting_id if room is not None else None

    moderation = parts.part(AvModeration.name)
    metadata = parts.part(RoomMetadata.name)
    assert isinstance(moderation, AvModeration)
    assert isinstance(metadata, RoomMetadata)
    focus = Focus(
        router=router,
        addresses=addresses,
        entrance=entrance,
        settings=FocusSettings(
            conference=ConferenceLimits(
                ssrc_rewriting=config.media.ssrc_rewriting, opus_red=config.media.opus_red
            ),
            region_groups=tuple(frozenset(g.split("+")) for g in config.focus.region_groups),
            max_conferences=config.limits.conferences,
            rooms_per_creator=config.limits.rooms_per_creator,
        ),
        meeting_id_of=meeting_id_of,
        may_send=moderation.may_send,
        may_hold_breakout=breakouts.may_hold,
        on_asked=persons.asked,
        on_created=metadata.start_muted_from,
    )
    moderation.on_rights = focus.rights_changed
    office = Office(
        rooms=rooms,
        parts=parts,
        focus=focus,
        router=router,
        usage=usage,
        counts=counts,
        clock=asyncio.get_running_loop().time,
    )
    sessions = Sessions(
        router, limits, may_resume=lambda origin, kept: entrance.resume(origin, kept.origin)
    )
    pulse = Pulse(sessions, limits)
    websocket = WebSocketEndpoint(
        router, credentials, domain=host, sessions=sessions, pulse=pulse, limits=limits
    )
    bosh = BoshEndpoint(
        router, credentials, domain=host, sessions=sessions, pulse=pulse, limits=limits
    )
    tcp = TcpListener(
        router, credentials, domain=host, tls=ground.xmpp_tls, sessions=sessions, limits=limits
    )

    keeper = Keeper(
        config.data / "meetings.state",
        program.fingerprint(),
        halls=(rooms, breakout_rooms),
        parts=parts,
        persons=persons,
        focus=focus,
        sessions=sessions,
        keeps_session=lambda jid: jid.domain != auth,  # bridges and recorders log in anew
    )
    tcp_port = await _listen_for_bridges(config, tcp)
    focus.start()
    keeper.start()  # before anybody can come
    if shared.files is not None:
        shared.files.sweep()
    pulse.start()
    try:
        yield Signalling(
            websocket=websocket,
            bosh=bosh,
            focus=focus,
            rooms=rooms,
            router=router,
            credentials=credentials,
            office=office,
            tcp_port=tcp_port,
            shared=shared,
            metadata=metadata,
            keeper=keeper,
            usage=usage,
            counts=counts,
        )
    finally:
        keeper.stop()
        focus.stop()
        await bosh.close()
        await websocket.close()
        await tcp.close()


def parts_of_rooms(host: str, persons: Persons) -> tuple[Part, ...]:
    """What hangs on every room, in the order in which newcomers hear of it."""
    moderation = AvModeration(f"avmoderation.{host}")
    metadata = RoomMetadata(f"metadata.{host}", on_rights=moderation.rights_changed)
    moderation.open_feature = metadata.open_feature
    return (
        metadata,
        moderation,
        LobbyRooms(f"lobby.{host}", f"conference.{host}"),
        EndConference(f"endconference.{host}"),
        Polls(f"polls.{host}", persons=persons),
        SpeakerStats(f"speakerstats.{host}"),
        Attendance(f"attendance.{host}", persons=persons),
        KeepingChat(f"chat.{host}"),
    )


async def _listen_for_bridges(config: Config, tcp: TcpListener) -> int:
    """Where `xmpp.port` says, else where the process before us was, else anywhere.

    Raises: ConfigError.
    """
    known = 0 if config.xmpp.port else data_folder.known_xmpp_port(config.data)
    if known:
        with suppress(OSError):
            return await tcp.listen(config.xmpp.listen, known)
    try:
        port = await tcp.listen(config.xmpp.listen, config.xmpp.port)
    except OSError as error:
        raise ConfigError(
            machine.why_not_bound(
                *(error, config.xmpp.listen, config.xmpp.port, "tcp", "--set xmpp.port=PORT")
            )
        ) from None
    data_folder.remember_xmpp_port(config.data, port)
    return port


async def _meetings_possible(focus: Focus) -> None:
    now = asyncio.get_running_loop().time
    while not focus.can_meet(now()):  # noqa: ASYNC110  # only while starting
        await asyncio.sleep(_LOOK_EVERY_S)


# Web


@asynccontextmanager
async def web_surface(
    config: Config, ground: Ground, signalling: Signalling, kept: Kept
) -> AsyncIterator[None]:
    """Pages, signalling and bridge channels on the one HTTPS port."""

    def channel_url(server: str) -> str | None:
        bridge = signalling.focus.brewery.by_name(server)
        return bridge.channel_url or None if bridge is not None else None

    handover = (
        Handover(handover_place(config)) if config.bridge.enabled and config.media.tcp else None
    )
    acceptor = Acceptor(ground.listeners, ground.tls, handover=handover)
    app = application(
        settings=ClientSettings(
            host=config.host,
            site_name=config.site.name,
            theme=theme_of(config.site),
            p2p_enabled=config.p2p.enabled,
            ssrc_rewriting=config.media.ssrc_rewriting,
            opus_red=config.media.opus_red,
            last_n=config.media.last_n,
            file_bytes=config.files.max_mib * 1024 * 1024 if config.files.enabled else 0,
            guest_domain=admitting.guest_domain(config),
            has_sign_in=ground.sign_in is not None,
        ),
        xmpp_websocket=signalling.websocket.handle,
        bosh=signalling.bosh.handle,
        channel_url=channel_url,
        can_meet=lambda: signalling.focus.can_meet(asyncio.get_running_loop().time()),
        who_is_inside=lambda name: who_is_inside(
            config.site.show_inside, signalling.rooms.room(name), signalling.metadata
        ),
        heard=acceptor.heard,
        embed=config.site.embed,
        more=(
            *signalling.shared.routes(),
            administering.routes(signalling.office, kept, signalling.credentials, config.host),
        ),
        sign_in=ground.sign_in,
    )
    plots = asyncio.create_task(signalling.office.run())
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    assert runner.server is not None
    acceptor.start(runner.server)
    try:
        yield
    finally:
        plots.cancel()
        await acceptor.close()
        if handover is not None:
            handover.close()
        await signalling.bosh.close()
        await signalling.websocket.close()
        await runner.cleanup()


# For operators


@asynccontextmanager
async def monitoring(config: Config, signalling: Signalling) -> AsyncIterator[None]:
    """Health and figures, on loopback unless configured otherwise."""
    if not config.monitor.enabled:
        yield
        return
    listener = Listener(
        operators.pages(
            focus=signalling.focus,
            rooms=signalling.rooms,
            router=signalling.router,
            clock=asyncio.get_running_loop().time,
            process_s=time.process_time,
        )
    )
    await listener.start(config.monitor.listen, config.monitor.port)
    try:
        yield
    finally:
        await listener.stop()


# The bridge of this machine


async def supervised_bridge(config: Config, ground: Ground, tcp_port: int) -> None:
    """Keep the bridge running: the one that outlived a process of before, or a new one."""
    command = bridge_command(config, ground, tcp_port)
    settings = (program.fingerprint(), *command, ground.secret_file.read_text(encoding="ascii"))
    identity = hashlib.sha256("\0".join(settings).encode()).hexdigest()[:16]
    command += ("--identity", identity)
    name = f"bridge {config.bridge.name}"
    survivor, adopted, replacing = ground.bridge, None, None
    if survivor is not None:
        with suppress(OSError):  # it has ended meanwhile
            is_as_wanted = survivor.ask().identity == identity
            adopted = await survivor.adopt()
            logger.info("Adopted process: %s pid=%d", name, survivor.pid)
            if not is_as_wanted:
                replacing = asyncio.ensure_future(_replaced(survivor))
    try:
        await supervise(command, name=name, adopted=adopted)
    finally:
        if replacing is not None:
            replacing.cancel()


async def _replaced(survivor: Survivor) -> None:
    """End a bridge of other settings or another version, as soon as nobody would notice."""
    logger.info("Bridge has other settings, used from its next start: pid=%d", survivor.pid)
    await survivor.until_replaceable()
    survivor.terminate()


def bridge_command(config: Config, ground: Ground, tcp_port: int) -> list[str]:
    """The command an operator would type on another machine."""
    command = [
        *(sys.executable, "-m", "tertulia", "bridge"),
        *("--server", f"xmpp://{_netloc(_local(config.xmpp.listen), tcp_port)}"),
        *("--host", config.host),
        *("--name", config.bridge.name),
        *("--region", config.bridge.region),
        *("--secret-file", str(ground.secret_file)),
        *("--public-netloc", _netloc(config.host, ground.port)),
        *("--media-port", str(config.media.port)),
        *("--monitor-address", config.monitor.listen),
        *("--monitor-port", str(config.bridge.monitor_port) if config.monitor.enabled else "none"),
        *("--max-conferences", str(config.bridge.max_conferences)),
        *("--max-endpoints", str(config.bridge.max_endpoints)),
        *("--max-memory", str(config.bridge.max_memory_mib)),
        *("--loudest-voices", str(config.bridge.loudest_voices)),
        *("--silence-after", str(config.bridge.silence_after_s)),
        *(("--shed-load",) if config.bridge.shed_load else ()),
        *(("--rest",) if config.bridge.rest else ()),
        *("--stop-within", "1"),  # it is told to stop because all of this stops
        *("--beacon", str(beacon_place(config))),
        *("--end-alone-after", str(config.bridge.alone_s)),
        *("--log-level", config.log.level),
        *("--log-format", config.log.format),
    ]
    for address in config.media.addresses:
        command += ("--media-address", address)
    for public in config.media.advertise:
        command += ("--advertise", public)
    for server in config.media.stun:
        command += ("--stun", server)
    if not config.media.hide_private:
        command += ("--tell-private",)
    if config.media.tcp_port:
        command += ("--tcp-port", str(config.media.tcp_port))
    if config.media.tcp:
        command += ("--handover", str(handover_place(config)))
        command += ("--tcp-public-port", str(config.media.tcp_public_port))
        for address in _also_served(config):
            command += ("--handover-address", with_port(address, ground.port))
    return command


async def _ended(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, ChildRefused):
        await task


def handover_place(config: Config) -> Path:
    """The unix socket through which connections with media go from us to our bridge."""
    return config.data / "media-tcp.sock"


def beacon_place(config: Config) -> Path:
    """The unix socket at which our bridge is found again after we were killed."""
    return config.data / "bridge.sock"


def _also_served(config: Config) -> list[str]:
    """The media addresses at which the HTTPS port is served too."""
    listen = config.http.listen
    return [
        address
        for address in machine.media_addresses(config.media.addresses, config.host)
        if address in listen or ("::" if ":" in address else "0.0.0.0") in listen  # noqa: S104
    ]


def _local(address: str) -> str:
    """Where this machine reaches what listens on `address`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104


def _netloc(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == 443 else f"{name}:{port}"
