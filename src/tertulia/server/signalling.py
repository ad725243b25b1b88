"""Signalling: the XMPP domains derived from the one host name, and who is connected to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tertulia import admitting, program, turn
from tertulia.accounts.tokens import Tokens
from tertulia.administration.office import Office
from tertulia.admitting import Kept
from tertulia.config import Config
from tertulia.focus.settings import FocusAddresses
from tertulia.server.asking import asking
from tertulia.server.ground import Ground
from tertulia.server.meetings import Meetings, meetings
from tertulia.survival.keeper import Keeper
from tertulia.web.conference_requests import ConferenceRequests
from tertulia.xmpp.credentials import Credentials
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Router
from tertulia.xmpp.services import DomainServices, ExternalService
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.transports.bosh import BoshEndpoint
from tertulia.xmpp.transports.pulse import Pulse
from tertulia.xmpp.transports.tcp import TcpListener
from tertulia.xmpp.transports.websocket import WebSocketEndpoint
from tertulia.xmpp.turns import Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Signalling:
    websocket: WebSocketEndpoint
    bosh: BoshEndpoint
    router: Router
    credentials: Credentials
    meetings: Meetings
    office: Office
    conference_requests: ConferenceRequests
    keeper: Keeper
    turns: Turns


@asynccontextmanager
async def signalling(
    config: Config, ground: Ground, kept: Kept, tokens: Tokens
) -> AsyncIterator[Signalling]:
    """XMPP for people and bridges, and the meetings they hold. Raises: ConfigError."""
    host = config.host
    relays = turn.configured(
        config.turn.servers, config.turn.secret_file, config.turn.lifetime_hours
    )
    router = Router()
    entrance = admitting.entrance(config, tokens, kept, router)
    held = meetings(config, router, entrance, kept, ground.secret.password)

    def external_services(name: str) -> Sequence[ExternalService]:
        return relays.services(name, time.time())

    guests, internal = FocusAddresses.of(host).guests, f"auth.{host}"
    router.secluded = frozenset((host.lower(), guests.lower()))
    main = DomainServices(
        router,
        host,
        identities=held.parts.identities(),
        external_services=external_services,
        short_lived_token=held.shared.token,
        also=(guests,),
        part_features=held.parts.features(),
    )
    held.metadata.services_for = lambda jid: [each.as_json() for each in main.services_for(jid)]
    credentials = admitting.credentials(
        config, ground.secret, kept, entrance, main.pushed_discovery
    )
    router.serve(host, main.handle)
    router.serve(guests, DomainServices(router, guests).handle)
    router.serve(internal, DomainServices(router, internal).handle)

    limits = XmppLimits(
        unauthenticated_per_ip=config.limits.connections_per_address,
        connections_per_ip_per_s=config.limits.connection_rate_per_address,
        connections_per_ip_burst=config.limits.connection_burst_per_address,
        resume_s=config.limits.resume_s,
    )
    office = Office(
        rooms=held.rooms,
        parts=held.parts,
        focus=held.focus,
        router=router,
        usage=held.usage,
        direct=held.direct,
        counts=held.counts,
        clock=asyncio.get_running_loop().time,
    )
    sessions = Sessions(
        router, limits, may_resume=lambda origin, kept: entrance.resume(origin, kept.origin)
    )
    pulse = Pulse(sessions, limits)
    turns = Turns(limits.turn_s)
    websocket = WebSocketEndpoint(
        router,
        credentials,
        domain=host,
        sessions=sessions,
        pulse=pulse,
        limits=limits,
        turns=turns,
        prepare=tokens.prepare,
    )
    bosh = BoshEndpoint(
        router,
        credentials,
        domain=host,
        sessions=sessions,
        pulse=pulse,
        limits=limits,
        turns=turns,
        prepare=tokens.prepare,
    )
    tcp = TcpListener(
        router,
        credentials,
        domain=host,
        tls=ground.xmpp_tls,
        sessions=sessions,
        limits=limits,
        turns=turns,
    )
    keeper = Keeper(
        config.data / "meetings.state",
        program.fingerprint(),
        halls=(held.rooms, held.breakout_rooms),
        parts=held.parts,
        persons=held.persons,
        focus=held.focus,
        sessions=sessions,
        keeps_session=lambda jid: jid.domain != internal,  # bridges and recorders log in anew
    )
    await tcp.serve(ground.for_bridges)
    held.focus.start()
    keeper.start()  # before anybody can come
    if held.shared.files is not None:
        held.shared.files.sweep()
    pulse.start()
    try:
        yield Signalling(
            websocket=websocket,
            bosh=bosh,
            router=router,
            credentials=credentials,
            meetings=held,
            office=office,
            conference_requests=ConferenceRequests(
                asking(held.focus, entrance, tokens.prepare), limits
            ),
            keeper=keeper,
            turns=turns,
        )
    finally:
        keeper.stop()
        held.focus.stop()
        await bosh.close()
        await websocket.close()
        await tcp.close()
