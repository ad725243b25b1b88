"""What one client may cost the XMPP service, each limit with its name, default and reason.

Source: the table of abuse limits in the security reference. `server` composes these at the top.
"""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.xmpp.xml import XmlLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppLimits:
    """Limits of streams and connections; texts of refusals name the field that was exceeded."""

    # Connections. A class of pupils behind one address arrives together, so the burst is generous:
    # 200 connections at once pass, a flood is held to 5/s. Those that are not logged in are few at
    # any moment because a login takes a fraction of a second; more of them wait for a free place.
    unauthenticated_per_ip: int = 20
    waiting_per_ip: int = 400
    connections_per_ip_per_s: float = 5.0
    connections_per_ip_burst: int = 200
    authenticate_s: float = 10.0  # from the connection to the bound resource
    login_attempts: int = 3

    # One stanza.
    stanza_bytes_before_login: int = 64 * 1024
    stanza_bytes: int = 256 * 1024
    stanza_depth: int = 64
    stanza_attributes: int = 64  # per element
    stanza_name_bytes: int = 512
    stanza_elements: int = 2_000  # about 10 ms to parse, and as much again to pass on
    account_stanza_elements: int = 8_000  # orders of bridges for whole conferences

    # What many say at once. The first stanza of each is taken when it comes; more of the same
    # client wait in a line, which has so much of each turn of the event loop. Larger ones are
    # parsed in pieces of so many bytes, each of which waits for its turn.
    turn_s: float = 0.002
    piece_bytes: int = 4096

    # Stanzas per session. A join sends many at once (presence, sources, candidates), hence the
    # larger burst at first. Over the rate the session is read more slowly; if it keeps that up
    # for `overload_s`, it is closed.
    stanzas_per_s: float = 50.0
    stanzas_burst: int = 200
    stanzas_burst_joining: int = 400
    joining_s: float = 30.0
    overload_s: float = 30.0
    # What one session says goes to everybody in its room, also to those with a thin line; a join
    # with its sources, an offer between two or keys for a hundred people are one burst.
    sent_bytes_per_s: float = 64 * 1024
    sent_bytes_burst: int = 512 * 1024
    # Bridges and their like log in with an account of ours and speak for all their conferences: a
    # hundred people who arrive at once make thousands of stanzas. High enough never to be met by
    # work, low enough that a bridge gone mad does not take the machine.
    account_stanzas_per_s: float = 2_000.0
    account_stanzas_burst: int = 10_000
    account_bytes_per_s: float = 16 * 1024 * 1024

    # What waits for a client that does not read, or too slowly: in our memory, besides what fits
    # into the kernel's buffer of its WebSocket; and for how long it may not have read what was
    # sent. It is disconnected then, and its session ends: it would only fall behind again.
    outgoing_bytes: int = 1024 * 1024
    kernel_bytes: int = 128 * 1024  # the kernel takes twice that; left alone, it takes megabytes
    behind_s: float = 45.0

    # Peers that vanished without a word. On TCP: asked after `idle_ping_s` of silence (XEP-0199),
    # given up after half of that again. Elsewhere: asked so often that a cut of 7 s is never taken
    # for an end, and out of all rooms `silence_s` after the last sign of life.
    idle_ping_s: float = 10.0
    quiet_ping_s: float = 2.0
    silence_s: float = 10.0

    # BOSH: how long a request waits for something to say; from one address; one request.
    bosh_wait_s: int = 4
    bosh_sessions_per_ip: int = 200
    bosh_body_bytes: int = 256 * 1024

    # Sessions whose client is gone and may come back (XEP-0198).
    resume_s: int = 60
    hibernating_sessions: int = 5_000  # the one that is gone for longest ends first
    unacknowledged_stanzas: int = 2_000  # more of them, and the session cannot be resumed
    unacknowledged_characters: int = 1024 * 1024

    def before_login(self) -> XmlLimits:
        return XmlLimits(
            max_bytes=self.stanza_bytes_before_login,
            max_depth=self.stanza_depth,
            max_attributes=self.stanza_attributes,
            max_name_bytes=self.stanza_name_bytes,
            max_elements=1_000,
        )

    def after_login(self, *, is_account: bool = False) -> XmlLimits:
        elements = self.account_stanza_elements if is_account else self.stanza_elements
        return XmlLimits(
            max_bytes=self.stanza_bytes,
            max_depth=self.stanza_depth,
            max_attributes=self.stanza_attributes,
            max_name_bytes=self.stanza_name_bytes,
            max_elements=elements,
        )
