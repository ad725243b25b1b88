"""The packet engine (Rust, `engine/`): sockets, ICE, DTLS, SRTP, forwarding, counters.

One thread per `Engine` moves every packet of every conference; Python gives it standing orders and
hears about events. No method blocks on the network, none is called per packet, and the engine
holds no policy: who receives what, and when, is said here by the caller.

Ids of endpoints and sources are integers the caller chooses, never reused within one Engine.
Orders are carried out in the order given. An order for an id that is gone is ignored.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, final

class EngineError(Exception):
    """An order that cannot be carried out: an id used twice, a fingerprint that is not hex, ..."""

@final
class PayloadType:
    """One RTP payload type on offer (RFC 3551); RTX is `rtx`, the payload type that repairs it."""

    def __init__(
        self,
        number: int,
        codec: Literal["opus", "red", "vp8", "vp9", "h264", "av1", "telephone-event"],
        clock_rate: int,
        *,
        channels: int = 1,
        rtx: int | None = None,
        parameters: dict[str, str] | None = None,
    ) -> None: ...

@final
class Encoding:
    """One encoding of a source: its SSRC and the SSRC of its retransmissions (FID group)."""

    def __init__(self, ssrc: int, rtx: int | None = None) -> None: ...

@final
class Source:
    """One audio or video origin: its encodings in SIM-group order, lowest first.

    Receivers see the first encoding's SSRCs whatever encoding is forwarded.
    """

    def __init__(
        self, source: int, kind: Literal["audio", "video"], encodings: Sequence[Encoding]
    ) -> None: ...

@final
class Limits:
    """Numbers of the mechanism; the reasons stand in bridge reference 2.7 and security A5."""

    def __init__(
        self,
        *,
        keyframe_interval_ms: int = 200,  # per source, over all receivers
        keyframes_per_receiver_10s: int = 3,
        keyframes_per_source_10s: int = 20,  # over all receivers
        keyframes_per_switching_10s: int = 10,  # per source and receiver, to begin or to switch
        reported_per_s: int = 20_000,  # what one endpoint's RTCP may name; a datagram counts as ten
        dtls_timeout_ms: int = 30_000,
        ice_timeout_ms: int = 120_000,  # nothing ever received after add_endpoint
        activity_timeout_ms: int = 60_000,  # nothing received any more
        max_datagrams_per_wakeup: int = 512,
    ) -> None: ...

@final
class Engine:
    def __init__(
        self,
        bind: Sequence[tuple[str, int]],
        *,
        tcp: Sequence[tuple[str, int]] = (),
        tcp_handover: str | PathLike[str] | None = None,
        limits: Limits | None = None,
        receive_buffer_bytes: int = 4_194_304,
    ) -> None:
        """Bind one UDP socket per (address, port) and start the thread.

        Args:
            bind: literal IPv4/IPv6 addresses of this machine, no wildcards; port 0 lets the system choose (then
                every address gets the same port as the first where possible).
            tcp: where to listen for ICE over TCP (RFC 6544, passive; RFC 4571 framing), in the same form.
            tcp_handover: path of a unix datagram socket to make; accepted connections whose first frame is still
                unread are taken from it (SCM_RIGHTS).
        Raises: OSError with errno and "address:port" (or the path) as its file name when a socket cannot be bound;
            ValueError when an address is not a literal one.
        """

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """What was bound, in the order asked for."""

    @property
    def tcp_addresses(self) -> list[tuple[str, int]]:
        """Where connections are accepted, in the order of `tcp`."""

    @property
    def fingerprint(self) -> tuple[str, str]:
        """("sha-256", "AB:CD:...") of the process-wide DTLS certificate (ECDSA P-256)."""

    def fileno(self) -> int:
        """Readable (eventfd) while events wait; for `loop.add_reader`."""

    def take_events(self) -> list[Event]:
        """All events since the last call; clears the eventfd. Never blocks."""

    def add_endpoint(
        self,
        endpoint: int,
        *,
        ufrag: str,
        pwd: str,
        controlling: bool,
        payload_types: Sequence[PayloadType],
        extensions: Sequence[tuple[int, str]],
    ) -> None:
        """Create one transport with local ICE credentials.

        Checks (and a DTLS ClientHello) that arrive before `set_remote` are kept and answered then.
        `extensions` are (id, uri) RTP header extensions; uris the engine cannot handle are ignored,
        and so is the MID: streams are told apart by the SSRCs of `set_sources` alone.
        Raises: EngineError when the id or the ufrag is in use.
        """

    def extend_endpoint(
        self,
        endpoint: int,
        *,
        payload_types: Sequence[PayloadType],
        extensions: Sequence[tuple[int, str]],
    ) -> None:
        """Say all that an endpoint may send and receive from now on: what it was added with, and more.

        Nothing else of it changes, so this may come at any time; packets of a source that waited for their
        payload type pass from the next key frame on. The caller sees to it that no number changes its meaning.
        """

    def set_remote(
        self,
        endpoint: int,
        *,
        ufrag: str,
        pwd: str,
        fingerprints: Sequence[tuple[str, str]],
        setup: Literal["active", "passive", "actpass"],
    ) -> None:
        """Give the peer's ICE credentials and DTLS fingerprints ((hash, "AB:CD:.."), any matches).

        Of several hash functions only the strongest supported one counts (sha-256, else sha-1).
        The engine is the DTLS server unless the peer is `passive`.
        Checking starts now, towards candidates and towards addresses learnt peer-reflexively.
        """

    def restart_ice(self, endpoint: int, *, ufrag: str, pwd: str) -> None:
        """Prepare an ICE restart in place (RFC 8445 §9) under new local credentials.

        DTLS, SRTP keys, SSRCs and numbering stay. Media stays on the old path until the new
        credentials have found one (then `IceRestarted`; the old path goes on answering for 3 s),
        and for good if none is found within 20 s (`IceRestartFailed`). Nothing is sent before
        `set_remote_credentials`; checks of the peer that come earlier are kept and answered then.
        A restart that is asked for while another is under way replaces it.
        Raises: EngineError when the ufrag is in use, when the endpoint is unknown, and when its
            `IceConnected` has not been taken yet: it then has the credentials it began with.
        """

    def set_remote_credentials(self, endpoint: int, *, ufrag: str, pwd: str) -> None:
        """Give the peer's ICE credentials for the restart under way; its checks start now.

        Raises: EngineError when no restart of this endpoint is under way.
        """

    def add_remote_candidate(
        self, endpoint: int, address: str, port: int, *, kind: str, priority: int
    ) -> None: ...
    def set_sources(self, endpoint: int, sources: Sequence[Source]) -> None:
        """Replace all sources this endpoint sends; a known source id keeps its state.

        Packets of any other SSRC from this endpoint are dropped and counted.
        """

    def set_muted(self, endpoint: int, *, audio: bool, video: bool) -> None:
        """Drop what this endpoint sends of these kinds (force mute)."""

    def forward(
        self,
        endpoint: int,
        wanted: Sequence[
            tuple[int, int, int, int] | tuple[int, int, int, int, tuple[int, int | None]]
        ],
    ) -> None:
        """Say all that this endpoint shall receive: (source, encoding, highest spatial layer, highest
        temporal layer).

        A source left out is suspended: nothing of it is sent, its output state (sequence numbers,
        picture ids) is kept and goes on when it returns. Encoding switches wait for a keyframe,
        and so do steps between spatial layers where the stream demands it; the engine asks for
        it. Layer 7 means all. Audio ignores the three numbers.

        With a fifth member, (SSRC, SSRC of retransmissions or None), the source comes out as that
        stream, a *slot*, instead of its own first encoding. A slot that is given another source
        goes on where it was (sequence numbers, timestamps, picture ids, frame numbers); video
        begins with a keyframe. Feedback on a slot concerns the source that is in it. Tell the
        receiver what the slot means before giving the order; no two sources may share one.
        """

    def set_needed(self, endpoint: int, bps: int) -> None:
        """What all the endpoint asked for would take at its best, forwarded or not.

        More bandwidth is looked for until there is twice as much.
        """

    def request_keyframe(self, source: int) -> None:
        """Ask the sender of a video source for a keyframe, within the limits."""

    def remove_endpoint(self, endpoint: int) -> None:
        """End the transport and forget its sources and everything forwarded to or from it."""

    def stats(self) -> EngineStats:
        """The snapshot the thread last published (at most 250 ms old)."""

    def close(self) -> None:
        """Stop the thread and close the sockets; idempotent."""

@final
class IceConnected:
    """The first validated pair; DTLS starts at this moment."""

    endpoint: int
    local: str  # "address:port"
    remote: str
    protocol: str  # "udp" or "tcp"

@final
class IceRestarted:
    """An ICE restart has found its path; media goes there from now on."""

    endpoint: int
    local: str  # "address:port"
    remote: str
    protocol: str  # "udp" or "tcp"

@final
class IceRestartFailed:
    """An ICE restart found no path in 20 s; the endpoint goes on with its old path."""

    endpoint: int

@final
class DtlsConnected:
    endpoint: int
    srtp_profile: str  # such as "AEAD_AES_128_GCM"

@final
class EndpointFailed:
    """The engine has given this endpoint up and dropped it; the caller tells the focus.

    reason: "ice-failed", "dtls-failed", "fingerprint-mismatch", "idle", "internal", or "closed":
    the peer ended DTLS, as a browser does when its connection is closed.
    """

    endpoint: int
    reason: str

@final
class SourceLevels:
    """RFC 6464 levels of one audio source since the last such event (one per 20 ms packet).

    Sent every 100 ms or so for sources that sent something. One byte per packet, 0 (loudest) to
    127 (silence), in order of arrival.
    """

    source: int
    levels: bytes

@final
class SourceLayers:
    """What a video source sends now; sent when it changes noticeably and once per second.

    layers: (encoding, spatial, temporal, bps, height, fps), with bps including the layers of the
    same encoding that this one needs; height 0 and fps 0.0 where unknown; only active layers (bps > 0).
    Rates are those of the last second, of key frames those of about the last four.
    """

    source: int
    codec: str
    layers: list[tuple[int, int, int, int, int, float]]

@final
class BandwidthEstimate:
    """The estimate towards this receiver moved noticeably.

    bps counts UDP payload, retransmissions and padding included. First told with the first feedback
    (transport-wide congestion control, else REMB).
    """

    endpoint: int
    bps: int

Event = (
    IceConnected
    | IceRestarted
    | IceRestartFailed
    | DtlsConnected
    | EndpointFailed
    | SourceLevels
    | SourceLayers
    | BandwidthEstimate
)

@final
class EndpointStats:
    endpoint: int
    idle_ms: int  # since the last packet of any kind (STUN included) arrived
    packets_received: int
    bytes_received: int
    packets_sent: int
    bytes_sent: int
    rtt_ms: float  # 0.0 while unknown
    loss_in: float  # fraction, last interval
    loss_out: float
    estimate_bps: int  # 0 while unknown
    nacks_received: int
    nacks_sent: int
    retransmissions_sent: int  # those sent as bandwidth probes included
    keyframe_requests_received: int
    keyframe_requests_sent: int
    path: tuple[str, str, str] | None
    """Where everything is sent: (local, remote) as "address:port", then "udp" or "tcp"."""

@final
class EngineStats:
    endpoints: list[EndpointStats]
    packets_received: int
    bytes_received: int
    packets_sent: int
    bytes_sent: int
    packets_forwarded: int  # one per receiver
    keyframes_received: int  # of any encoding
    unmatched_feedback: int
    """Packets that feedback (transport-wide congestion control) says arrived and that are not known
    to have been sent: too long ago, or never."""
    wakeups: int
    cpu_us: int  # of the engine's thread
    tcp_open: int  # connections of ICE over TCP
    tcp_opened: int
    tcp_closed: dict[str, int]
    """Reason -> count: "ended" (by the peer), "no-check-first", "oversized-frame", "half-frame",
    "stalled" (reads nothing), "silent", "endpoint-gone", "too-many", "error"."""
    dropped: dict[str, int]
    """Reason -> count: "unknown-ufrag", "not-stun-first", "bad-stun", "unknown-ssrc",
    "malformed-rtp", "malformed-rtcp", "undescribed" (a dependency descriptor of an unknown
    structure), "srtp-auth", "unknown-payload-type", "muted", "silence",
    "too-much-reported" (RTCP of an endpoint over `reported_per_s`), ...
    "internal" counts endpoints given up because of a bug; the log has the panic."""

# -- participants (`engine/src/client/`)

@final
class Stream:
    """One RTP stream of a peer: its SSRC and that of its retransmissions (FID group)."""

    def __init__(
        self, kind: Literal["audio", "video"], ssrc: int, rtx: int | None = None
    ) -> None: ...

@final
class ClientEngine:
    """Participants: one thread that carries many WebRTC peers, each with sockets of its own.

    In the mode "frames" encoded frames go in and out: Opus packets, VP8, VP9 and AV1 frames
    (temporal units of OBUs with size fields), H.264 access units in Annex B form. In the mode
    "packets" RTP packets do. Ids of peers are integers below 2**56 the caller chooses, never
    reused. Orders are carried out in the order given; one for a peer that is gone is ignored.
    """

    def __init__(self) -> None: ...
    @property
    def fingerprint(self) -> tuple[str, str]:
        """("sha-256", "AB:CD:...") of the process-wide DTLS certificate."""

    def fileno(self) -> int:
        """Readable (eventfd) while events wait; for `loop.add_reader`."""

    def take_events(self) -> list[ClientEvent]:
        """All events since the last call; clears the eventfd. Never blocks.

        A reader that is too slow loses frames and packets (`ClientStats.events_dropped`), never
        other events; the next frame of the stream is then not `contiguous`.
        """

    def add_peer(
        self,
        peer: int,
        *,
        ufrag: str,
        pwd: str,
        controlling: bool,
        payload_types: Sequence[PayloadType],
        extensions: Sequence[tuple[int, str]],
        bind: Sequence[str],
        mode: Literal["frames", "packets"] = "frames",
        estimate: bool = False,
        connect_timeout_ms: int = 30_000,
        silence_timeout_ms: int = 30_000,
    ) -> list[tuple[str, int]]:
        """Begin with a peer; returns the addresses of its UDP sockets: its host candidates.

        Args:
            bind: literal addresses of this machine, one socket each; none leaves the peer to TCP.
            estimate: find out by transport-wide feedback how much can be sent (`SendEstimate`),
                and pace frames by it.
            connect_timeout_ms: from `set_remote` to the end of the handshake.
            silence_timeout_ms: nothing received any more, once connected.
        Raises: OSError when an address cannot be bound; EngineError when the id is in use.
        """

    def set_remote(
        self,
        peer: int,
        *,
        ufrag: str,
        pwd: str,
        fingerprints: Sequence[tuple[str, str]],
        setup: Literal["active", "passive", "actpass"],
    ) -> None:
        """Give the other side's ICE credentials and DTLS fingerprints; checking starts.

        The peer is the DTLS client unless the other side is `active`.
        """

    def add_remote_candidate(
        self,
        peer: int,
        address: str,
        port: int,
        *,
        protocol: Literal["udp", "tcp"],
        kind: str,
        priority: int,
    ) -> None:
        """Check a literal address; "tcp" is a passive candidate (RFC 6544), to which we connect.

        Raises: ValueError when the address is not a literal one.
        """

    def publish(self, peer: int, streams: Sequence[Stream]) -> None:
        """Replace all streams that are sent; a known one keeps its state."""

    def subscribe(self, peer: int, streams: Sequence[Stream]) -> None:
        """Replace all streams that are received; packets of other SSRCs are dropped."""

    def send_frame(
        self,
        peer: int,
        ssrc: int,
        payload_type: int,
        timestamp: int,
        data: bytes,
        *,
        level: int | None = None,
    ) -> bool:
        """Send one encoded frame; False when too much is waiting and it was dropped.

        Args:
            timestamp: in the clock of the payload type, without wrapping.
            level: RFC 6464, 0 (loudest) to 127 (silence).
        A frame for a peer that is not connected is dropped and counted.
        """

    def send_packet(
        self,
        peer: int,
        ssrc: int,
        payload_type: int,
        sequence: int,
        timestamp: int,
        payload: bytes,
        *,
        marker: bool = False,
        level: int | None = None,
    ) -> bool:
        """Send one RTP packet.

        `sequence` does not wrap, its low 16 bits are sent; that of a stream's first packet is
        below 2**16, because receivers count the wraps from 0 (RFC 3711 §3.3.1).
        """

    def request_keyframe(self, peer: int, ssrc: int) -> None:
        """Ask the other side for a key frame of a stream that is received."""

    def desire(self, peer: int, bps: int) -> None:
        """Say how much is going to be sent: the estimate looks for as much, and no further."""

    def remove_peer(self, peer: int) -> None:
        """End a peer; the other side sees the connection closed."""

    def stats(self) -> ClientStats: ...
    def close(self) -> None:
        """Stop the thread and close the sockets; idempotent."""

@final
class PeerPath:
    """Packets go this way now: the pair ICE has selected."""

    peer: int
    protocol: str  # "udp" or "tcp"
    local: str  # "address:port"
    remote: str

@final
class PeerConnected:
    """The DTLS handshake is over; media can be sent."""

    peer: int
    srtp_profile: str

@final
class PeerFailed:
    """The peer was given up and dropped.

    reason: "ice-failed", "dtls-failed", "fingerprint-mismatch", "silent", "internal", or "closed"
    by the other side.
    """

    peer: int
    reason: str

@final
class CandidateFailed:
    """No TCP connection to this candidate, or it has ended (errno 0: closed by the other side)."""

    peer: int
    address: str
    port: int
    errno: int

@final
class FrameReceived:
    peer: int
    ssrc: int
    payload_type: int
    timestamp: int  # RTP, in the clock of the payload type, without wrapping
    keyframe: bool  # False for audio
    contiguous: bool  # False: frames between this and the one before are missing
    level: int | None  # RFC 6464, of the first packet
    arrived: float  # of its first packet, on the clock of `time.monotonic()`
    data: bytes

@final
class PacketReceived:
    peer: int
    ssrc: int
    payload_type: int
    sequence: int  # without wrapping
    timestamp: int
    marker: bool
    level: int | None
    arrived: float  # on the clock of `time.monotonic()`
    payload: bytes

@final
class KeyframeRequested:
    """The other side needs a key frame of a stream that is sent."""

    peer: int
    ssrc: int

@final
class SendEstimate:
    """How much can be sent has changed noticeably."""

    peer: int
    bps: int

ClientEvent = (
    PeerPath
    | PeerConnected
    | PeerFailed
    | CandidateFailed
    | FrameReceived
    | PacketReceived
    | KeyframeRequested
    | SendEstimate
)

@final
class ClientStats:
    """Sums over all peers since the start."""

    datagrams_received: int
    bytes_received: int
    datagrams_sent: int
    bytes_sent: int
    datagrams_refused: int  # the kernel, or a slow TCP connection, had no room
    not_sent: int  # frames and packets for a peer that was not ready, or of an unknown stream
    events_dropped: int  # frames and packets the reader was too slow for

# -- the load generator

@final
class LoadPeer:
    """One client of a `Load`: what signalling has to tell the server about it."""

    id: int
    ip: str
    port: int  # of its own UDP socket
    ufrag: str
    pwd: str
    fingerprint: str  # SHA-256, as in SDP; the peer takes the client's side of DTLS

@final
class Load:
    """Many WebRTC clients in one thread of their own, for benchmarks and tests under load.

    They send numbered, dated packets that look like VP8 and Opus, count what they receive and
    measure how long it took; the kernel dates what comes in. Orders are carried out in the order
    given; one about a peer that is gone is ignored.
    """

    def __init__(self, ip: str = "127.0.0.1") -> None:
        """Every peer gets a socket at this address. Raises: ValueError, OSError."""

    def add_peer(self, room: int) -> LoadPeer:
        """A peer of a room; packets of other rooms are counted as strangers. Raises: OSError."""

    def connect(
        self,
        peer: LoadPeer,
        *,
        ufrag: str,
        pwd: str,
        fingerprint: tuple[str, str],
        candidates: Sequence[str],
        controlling: bool,
        payload_types: Sequence[tuple[int, str, int, int, int | None]],
        extensions: Sequence[tuple[int, str]],
    ) -> None:
        """Begin ICE and DTLS with what the server said.

        Args:
            fingerprint: hash name and digest.
            candidates: "address:port" over UDP.
            controlling: the peer's role in ICE.
            payload_types: number, encoding name, clock rate, channels, RTX payload type.
            extensions: id and URI.
        Raises: ValueError.
        """

    def connect_bare(self, peer: LoadPeer, server: str) -> None:
        """Exchange SRTP with `server` ("address:port") under well-known keys, without ICE and DTLS:
        for the bound of forwarding (`engine/examples/reference_loop.rs`)."""

    def publish(
        self,
        peer: LoadPeer,
        *,
        mid: str,
        is_video: bool,
        payload_type: int,
        ssrc: int,
        rtx: int | None,
        frames_per_s: float,
        frame_bytes: int,
        variation: float = 0.0,
        packet_bytes: int = 1100,
        key_factor: float = 1.0,
        key_every_s: float = 0.0,
    ) -> None:
        """Add a stream the connected peer sends from `start` on.

        Args:
            frame_bytes: payload of an average frame; others are up to `variation` larger or smaller.
            packet_bytes: the most payload one packet carries; a frame's packets are equally long.
            key_factor: how many times larger a key frame is.
            key_every_s: key frames nobody asked for; 0 for none.
        """

    def expect(self, peer: LoadPeer, streams: Sequence[tuple[int, int | None, bool]]) -> None:
        """Streams the connected peer will get: SSRC, SSRC of retransmissions, whether video."""

    def start(self, peers: Sequence[LoadPeer]) -> None: ...
    def stop(self) -> None:
        """Nobody sends any more."""

    def remove(self, peer: LoadPeer) -> None: ...
    def poll_every(self, us: int) -> None:
        """Look at the sockets only so often; 0 (the default): whenever something comes in."""

    def reset(self) -> None:
        """Count anew."""

    def report(self) -> dict[str, Any]:
        """What was counted since `reset`.

        Keys: sent, received, received_bytes, missing (numbers left out), late (behind a higher
        number), misnumbered (RTP sequence numbers that do not follow), strangers, unstamped,
        delay_p50_ns, delay_p99_ns, delay_max_ns (from before encryption at the sender to the
        receiver's kernel), cpu_ns (of the generator's thread since it began), and peers: by id, with
        ice_s, dtls_s, first_packet_s (since `connect`; None until then), client_hellos, profile,
        streams_heard (since `reset`).
        """

    def close(self) -> None: ...
