"""What a start needs from the machine: ports, certificate, secret."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tertulia import bridge_secret, certificates, data_folder, machine
from tertulia.adoption import Survivor
from tertulia.bridge_secret import BridgeSecret
from tertulia.config import Config
from tertulia.errors import ConfigError
from tertulia.server.addresses import beacon_place
from tertulia.web.acceptor import bind

_BRIDGES_WAITING = 128  # connections of bridges that are not accepted yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is missing of it is the operator's to mend."""

    listeners: list[socket.socket]  # of the HTTPS port: bound, not listening yet
    for_bridges: socket.socket  # of the XMPP port: listening, nobody is answered yet
    tls: ssl.SSLContext  # of the HTTPS port
    xmpp_tls: ssl.SSLContext  # of the XMPP port
    secret_file: Path
    secret: BridgeSecret
    bridge: Survivor | None  # left by a process of before that was killed

    @property
    def port(self) -> int:
        """The TCP port people use."""
        return int(self.listeners[0].getsockname()[1])

    @property
    def xmpp_port(self) -> int:
        """The TCP port of bridges."""
        return int(self.for_bridges.getsockname()[1])


def prepare(config: Config) -> Ground:
    """Take hold of all that. Raises: ConfigError."""
    bridge = Survivor.find(beacon_place(config))
    if bridge is not None and not config.bridge.enabled:
        bridge.terminate()
    if config.bridge.enabled and config.media.port and bridge is None:
        addresses = machine.media_addresses(config.media.addresses, config.host)
        machine.check_udp_port_is_free(addresses, config.media.port, "--media-port")
    if config.http.certificate is not None and config.http.private_key is not None:
        certificate = certificates.given(config.http.certificate, config.http.private_key)
    else:
        names = [config.host, "localhost", machine.own_name(), "127.0.0.1", "::1"]
        certificate = certificates.kept(
            config.data, list(dict.fromkeys([*names, *machine.own_addresses()]))
        )
    tls = certificate.server_context("http/1.1")
    file, secret = bridge_secret.kept(config.data, certificate.fingerprint)
    return Ground(
        listeners=bind(config.http.listen, config.http.port, option="--port"),
        for_bridges=_for_bridges(config),
        tls=tls,
        xmpp_tls=certificate.server_context("xmpp-client"),
        secret_file=file,
        secret=secret,
        bridge=bridge,
    )


def _for_bridges(config: Config) -> socket.socket:
    """At the port that `xmpp.port` says, else where the process before us was, else anywhere.

    Raises: ConfigError.
    """
    known = 0 if config.xmpp.port else data_folder.known_xmpp_port(config.data)
    listener = None
    if known:
        with suppress(ConfigError):
            (listener,) = bind([config.xmpp.listen], known, option="")
    if listener is None:
        option = "--set xmpp.port=PORT"
        (listener,) = bind([config.xmpp.listen], config.xmpp.port, option=option)
    data_folder.remember_xmpp_port(config.data, int(listener.getsockname()[1]))
    listener.listen(_BRIDGES_WAITING)
    return listener
