"""What a room refuses, in the words of XEP-0045 and of the clients that show it."""

from __future__ import annotations

from typing import ClassVar

from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import (
    Conflict,
    Forbidden,
    NotAcceptable,
    NotAllowed,
    NotAuthorized,
    Refused,
    ServiceUnavailable,
)
from tertulia.xmpp.xml import Element


class NicknameConflict(Conflict):
    """The nickname belongs to another occupant (XEP-0045 §7.2.8)."""

    def __init__(self, nick: str) -> None:
        super().__init__(f"the nickname {nick} is taken")


class NicknameNotAllowed(NotAllowed):
    """A nickname against the syntax, reserved, or a change of one's own."""


class RoomDoesNotExist(NotAllowed):
    """The focus has not opened the room; stock clients ask it and try again (reference 4.6)."""

    def __init__(self) -> None:
        child = Element("room-does-not-exist", ns=NS.JITMEET)
        super().__init__("the room is not open", extra=(child,))


class RoomAndTokenMismatched(NotAllowed):
    """The token is good for another room (signalling reference 2.3)."""

    def __init__(self) -> None:
        super().__init__("Room and token mismatched")


class AuthenticationRequired(NotAllowed):
    """Guests do not come in here (signalling reference 4.6)."""

    def __init__(self) -> None:
        child = Element("authentication-required", ns=NS.JITMEET)
        super().__init__("log in to join this room", extra=(child,))


class RoomIsFull(ServiceUnavailable):
    """XEP-0045 §7.2.9."""

    def __init__(self, occupants: int) -> None:
        super().__init__(f"the room has its {occupants} occupants (occupants)")


class PasswordRequired(NotAuthorized):
    """XEP-0045 §7.2.5: none given, or a wrong one."""

    def __init__(self) -> None:
        super().__init__("a password is required")


class MembersOnly(Refused):
    """XEP-0045 §7.2.6; with a lobby to wait in, if there is one (signalling reference 4.6)."""

    error_type: ClassVar[str] = "auth"
    condition: ClassVar[str] = "registration-required"

    def __init__(self, lobby: str = "", *, waiting_for_host: bool = False) -> None:
        extra = [Element("lobbyroom", {}, lobby, ns=NS.JITMEET)] if lobby else []
        if lobby and waiting_for_host:
            extra.append(Element("waiting-for-host", ns=NS.JITMEET))
        super().__init__("the room is for members only", extra=tuple(extra))


class DisplayNameRequired(NotAcceptable):
    """Moderators let nobody in who has no name (signalling reference 4.6)."""

    def __init__(self) -> None:
        child = Element("displayname-required", {"lobby": "true"}, ns=NS.JITMEET)
        super().__init__("a display name is required", extra=(child,))


class RoomCreationRestricted(NotAllowed):
    """There is no lobby to wait in; stock clients know the words and try the room again."""

    def __init__(self) -> None:
        super().__init__("Room creation is restricted")


class Banned(Forbidden):
    """XEP-0045 §7.2.7, also for those who may not enter a service at all."""


class NotInRoom(NotAcceptable):
    """Only occupants may do that (XEP-0045 §7.4)."""

    error_type: ClassVar[str] = "cancel"

    def __init__(self) -> None:
        super().__init__("join the room first")


class NotPermitted(Forbidden):
    """The occupant lacks the role or affiliation."""


class ChatRefused(NotAllowed):
    """A message over the limits. Stock clients show the text of this very condition (4.9)."""
