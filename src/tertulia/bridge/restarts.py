"""ICE restarts in place (reference bridge 1.2): new credentials, everything above them stays."""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.bridge.counts import Counts, Restart
from tertulia.bridge.errors import MediaRefused
from tertulia.bridge.media import Media
from tertulia.bridge.secret_text import random_text


@dataclass(slots=True)
class IceRestart:
    """The restarts of one endpoint: the generation counts them, the last one may be under way."""

    generation: int = 0
    ufrag: str = ""
    pwd: str = ""
    awaits_peer: bool = False  # new credentials are out, those of the peer have not come
    is_checking: bool = False  # both are known, no path has been found yet

    def begin(self, handle: int, media: Media, counts: Counts) -> bool:
        """Offer new credentials. One that still awaits its peer stays as it is.

        Returns: False when the engine will not: the focus then invites anew.
        """
        if self.awaits_peer:
            return True
        if self.is_checking:
            counts.restarts[Restart.SUPERSEDED] += 1
        ufrag, pwd = random_text(12), random_text(26)
        try:
            media.restart_ice(handle, ufrag, pwd)
        except MediaRefused:
            counts.restarts[Restart.REJECTED] += 1
            return False
        counts.restarts[Restart.STARTED] += 1
        self.ufrag, self.pwd, self.awaits_peer, self.is_checking = ufrag, pwd, True, False
        self.generation += 1
        return True

    def answered(self, handle: int, media: Media, ufrag: str, pwd: str, generation: int) -> None:
        """The peer's new credentials came; checks begin. Those of another generation are late.

        Raises: MediaRefused.
        """
        if self.awaits_peer and generation == self.generation and ufrag and pwd:
            media.set_remote_credentials(handle, ufrag, pwd)
            self.awaits_peer, self.is_checking = False, True

    def ended(self) -> None:
        """It found its path or was given up: what was offered is not listened for any more."""
        self.awaits_peer = self.is_checking = False
