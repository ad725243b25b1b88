"""Sections of the configuration: who may come in, and how they show who they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tertulia.config.declaring import key
from tertulia.setting_rules import KEYS_FROM, SIGNED_IN, one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    open: str = key(
        "everybody",
        "Who may open rooms: everybody, or those with an account or a token; guests wait for them.",
        one_of("everybody", "accounts"),
    )
    join: str = key(
        "everybody",
        "Who may come into rooms that are open: everybody, or those with an account or a token.",
        one_of("everybody", "accounts"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    issuer: str = key(
        "", "Address of the OpenID Connect provider where people sign in; empty: there is none."
    )
    client_id: str = key("tertulia", "As what this server is registered there.")
    secret_file: Path | None = key(None, "File with the secret that the provider gave us.")
    scopes: tuple[str, ...] = key(("openid", "profile", "email"), "What the provider is asked.")
    lead_claim: str = key(
        "", "Claim that decides who leads meetings, such as groups; empty: all who sign in."
    )
    lead_values: tuple[str, ...] = key((), "Values of that claim by which somebody leads.")
    valid_hours: int = key(12, "How long a sign-in lasts.", SIGNED_IN)
    admin_claim: str = key(
        "",
        "Claim that makes somebody an administrator, such as groups or email; empty: only local "
        "accounts can be.",
    )
    admin_values: tuple[str, ...] = key(
        (), "Values of that claim by which somebody is one, such as it-staff or ana@example.org."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    issuers: tuple[str, ...] = key(
        (), "Accepted `iss` of tokens of a web application; * for any. Empty: no such tokens."
    )
    audiences: tuple[str, ...] = key(("*",), "Accepted `aud` of these tokens; * for any.")
    secret_file: Path | None = key(
        None, "File with the secret that they are signed with (HS256), of at least 32 bytes."
    )
    public_keys: Path | None = key(
        None, "PEM file with the public key for them (RS256, ES256), or a folder of KID.pem."
    )
    key_server: str = key(
        "",
        "Address that is asked for public keys, as SHA256-OF-KID.pem below it (asap_key_server of "
        "Jitsi); empty: nobody is asked.",
        KEYS_FROM,
    )
    key_set: str = key(
        "", "Address of a JWK set with the public keys; empty: nobody is asked.", KEYS_FROM
    )
    check_subject: bool = key(False, "Require `sub` of these tokens to be `host`, or *.")
