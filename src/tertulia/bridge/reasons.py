"""Why a receiver gets less of a source than there is; the words travel to clients as they are."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    YOUR_DOWNLINK = "your-downlink"  # more does not fit into what the receiver's network carries
    THEIR_UPLINK = "their-uplink"  # its sender sends less than it was asked for
    BRIDGE_BUSY = "bridge-busy"  # the bridge forwards fewer videos to everybody for now
    NOT_IN_LAST_N = "not-in-last-n"  # beyond the number of videos the receiver asked for
    ASKED_SMALLER = "asked-smaller"  # the receiver asked for a smaller picture, or for none
    MUTED = "muted"  # switched off, by its sender or by a moderator
