"""What the focus does when a bridge refuses: the table of reference bridge 3.3."""

from __future__ import annotations

from enum import Enum, auto

from tertulia.xmpp.colibri2 import ErrorReason, Refusal


class Reaction(Enum):
    NOTHING = auto()
    FAIL_SESSION = auto()  # a retry would loop; the bridge is well
    REINVITE_ONE = auto()  # the endpoint is gone there
    REINVITE_ALL = auto()  # the conference is gone there
    EXPIRE_AND_REINVITE_ALL = auto()  # a conference of that id is there, and not ours
    AVOID_BRIDGE = auto()  # and invite all anew, elsewhere


def reaction(refusal: Refusal) -> Reaction:
    match refusal.reason, refusal.condition:
        case (ErrorReason.CONFERENCE_ALREADY_EXISTS, _):
            return Reaction.EXPIRE_AND_REINVITE_ALL
        case (ErrorReason.CONFERENCE_NOT_FOUND, _):
            return Reaction.REINVITE_ALL
        case (ErrorReason.UNKNOWN_ENDPOINT, _):
            return Reaction.REINVITE_ONE
        case (None, "item-not-found"):
            # The room says that the bridge has left; its leaving will be seen, once.
            return Reaction.NOTHING
        case (ErrorReason.FEATURE_NOT_IMPLEMENTED, _) | (_, "bad-request" | "resource-constraint"):
            return Reaction.FAIL_SESSION
        case _:
            return Reaction.AVOID_BRIDGE
