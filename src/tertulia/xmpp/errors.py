"""What can go wrong with a peer, as the wire names it: stanza errors and stream errors.

Code that refuses something raises a leaf of `PeerError`; whoever called it answers with
`stanza.refusal`. What a peer refuses *us* arrives as `StanzaError`.
"""

from __future__ import annotations

from typing import ClassVar

from tertulia.errors import PeerError, TertuliaError
from tertulia.xmpp.xml import Element


class Refused(PeerError):
    """A stanza error of RFC 6120 §8.3.3 with its text and application-specific conditions."""

    def __init__(self, text: str = "", *, extra: tuple[Element, ...] = ()) -> None:
        super().__init__(text)
        self.extra = extra


class BadRequest(Refused):
    """The stanza does not follow its schema."""


class Conflict(Refused):
    """Something with that name exists already."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "conflict"


class FeatureNotImplemented(Refused):
    """The request is understood, and not supported here."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "feature-not-implemented"


class Forbidden(Refused):
    """The sender lacks the permission."""

    error_type: ClassVar[str] = "auth"
    condition: ClassVar[str] = "forbidden"


class InternalServerError(Refused):
    """Our own trouble, which the text names."""

    error_type: ClassVar[str] = "wait"
    condition: ClassVar[str] = "internal-server-error"


class ItemNotFound(Refused):
    """The addressed node, room or occupant does not exist."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "item-not-found"


class JidMalformed(Refused):
    """An address that RFC 7622 does not allow."""

    condition: ClassVar[str] = "jid-malformed"


class NotAcceptable(Refused):
    """Understood, and against a rule of this service."""

    condition: ClassVar[str] = "not-acceptable"


class NotAllowed(Refused):
    """Nobody may do this."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "not-allowed"


class NotAuthorized(Refused):
    """Proof of identity (a password, say) is missing or wrong."""

    error_type: ClassVar[str] = "auth"
    condition: ClassVar[str] = "not-authorized"


class PolicyViolation(Refused):
    """Over one of the named limits."""

    condition: ClassVar[str] = "policy-violation"


class RemoteServerNotFound(Refused):
    """A domain that is not served here; we do not federate."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "remote-server-not-found"


class ResourceConstraint(Refused):
    """Too much or too often; later it may work."""

    error_type: ClassVar[str] = "wait"
    condition: ClassVar[str] = "resource-constraint"


class ServiceUnavailable(Refused):
    """Nobody here offers that."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "service-unavailable"


class StanzaError(TertuliaError):
    """A peer answered our request with an error (RFC 6120 §8.3)."""

    def __init__(self, condition: str, error_type: str, text: str = "") -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        self.condition = condition
        self.error_type = error_type
        self.text = text


class IqTimeout(TertuliaError):
    """A peer did not answer our request in time."""


class StreamError(TertuliaError):
    """A stream ended with a condition of RFC 6120 §4.9.3, ours or the peer's."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        self.condition = condition
        self.text = text


class LoginFailed(TertuliaError):
    """A server refused our credentials, or we its certificate or its proof."""
