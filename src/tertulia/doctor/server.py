"""How a server looks from here: name, port, certificate, clock, pages."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import aiohttp
from cryptography import x509

from tertulia.doctor.report import Finding, broken, good, warning

WITHIN_S = 10.0
EXPIRES_SOON = datetime.timedelta(days=14)
MOST_CLOCK_S = 30.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is: `https://HOST[:PORT]`."""

    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" if self.port == 443 else f"https://{host}:{self.port}"


async def look_at(address: Address) -> tuple[list[Finding], set[str]]:
    """Everything short of a meeting, and the addresses the name leads to.

    The last finding is broken when there is no use in going on.
    """
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(WITHIN_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM
            )
    except OSError as error:
        fix = "register the name in the DNS, or correct `host`"
        text = f"{address.host} has no address: {error.strerror or 'no answer of the DNS'}"
        return [broken("name", text, fix)], set()
    addresses = {str(each[4][0]) for each in found}
    findings.append(good("name", f"{address.host} is {', '.join(sorted(addresses))}"))
    try:
        certificate = await _certificate(address)
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
        text = f"TCP port {address.port} of {address.host} cannot be reached: {reason}"
        fix = f"start the server, and let TCP port {address.port} through every firewall before it"
        return [*findings, broken("https", text, fix)], addresses
    findings.append(good("https", f"TCP port {address.port} answers"))
    findings.extend(about(certificate, address.host, datetime.datetime.now(datetime.UTC)))
    if not any(finding.state == "broken" for finding in findings):
        findings.extend(await _trust(address))
    findings.extend(await _page(address))
    return findings, addresses


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _certificate(address: Address) -> x509.Certificate:
    """What the server shows, whoever signed it. Raises: OSError."""
    async with asyncio.timeout(WITHIN_S):
        _, writer = await asyncio.open_connection(address.host, address.port, ssl=_unverified())
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown)


def about(certificate: x509.Certificate, host: str, now: datetime.datetime) -> list[Finding]:
    """Its time and its names (RFC 9525 §6)."""
    findings = []
    until, since = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    fix = "renew it, name the new files in `http.certificate` and `http.private_key`, restart"
    if now > until:
        findings.append(broken("certificate", f"expired on {until:%Y-%m-%d}", fix))
    elif now < since:
        fix = "set the clocks, of the server or of this machine"
        findings.append(broken("certificate", f"not valid before {since:%Y-%m-%d %H:%M} UTC", fix))
    elif until - now < EXPIRES_SOON:
        findings.append(warning("certificate", f"expires on {until:%Y-%m-%d}", fix))
    else:
        findings.append(good("certificate", f"valid until {until:%Y-%m-%d}"))
    names = _names(certificate)
    if not _covers(names, host):
        text = f"for {', '.join(sorted(names)) or 'no name'}, not for {host}"
        fix = f"get one for {host}, or use the address it is for"
        findings.append(broken("certificate", text, fix))
    return findings


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        kind = x509.SubjectAlternativeName
        extension = certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return set()
    addresses = extension.get_values_for_type(x509.IPAddress)
    return {*extension.get_values_for_type(x509.DNSName), *(str(each) for each in addresses)}


def _covers(names: set[str], host: str) -> bool:
    try:
        return str(ipaddress.ip_address(host)) in names
    except ValueError:
        name = host.lower().rstrip(".")
    return name in names or f"*.{name.partition('.')[2]}" in names


async def _trust(address: Address) -> list[Finding]:
    """Whether this system's authorities have signed it."""
    context = ssl.create_default_context()
    try:
        async with asyncio.timeout(WITHIN_S):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        fix = "get one of a public authority; until then people have to accept it by hand"
        return [warning("certificate", f"not trusted: {error.verify_message}", fix)]
    except OSError as error:
        return [warning("certificate", f"could not be verified: {error}", "try again")]
    writer.close()
    return []


async def _page(address: Address) -> list[Finding]:
    """The start page, and the clock by which it was sent."""
    url = f"{address.url}/"
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(url, ssl=_unverified()) as answer,
        ):
            status, date = answer.status, answer.headers.get("Date", "")
    except (aiohttp.ClientError, OSError) as error:
        text = f"{url} cannot be read: {error or type(error).__name__}"
        return [broken("page", text, "is another program on that port?")]
    if status != 200:
        fix = "is another program on that port, or a proxy before it that leads elsewhere?"
        return [broken("page", f"{url} answers {status}", fix)]
    findings = [good("page", f"{url} answers")]
    if date:
        behind_s = (
            datetime.datetime.now(datetime.UTC) - parsedate_to_datetime(date)
        ).total_seconds()
        if abs(behind_s) > MOST_CLOCK_S:
            text = f"this machine and the server differ by {abs(behind_s):.0f} s"
            findings.append(warning("clock", text, "let both be set by NTP"))
        else:
            findings.append(good("clock", "this machine and the server agree"))
    return findings
