"""Who is let in where, put together from the configuration and from what is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tertulia.accounts.directory import Directory
from tertulia.accounts.entrance import Access, Entrance, Who
from tertulia.accounts.guesses import CountedAttempts, Guesses, GuessLimits
from tertulia.accounts.kept_rooms import KeptRooms
from tertulia.accounts.links import LinkKey, PersonalLink
from tertulia.accounts.logins import Logins
from tertulia.accounts.rows import account_of, room_of
from tertulia.accounts.tokens import Tokens
from tertulia.bridge_secret import BridgeSecret
from tertulia.config import Config
from tertulia.focus.settings import FocusAddresses
from tertulia.storage.first_look import FirstLook
from tertulia.storage.journal import Journal
from tertulia.xmpp.credentials import Accounts, Credentials, LoginDomain
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.xml import Element

BRIDGE_ACCOUNT = "bridge"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in the database, as services use it; it is empty until that is open."""

    journal: Journal = field(default_factory=Journal)
    accounts: Directory = field(default_factory=Directory)
    rooms: KeptRooms = field(default_factory=KeptRooms)
    logins: Logins = field(default_factory=Logins)

    def take(self, found: FirstLook, host: str) -> None:
        """What was in the database when we started."""
        self.accounts.replace(map(account_of, found.accounts))
        self.rooms.replace({row["name"]: room_of(row, host) for row in found.rooms})


def entrance(config: Config, tokens: Tokens, kept: Kept, router: Router) -> Entrance:
    """Who may come in and who may open rooms."""
    return Entrance(
        config.host,
        Access(opens=Who(config.access.open), joins=Who(config.access.join)),
        directory=kept.accounts,
        kept_rooms=kept.rooms,
        tokens=tokens,
        logins=kept.logins,
        origin_of=router.origin,
    )


def link_signer(config: Config) -> Callable[[str, int, float], str]:
    """Signs tokens that lead the room with this node, good for so many seconds from some time."""

    def sign(room: str, valid_s: int, now: float) -> str:
        link = PersonalLink(room=room, moderator=True, valid_s=valid_s)
        return LinkKey.kept(config.data, config.host).token(link, now)

    return sign


def guest_domain(config: Config) -> str:
    """Where clients log guests in so that `host` may ask for passwords; "" for `host` itself."""
    needs_account = Who.ACCOUNTS in (config.access.open, config.access.join)
    return FocusAddresses.of(config.host).guests if needs_account else ""


def credentials(
    config: Config,
    secret: BridgeSecret,
    kept: Kept,
    entrance: Entrance,
    discovery: Callable[[Jid], Element],
) -> Credentials:
    """Who may log in where (docs/architecture.md, addresses).

    Args:
        discovery: what people are told before they ask for it.
    """
    host, guests = config.host, FocusAddresses.of(config.host).guests
    bridges = Accounts()
    bridges.add(BRIDGE_ACCOUNT, secret.password)
    attempts = CountedAttempts(
        Guesses(GuessLimits(wrong_passwords=config.limits.wrong_passwords)), time.monotonic
    )
    return Credentials.of(
        (
            LoginDomain(
                name=host,
                anonymous=True,
                takes_guests=lambda origin: entrance.takes_guests(host, origin),
                accounts=kept.accounts,
                attempts=attempts,
                admit=entrance.admit,
                greeting=lambda jid: (discovery(jid),),
            ),
            LoginDomain(
                name=guests,
                anonymous=True,
                takes_guests=lambda origin: entrance.takes_guests(guests, origin),
                admit=entrance.admit,
                greeting=lambda jid: (discovery(jid),),
            ),
            LoginDomain(name=f"auth.{host}", accounts=bridges),
        )
    )
