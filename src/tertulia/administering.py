"""The pages for administrators, put together from what runs."""

from __future__ import annotations

from collections.abc import Callable

from tertulia.administration.office import Office
from tertulia.admitting import Kept
from tertulia.usage.report import is_month
from tertulia.web.administration.routes import AdminRoutes
from tertulia.xmpp.credentials import Credentials
from tertulia.xmpp.router import Origin


def routes(office: Office, kept: Kept, credentials: Credentials, host: str) -> AdminRoutes:
    return AdminRoutes(office, kept.accounts, proving(credentials, host), is_month=is_month)


def proving(credentials: Credentials, host: str) -> Callable[[str, str, str], None]:
    """Check a password as a login of a client does, by the same counts of wrong ones."""

    def prove(name: str, password: str, address: str) -> None:
        login = credentials.begin(host, "PLAIN", Origin(remote_ip=address))
        login.step(f"\0{name}\0{password}".encode())

    return prove
