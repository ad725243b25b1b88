"""Mistakes of peers of the bridge that are no COLIBRI2 errors."""

from __future__ import annotations

from tertulia.errors import MalformedInput, PeerError


class MalformedChannelMessage(MalformedInput):
    """A message on the bridge channel that is not what reference bridge 1.5 says."""


class TooMuchRelayed(PeerError):
    """An endpoint tells others more by their channels than it may."""


class MediaRefused(PeerError):
    """The engine cannot do what it was ordered on somebody's behalf."""
