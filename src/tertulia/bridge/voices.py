"""Which microphones send sound now; a receiver's bandwidth for them is not for pictures."""

from __future__ import annotations

# One voice as browsers send it: Opus of 32 kbit/s in packets of 20 ms, each with 12 bytes of RTP
# header, 8 of extensions and 16 of authentication, as the estimate counts them.
VOICE_BPS = 46_400
# The same with the frame before repeated in each packet (RFC 2198), 5 bytes of header with it.
VOICE_WITH_RED_BPS = 80_400
# A pause in speech is no reason to put pictures up and down again.
KEPT_S = 5.0
SILENCE = 127  # RFC 6464: what a muted microphone says; its packets are not forwarded


class Voices:
    """The audio sources of one conference, by handle."""

    def __init__(self) -> None:
        self._heard_at: dict[int, float] = {}

    @property
    def active(self) -> frozenset[int]:
        """The sources that count."""
        return frozenset(self._heard_at)

    def heard(self, source: int, levels: bytes, now: float) -> bool:
        """Take the levels of one source's packets. Returns: True if it did not count before."""
        if all(level >= SILENCE for level in levels):
            return False
        is_new = source not in self._heard_at
        self._heard_at[source] = now
        return is_new

    def expire(self, now: float) -> bool:
        """Let go of sources that fell silent or ended. Returns: True if there were any."""
        gone = [source for source, at in self._heard_at.items() if now - at > KEPT_S]
        for source in gone:
            del self._heard_at[source]
        return bool(gone)
