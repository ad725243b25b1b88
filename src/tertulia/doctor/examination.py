"""The whole examination in its order; what is of no use any more is skipped."""

from __future__ import annotations

from tertulia.client import Transport
from tertulia.config import Loaded
from tertulia.doctor import call, server, this_machine
from tertulia.doctor.report import Finding, Report, State, skipped
from tertulia.doctor.server import Address


async def examine(address: Address, loaded: Loaded | None) -> Report:
    """Look at a server from here.

    Args:
        loaded: its configuration when this is its machine; else None.
    """
    findings: list[Finding] = [] if loaded is None else this_machine.look_at(loaded)
    seen, addresses = await server.look_at(address)
    findings += seen
    is_up = any(each.check == "page" and each.state is State.GOOD for each in seen)
    for transport in (Transport.UDP, Transport.TCP):
        if not is_up:
            findings.append(skipped(f"call by {transport.upper()}", "without the page, no call"))
        elif findings[-1].check == call.BRIDGE:
            findings.append(skipped(f"call by {transport.upper()}", "without a bridge, no media"))
        else:
            findings.append(await call.hold(address, transport, addresses))
    return Report(address.url, findings)
