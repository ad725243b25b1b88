"""Signing in as it is configured: the provider, and the token of ours for whoever comes from it."""

from __future__ import annotations

from tertulia.accounts.links import LinkKey, PersonalLink
from tertulia.accounts.oidc import Client, Person, SignIns
from tertulia.config import Config
from tertulia.errors import ConfigError
from tertulia.web.sign_in import SignIn
from tertulia.xmpp.admission import ANY_ROOM


def configured(config: Config, links: LinkKey) -> SignIn | None:
    """The routes of signing in, None without a provider. Raises: ConfigError."""
    section = config.sign_in
    if not section.issuer:
        if section.admin_claim:
            raise ConfigError(
                "sign_in.issuer is empty but sign_in.admin_claim is not; give the provider's "
                "address, such as https://id.example.org"
            )
        return None
    is_local = section.issuer.startswith(("http://localhost:", "http://127.0.0.1:"))
    if not section.issuer.startswith("https://") and not is_local:
        raise ConfigError(f"sign_in.issuer: {section.issuer} does not begin with https://")
    if bool(section.lead_claim) != bool(section.lead_values):
        raise ConfigError(
            "sign_in.lead_claim and sign_in.lead_values belong together, such as groups and staff"
        )
    if bool(section.admin_claim) != bool(section.admin_values):
        raise ConfigError(
            "sign_in.admin_claim and sign_in.admin_values belong together, such as groups and it"
        )
    secret = ""
    if section.secret_file is not None:
        try:
            secret = section.secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigError(f"{section.secret_file}: cannot be read ({reason})") from None
    client = Client(
        issuer=section.issuer,
        client_id=section.client_id,
        secret=secret,
        scopes=section.scopes,
        lead_claim=section.lead_claim,
        lead_values=frozenset(section.lead_values),
        admin_claim=section.admin_claim,
        admin_values=frozenset(section.admin_values),
    )

    def token_for(person: Person, now: float) -> str:
        link = PersonalLink(
            room=ANY_ROOM,
            id=person.subject,
            name=person.name,
            email=person.email,
            moderator=person.leads,
            valid_s=section.valid_hours * 3600,
        )
        return links.token(link, now)

    return SignIn(SignIns(client), token_for)
