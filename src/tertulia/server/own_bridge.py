"""The bridge of this machine, which we start and supervise."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from collections.abc import Callable
from contextlib import suppress

from tertulia import machine, program
from tertulia.adoption import Survivor
from tertulia.config import Config
from tertulia.public_address import with_port
from tertulia.server.addresses import beacon_place, handover_place, local, netloc
from tertulia.server.ground import Ground
from tertulia.supervisor import supervise

logger = logging.getLogger("tertulia.server")


async def supervised_bridge(config: Config, ground: Ground, started: Callable[[], None]) -> None:
    """Keep the bridge running: the one that outlived a process of before, or a new one.

    Args:
        started: called once it is there.
    Raises: ChildRefused.
    """
    command = bridge_command(config, ground)
    settings = (program.fingerprint(), *command, ground.secret_file.read_text(encoding="ascii"))
    identity = hashlib.sha256("\0".join(settings).encode()).hexdigest()[:16]
    command += ("--identity", identity)
    name = f"bridge {config.bridge.name}"
    survivor, adopted, replacing = ground.bridge, None, None
    if survivor is not None:
        with suppress(OSError):  # it has ended meanwhile
            is_as_wanted = survivor.ask().identity == identity
            adopted = await survivor.adopt()
            logger.info("Adopted process: %s pid=%d", name, survivor.pid)
            if not is_as_wanted:
                replacing = asyncio.ensure_future(_replaced(survivor))
    try:
        await supervise(command, name=name, adopted=adopted, started=lambda pid: started())
    finally:
        if replacing is not None:
            replacing.cancel()


async def _replaced(survivor: Survivor) -> None:
    """End a bridge of other settings or another version, as soon as nobody would notice."""
    logger.info("Bridge has other settings, used from its next start: pid=%d", survivor.pid)
    await survivor.until_replaceable()
    survivor.terminate()


def bridge_command(config: Config, ground: Ground) -> list[str]:
    """The command an operator would type on another machine."""
    command = [
        *(sys.executable, "-m", "tertulia", "bridge"),
        *("--server", f"xmpp://{netloc(local(config.xmpp.listen), ground.xmpp_port)}"),
        *("--host", config.host),
        *("--name", config.bridge.name),
        *("--region", config.bridge.region),
        *("--secret-file", str(ground.secret_file)),
        *("--public-netloc", netloc(config.host, ground.port)),
        *("--media-port", str(config.media.port)),
        *("--monitor-address", config.monitor.listen),
        *("--monitor-port", str(config.bridge.monitor_port) if config.monitor.enabled else "none"),
        *("--max-conferences", str(config.bridge.max_conferences)),
        *("--max-endpoints", str(config.bridge.max_endpoints)),
        *("--max-memory", str(config.bridge.max_memory_mib)),
        *("--loudest-voices", str(config.bridge.loudest_voices)),
        *("--silence-after", str(config.bridge.silence_after_s)),
        *(("--shed-load",) if config.bridge.shed_load else ()),
        *(("--rest",) if config.bridge.rest else ()),
        *("--stop-within", "1"),  # it is told to stop because all of this stops
        *("--beacon", str(beacon_place(config))),
        *("--end-alone-after", str(config.bridge.alone_s)),
        *("--log-level", config.log.level),
        *("--log-format", config.log.format),
    ]
    for address in config.media.addresses:
        command += ("--media-address", address)
    for public in config.media.advertise:
        command += ("--advertise", public)
    for server in config.media.stun:
        command += ("--stun", server)
    if not config.media.hide_private:
        command += ("--tell-private",)
    if config.media.tcp_port:
        command += ("--tcp-port", str(config.media.tcp_port))
    if config.media.tcp:
        command += ("--handover", str(handover_place(config)))
        command += ("--tcp-public-port", str(config.media.tcp_public_port))
        for address in _also_served(config):
            command += ("--handover-address", with_port(address, ground.port))
    return command


def _also_served(config: Config) -> list[str]:
    """The media addresses at which the HTTPS port is served too."""
    listen = config.http.listen
    return [
        address
        for address in machine.media_addresses(config.media.addresses, config.host)
        if address in listen or ("::" if ":" in address else "0.0.0.0") in listen  # noqa: S104
    ]
