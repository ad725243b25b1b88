"""The pages for administrators, put together from what runs."""

from __future__ import annotations

from collections.abc import Callable

from tertulia.administration.office import Office
from tertulia.admitting import Kept
from tertulia.usage.report import is_month
from tertulia.web.administration.routes import AdminRoutes
from tertulia.web.sign_in import SignIn
from tertulia.xmpp.credentials import Credentials
from tertulia.xmpp.router import Origin


def routes(
    office: Office, kept: Kept, credentials: Credentials, host: str, sign_in: SignIn | None
) -> AdminRoutes:
    """
    Args:
        sign_in: from where administrators may come too.
    """
    made = AdminRoutes(
        office,
        kept.accounts,
        proving(credentials, host),
        is_month=is_month,
        has_sign_in=sign_in is not None and sign_in.knows_administrators,
    )
    if sign_in is not None:
        sign_in.on_administrator = made.welcome
    return made


def proving(credentials: Credentials, host: str) -> Callable[[str, str, str], None]:
    """Check a password as a login of a client does, by the same counts of wrong ones."""

    def prove(name: str, password: str, address: str) -> None:
        login = credentials.begin(host, "PLAIN", Origin(remote_ip=address))
        login.step(f"\0{name}\0{password}".encode())

    return prove
