"""Pages, signalling and bridge channels on the one HTTPS port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tertulia import administering, admitting
from tertulia.admitting import Kept
from tertulia.config import Config
from tertulia.outside_view import who_is_inside
from tertulia.server.addresses import handover_place
from tertulia.server.ground import Ground
from tertulia.server.signalling import Signalling
from tertulia.server.tasks import ended
from tertulia.web.acceptor import Acceptor
from tertulia.web.app import application
from tertulia.web.client_config import ClientSettings
from tertulia.web.handover import Handover
from tertulia.web.sign_in import SignIn
from tertulia.web.theme import theme_of


@asynccontextmanager
async def web_surface(
    config: Config, ground: Ground, signalling: Signalling, kept: Kept, sign_in: SignIn | None
) -> AsyncIterator[None]:
    """
    Args:
        sign_in: at the house's own provider, if there is one.
    """
    meetings = signalling.meetings

    def channel_url(server: str) -> str | None:
        bridge = meetings.focus.brewery.by_name(server)
        return bridge.channel_url or None if bridge is not None else None

    handover = (
        Handover(handover_place(config)) if config.bridge.enabled and config.media.tcp else None
    )
    acceptor = Acceptor(ground.listeners, ground.tls, handover=handover, turns=signalling.turns)
    app = application(
        settings=client_settings(config, has_sign_in=sign_in is not None),
        xmpp_websocket=signalling.websocket.handle,
        bosh=signalling.bosh.handle,
        channel_url=channel_url,
        can_meet=lambda: meetings.focus.can_meet(asyncio.get_running_loop().time()),
        who_is_inside=lambda name: who_is_inside(
            config.site.show_inside, meetings.rooms.room(name), meetings.metadata
        ),
        heard=acceptor.heard,
        embed=config.site.embed,
        more=(
            *meetings.shared.routes(),
            signalling.conference_requests,
            administering.routes(
                signalling.office, kept, signalling.credentials, config.host, sign_in
            ),
        ),
        sign_in=sign_in,
    )
    plots = asyncio.create_task(signalling.office.run())
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    assert runner.server is not None
    acceptor.start(runner.server)
    try:
        yield
    finally:
        await ended(plots)
        await acceptor.close()
        if handover is not None:
            handover.close()
        await signalling.bosh.close()
        await signalling.websocket.close()
        await runner.cleanup()


def client_settings(config: Config, *, has_sign_in: bool) -> ClientSettings:
    """What /config.js tells clients."""
    return ClientSettings(
        host=config.host,
        site_name=config.site.name,
        theme=theme_of(config.site),
        p2p_enabled=config.p2p.enabled,
        ssrc_rewriting=config.media.ssrc_rewriting,
        opus_red=config.media.opus_red,
        last_n=config.media.last_n,
        file_bytes=config.files.max_mib * 1024 * 1024 if config.files.enabled else 0,
        guest_domain=admitting.guest_domain(config),
        has_sign_in=has_sign_in,
    )
