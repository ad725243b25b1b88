"""As whom somebody was let in: what a login or a token has shown, for every service to go by.

It is found out once, when a client logs in, and stays with its session. Nothing in it was said by
the client without proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ANY_ROOM = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What is known of one person. Plain values only, so that it can be written down."""

    is_authenticated: bool = False  # by a password or a token; else a guest
    account: str = ""  # the bare address of who logged in with a password
    user: Mapping[str, str] = field(default_factory=dict)  # id, name, email, avatar ... as proven
    group: str = ""
    room: str = ANY_ROOM  # the only room (the node of its address) that it is good for
    moderates: bool | None = None  # said so explicitly; None: who is authenticated does
    # What a token allows or forbids by name (signalling reference 2.2); None when it names nothing.
    features: Mapping[str, bool] | None = None

    @property
    def is_moderator(self) -> bool:
        """Whether rooms shall have it as a moderator from the beginning."""
        return self.is_authenticated if self.moderates is None else self.moderates

    @property
    def is_named(self) -> bool:
        """Whether it says who somebody is: a link that may be passed on need not."""
        known = self.account or self.user.get("id") or self.user.get("email")
        return self.is_authenticated and bool(known)

    @property
    def may_be_elected(self) -> bool:
        """Whether it may become a moderator for want of another."""
        return self.moderates is not False

    def is_for(self, room: str) -> bool:
        """Whether it may be used in the room with this node."""
        return self.room in (ANY_ROOM, room.lower())

    def forbids(self, feature: str) -> bool:
        """For what everybody may do: whether the token says that this person may not."""
        return self.features is not None and self.features.get(feature) is False

    def grants(self, feature: str, *, to_moderator: bool) -> bool:
        """For what only some may do: with a list of features by that list, else as moderators."""
        if self.features is None:
            return to_moderator
        return self.features.get(feature, False)


GUEST = Admission()
