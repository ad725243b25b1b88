"""This machine: what it is called, at which addresses others can reach it, which ports are free."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import gc
import ipaddress
import resource
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from tertulia.errors import ConfigError

_SIOCGIFADDR = 0x8915  # netdevice(7)
_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE_BLOCK = 128 * 1024  # bytes; the library's own value, until it moves it


def own_addresses() -> list[str]:
    """IPv4 and IPv6 addresses of the interfaces that are up, loopback and link-local left out."""
    usable = []
    for text in _interface_addresses():
        address = ipaddress.ip_address(text)
        if not (address.is_loopback or address.is_link_local or address.is_unspecified):
            usable.append(text)
    return usable


def media_addresses(configured: Sequence[str], host: str) -> tuple[str, ...]:
    """Where media is sent from: as configured, else every address others may reach us at.

    A `host` that only this machine can mean adds the loopback addresses, so that a machine without
    any network holds meetings too. Elsewhere they would be candidates that nobody can reach.
    """
    if configured:
        return tuple(configured)
    loopback = _loopback_addresses() if is_this_machine(host) else []
    return (*own_addresses(), *loopback) or ("127.0.0.1",)


def is_this_machine(host: str) -> bool:
    """Whether a host name means, wherever it is said, the machine it is said on (RFC 6761 §6.3)."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def _loopback_addresses() -> list[str]:
    return [each for each in _interface_addresses() if ipaddress.ip_address(each).is_loopback]


def _interface_addresses() -> list[str]:
    return list(dict.fromkeys([*_ipv4_addresses(), *_ipv6_addresses()]))


def _ipv4_addresses() -> list[str]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
            except OSError:  # an interface without an IPv4 address
                continue
            found.append(socket.inet_ntoa(answer[20:24]))
    return found


def _ipv6_addresses() -> list[str]:
    try:
        lines = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
    except OSError:  # no IPv6 in this kernel
        return []
    return [str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))) for line in lines]


def own_name() -> str:
    return socket.gethostname().lower()


def return_large_blocks() -> None:
    """Have the C library return large blocks to the system as soon as they are freed (mallopt(3)).

    Each TLS connection holds two buffers of 256 KiB, mostly untouched. After the first is freed,
    glibc by itself takes the next ones from its heap, among small blocks, and keeps most of it:
    after 1,000 people had come and gone it held 75 MiB, instead of 15.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def rest_the_collector() -> None:
    """Have Python's collector do nothing until `spare_the_collector`, while modules are loaded.

    They make much and leave nothing to collect; looking for it took several times 15 ms.
    """
    gc.disable()


def spare_the_collector() -> None:
    """Have Python's collector look only at what is made from now on (gc.freeze).

    The modules of a process are 45,000 objects that stay as long as it runs. Looking through them
    for garbage took 15 ms at a time, again and again while people came.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


def raise_open_files_limit() -> None:
    """Use as many descriptors as the administrator allows: each person needs two or three.

    Systems keep the soft limit at 1024 for programs that still use select(2).
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def check_udp_port_is_free(addresses: Sequence[str], port: int, option: str) -> None:
    """Raise ConfigError when a UDP port we are about to hand to a bridge is taken.

    The bridge binds it itself a moment later and would report the same; asking first makes the
    usual mistake (two servers on one machine) one clear line of this process.
    """
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, port))
            except OSError as error:
                raise ConfigError(why_not_bound(error, address, port, "udp", option)) from None


def why_not_bound(error: OSError, address: str, port: int, protocol: str, option: str) -> str:
    """One line for the operator: which port could not be had, why, and what would do."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where}/{protocol} is taken by another program; stop it or choose with {option}"
    if error.errno == errno.EACCES:
        return f"{where}/{protocol} needs privileges; choose a port over 1023 with {option}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where}/{protocol} cannot be had: {address} is no address of this machine"
    return f"{where}/{protocol} cannot be had: {error.strerror or error}; choose with {option}"
