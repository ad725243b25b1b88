"""ICE over TCP seen from Python: a participant reaches the bridge's engine by a connection."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest
from tests.unit.engine.test_client_engine import PASSWORD, add_peer, payload_types, until

from tertulia._engine import ClientEngine, Engine, PeerConnected, PeerPath


@pytest.fixture
def clients() -> Iterator[ClientEngine]:
    clients = ClientEngine()
    yield clients
    clients.close()


def test_a_participant_without_udp_connects_by_tcp(clients: ClientEngine) -> None:
    bridge = Engine([("127.0.0.1", 0)], tcp=[("127.0.0.1", 0)])
    try:
        bridge.add_endpoint(
            1,
            ufrag="endpoint1",
            pwd=PASSWORD,
            controlling=True,
            payload_types=payload_types(),
            extensions=[],
        )
        add_peer(clients, 1, [])
        bridge.set_remote(
            1, ufrag="peer1", pwd=PASSWORD, fingerprints=[clients.fingerprint], setup="active"
        )
        clients.set_remote(
            1, ufrag="endpoint1", pwd=PASSWORD, fingerprints=[bridge.fingerprint], setup="actpass"
        )
        [(address, port)] = bridge.tcp_addresses
        clients.add_remote_candidate(
            1, address, port, protocol="tcp", kind="host", priority=1_518_280_447
        )

        path = until(clients, lambda each: each if isinstance(each, PeerPath) else None)
        assert (path.protocol, path.remote) == ("tcp", f"{address}:{port}")
        until(clients, lambda each: True if isinstance(each, PeerConnected) else None)
    finally:
        bridge.close()


def test_a_tcp_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}") as refused:
            Engine([("127.0.0.1", 0)], tcp=[("127.0.0.1", port)])
    assert refused.value.errno == errno.EADDRINUSE
