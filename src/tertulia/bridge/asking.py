"""Keeps the public addresses of a bridge true by asking the configured STUN servers."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from tertulia.bridge import stun
from tertulia.bridge.addresses import Address
from tertulia.bridge.engine_media import EngineMedia
from tertulia.public_address import PublicAddress, is_private

log = logging.getLogger("tertulia.bridge")

# A line that gets a new address at night is found out soon; a server asked this often is not hurt.
AGAIN_AFTER_S = 60.0
AGAIN_AFTER_FAILURE_S = 10.0


class Asking:
    """Asks for every private address that has no public one in the configuration."""

    def __init__(self, media: EngineMedia, servers: tuple[Address, ...]) -> None:
        self._media = media
        self._servers = servers
        self._configured = media.addresses.public
        known = {each.local for each in self._configured}
        bound = [address for address, _ in media.addresses.udp]
        self._locals = [each for each in bound if is_private(each) and each not in known]

    async def ask(self) -> bool:
        """One round; the addresses found count from now on. Returns: nothing is left to ask."""
        if not self._servers or not self._locals:
            return True
        answers = await asyncio.gather(*(stun.ask_any(self._servers, a) for a in self._locals))
        found = [
            PublicAddress(public, local)
            for local, (public, _) in zip(self._locals, answers, strict=True)
            if public is not None and not is_private(public)
        ]
        if not found:
            reasons = {reason or "the answer is private too" for _, reason in answers}
            log.warning("STUN found no public address: %s", "; ".join(sorted(reasons)))
            return False  # what was found before stays true until something else is known
        known = {each.public for each in self._configured}
        public = (*self._configured, *(each for each in found if each.public not in known))
        if public != self._media.addresses.public:
            self._media.addresses = replace(self._media.addresses, public=public)
            for each in found:
                log.info("STUN: local=%s public=%s", each.local, each.public)
        return True

    async def keep(self) -> None:
        """Ask for ever."""
        delay_s = AGAIN_AFTER_FAILURE_S
        while True:
            await asyncio.sleep(delay_s)
            delay_s = AGAIN_AFTER_S if await self.ask() else AGAIN_AFTER_FAILURE_S
