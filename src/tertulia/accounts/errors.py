"""What is refused to whoever asks to come in, or to whoever looks after accounts."""

from __future__ import annotations

from tertulia.errors import TertuliaError
from tertulia.xmpp.sasl import SaslFailure


class AccountError(TertuliaError):
    """A name or password that cannot be, an account or room that is or is not there."""


class TokenRefused(SaslFailure):
    """The token is not good; stock clients show the text (signalling reference 1.5)."""

    def __init__(self, why: str) -> None:
        super().__init__("not-allowed", why)


class TooManyGuesses(SaslFailure):
    """Too many wrong passwords, for this account or from this address."""

    def __init__(self, limit: str) -> None:
        super().__init__(
            "temporary-auth-failure", f"too many wrong passwords; try again later ({limit})"
        )
