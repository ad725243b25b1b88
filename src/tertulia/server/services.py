"""All services of the control process: who they are to each other, and in which order they begin.

Read it top to bottom: what is kept, the XMPP domains of the one host name, the web surface, the
pages for operators, and what ends all of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

from tertulia import machine, signing_in
from tertulia.accounts.foreign_tokens import foreign_origin
from tertulia.accounts.links import KID, LinkKey
from tertulia.accounts.tokens import Tokens
from tertulia.admitting import Kept
from tertulia.config import Config
from tertulia.errors import ConfigError
from tertulia.focus.service import Focus
from tertulia.server.addresses import netloc
from tertulia.server.ground import Ground
from tertulia.server.key_fetching import key_at
from tertulia.server.operating import monitoring
from tertulia.server.signalling import Signalling, signalling
from tertulia.server.storing import Storing
from tertulia.server.tasks import ended, first_of
from tertulia.server.web_surface import web_surface
from tertulia.supervisor import ChildRefused

logger = logging.getLogger("tertulia.server")

_LOOK_EVERY_S = 0.05  # for the bridge to arrive, while starting
_BRIDGE_WITHIN_S = 3.0  # then the database is opened, whether or not there is a bridge
_WRITE_S = 2.0  # for what is queued for the database, before another process takes our place


async def run(
    config: Config,
    ground: Ground,
    bridge: asyncio.Future[None],
    ready: Callable[[str], None],
    replaced: asyncio.Event,
) -> None:
    """Until cancelled, or until the bridge or the database ends it.

    Args:
        bridge: keeps our bridge running.
        ready, replaced: as `running.serve` has them.
    Raises: ConfigError.
    """
    links = LinkKey.kept(config.data, config.host)
    tokens = Tokens({KID: links.origin}, foreign_origin(config.tokens, config.host, key_at))
    sign_in = signing_in.configured(config, links)
    kept = Kept()
    storing = Storing(config, kept)
    async with AsyncExitStack() as running:
        running.push_async_callback(storing.close)
        await storing.look()  # before anybody can come in
        xmpp = await running.enter_async_context(signalling(config, ground, kept, tokens))
        running.push_async_callback(ended, bridge)
        running.push_async_callback(storing.close)
        await running.enter_async_context(web_surface(config, ground, xmpp, kept, sign_in))
        await running.enter_async_context(monitoring(config, xmpp))
        possible = asyncio.ensure_future(_meetings_possible(xmpp.meetings.focus))
        running.push_async_callback(ended, possible)
        await first_of(asyncio.sleep(_BRIDGE_WITHIN_S), possible, bridge)
        if possible.done():
            _tell(ready, config.host, ground.port)
        elif not bridge.done():
            logger.warning("No bridge has come yet: meetings have to wait for one")
        storing.begin(xmpp.meetings.counts)
        failing = asyncio.ensure_future(storing.has_failed())
        running.push_async_callback(ended, failing)
        if not possible.done():
            await asyncio.wait((possible, bridge, failing), return_when=asyncio.FIRST_COMPLETED)
            if possible.done():
                _tell(ready, config.host, ground.port)
        replacing = asyncio.ensure_future(_replaced_by_another(replaced, kept, xmpp))
        running.push_async_callback(ended, replacing)
        await asyncio.wait((bridge, failing), return_when=asyncio.FIRST_COMPLETED)
        try:
            await (bridge if bridge.done() else failing)
        except ChildRefused as refused:
            raise ConfigError(str(refused)) from None


def _tell(ready: Callable[[str], None], host: str, port: int) -> None:
    ready(f"https://{netloc(host, port)}/")
    for address in machine.own_addresses():
        logger.info("Also reachable at: https://%s/", netloc(address, port))


async def _meetings_possible(focus: Focus) -> None:
    now = asyncio.get_running_loop().time
    while not focus.can_meet(now()):  # noqa: ASYNC110  # only while starting
        await asyncio.sleep(_LOOK_EVERY_S)


async def _replaced_by_another(told: asyncio.Event, kept: Kept, xmpp: Signalling) -> None:
    """Become a new process of the same command. All connections are cut, and no stream is ended:
    to clients it is as if we had been killed, and they come back to their seats."""
    await told.wait()
    logger.info("A new process takes our place: pid=%d", os.getpid())
    with suppress(TimeoutError):
        async with asyncio.timeout(_WRITE_S):
            await kept.journal.written()
            await xmpp.meetings.counts.write()
    xmpp.keeper.hand_over()
    # Descriptors are closed by it (PEP 446).
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # no shell is wanted
