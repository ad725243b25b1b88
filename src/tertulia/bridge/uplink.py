"""Whether a sender sends what it was asked for, judged by the layers that arrive.

A browser whose uplink (or processor) is short switches its upper encodings off. What it could
send is known from the encodings it announced and from what was seen of the source before.
"""

from __future__ import annotations

from collections.abc import Sequence

from tertulia.bridge.video import UNLIMITED, Layer

# Encodings come one after the other when a camera starts or more of it is asked for.
SHORT_FOR_S = 6.0


class Uplink:
    """One video source at its sender's side."""

    def __init__(self) -> None:
        self._best_height = 0
        self._short_since: float | None = None
        self.is_limited = False

    def forget(self) -> None:
        """The source shows something else from now on."""
        self._best_height = 0
        self._short_since = None
        self.is_limited = False

    def observe(
        self, layers: Sequence[Layer], encodings: int, asked_height: int | None, now: float
    ) -> bool:
        """Take what arrives now.

        Args:
            asked_height: what the sender was told to send at most; None: nothing yet, 0: nothing.
        Returns: True if `is_limited` changed.
        """
        height = max((layer.height for layer in layers), default=0)
        self._best_height = max(self._best_height, height)
        was_limited = self.is_limited
        if not self._is_short(layers, height, encodings, asked_height):
            self._short_since = None
            self.is_limited = False
        else:
            if self._short_since is None:
                self._short_since = now
            self.is_limited = now - self._short_since >= SHORT_FOR_S
        return self.is_limited != was_limited

    def _is_short(
        self, layers: Sequence[Layer], height: int, encodings: int, asked_height: int | None
    ) -> bool:
        if not asked_height:  # nothing was asked for
            return False
        if asked_height != UNLIMITED and height >= asked_height:
            return False
        top = max((layer.encoding for layer in layers), default=-1)
        return top < encodings - 1 or height < self._best_height
