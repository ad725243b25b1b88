"""What can go wrong for a participant."""

from __future__ import annotations

from tertulia.errors import TertuliaError


class JoinFailed(TertuliaError):
    """The meeting cannot be joined: no such server, refused by it, not let in.

    `hop` names the step: "page", "signalling", "focus" or "room".
    """

    def __init__(self, hop: str, text: str) -> None:
        super().__init__(text)
        self.hop = hop


class CodecFailed(TertuliaError):
    """The `ffmpeg` program is missing, or refused what it was given."""
