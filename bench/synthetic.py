"""A client without media that says what a stock Jitsi client says, and is cheap enough for 200.

It speaks RFC 7395, logs in anonymously, asks for the conference, enters the room, answers the
focus, accepts the session and acknowledges everything. There is no ICE, DTLS or RTP behind it,
unless a subclass brings some (`bench/ours.py`).
It reads frames with regular expressions and not with our own XML and Jingle code: that keeps it
cheap, and a mistake of the server's parser is not repeated here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import itertools
import json
import random
import re
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import (
    ClientConnectionResetError,
    ClientSession,
    ClientWebSocketResponse,
    TCPConnector,
    WSMsgType,
)

CAPS_NODE = "https://jitsi.org/jitsi-meet"
# What a stock desktop Chrome answers; without SSRC rewriting, so that sources are signalled.
MEDIA_FEATURES = frozenset(
    {"urn:xmpp:jingle:apps:rtp:audio", "urn:xmpp:jingle:apps:rtp:video", "urn:ietf:rfc:4588"}
)
FEATURES = (
    "http://jabber.org/protocol/caps",
    "http://jitsi.org/json-encoded-sources",
    "http://jitsi.org/receive-multiple-video-streams",
    "http://jitsi.org/remb",
    "http://jitsi.org/source-name",
    "http://jitsi.org/start-muted-room-metadata",
    "http://jitsi.org/tcc",
    "http://jitsi.org/visitors-1",
    "https://jitsi.org/meet/e2ee",
    "urn:ietf:rfc:4588",
    "urn:xmpp:jingle:1",
    "urn:xmpp:jingle:apps:dtls:0",
    "urn:xmpp:jingle:apps:rtp:1",
    "urn:xmpp:jingle:apps:rtp:audio",
    "urn:xmpp:jingle:apps:rtp:video",
    "urn:xmpp:jingle:transports:ice-udp:1",
    "urn:xmpp:rayo:client:1",
)
_IDENTITY = "client/web//Jitsi Meet"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client says it can do: the hash in its presence, the answer when it is asked."""

    ver: str
    answer: str

    @classmethod
    def of(cls, features: Iterable[str]) -> Capabilities:
        """Source: XEP-0115 §5.1."""
        ordered = sorted(features)
        text = "".join(f"{part}<" for part in (_IDENTITY, *ordered))
        ver = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
        return cls(
            ver,
            f"<query xmlns='http://jabber.org/protocol/disco#info' node='{CAPS_NODE}#{ver}'>"
            "<identity category='client' type='web' name='Jitsi Meet'/>"
            + "".join(f"<feature var='{feature}'/>" for feature in ordered)
            + "</query>",
        )


_WITH_MEDIA = Capabilities.of(FEATURES)
_WITHOUT_MEDIA = Capabilities.of(set(FEATURES) - MEDIA_FEATURES)

_HEAD = re.compile(r"<([A-Za-z:]+)([^>]*)>")
_ATTRIBUTE = re.compile(r"""([A-Za-z:-]+)\s*=\s*(?:'([^']*)'|"([^"]*)")""")
_JID = re.compile(r"<jid>([^<]+)</jid>")
_SELF_PRESENCE = re.compile(r"""<status code=['"]110['"]""")
_JSON_SOURCES = re.compile(r"<json-message[^>]*>(.*?)</json-message>", re.DOTALL)
_OWNER = re.compile(r"""\bowner=['"]([^'"/]+)['"]""")
_SOURCE_INFO = re.compile(r"<SourceInfo[^>]*>([^<]*)</SourceInfo>")


def _attributes(tag: str) -> dict[str, str]:
    return {key: single or double for key, single, double in _ATTRIBUTE.findall(tag)}


class SyntheticError(Exception):
    """The server said something else than the dialogue foresees."""


@dataclass(slots=True)
class Milestones:
    """When what was reached, on the clock of the event loop; 0.0 while it was not."""

    began: float = 0.0
    bound: float = 0.0
    conference_ready: float = 0.0
    present: float = 0.0
    offered: float = 0.0
    accepted: float = 0.0


@dataclass(slots=True)
class Traffic:
    """What came from the server, to see what a join costs on the wire."""

    frames: int = 0
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of another endpoint."""

    ssrc: int
    rtx: int | None
    is_video: bool


@dataclass(frozen=True, slots=True)
class Sending:
    """What a client answers an offer with: its transport, and what it sends."""

    ufrag: str
    pwd: str
    fingerprint: str
    audio: int | None  # SSRC
    video: tuple[tuple[int, int], ...]  # encodings, lowest first: SSRC, SSRC of retransmissions

    @classmethod
    def like_a_browser(cls) -> Sending:
        """A microphone and a camera in three layers, on a transport that does not exist."""
        ssrcs = random.sample(range(1, 2**32), 7)
        return cls(
            ufrag=secrets.token_hex(2),
            pwd=secrets.token_hex(12),
            fingerprint=":".join(f"{byte:02X}" for byte in secrets.token_bytes(32)),
            audio=ssrcs[0],
            video=tuple(zip(ssrcs[1:4], ssrcs[4:7], strict=True)),
        )


@dataclass(slots=True)
class Occupants:
    """What this client knows of the others in its room, by endpoint id."""

    present: set[str] = field(default_factory=set)
    unmuted: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    streams: dict[int, Stream] = field(default_factory=dict)  # only where they came as JSON


class SyntheticClient:
    """One participant of one room.

    Args:
        with_focus: ask the focus for the conference first; without it only the room is entered
            (to measure a MUC service that has no focus).
        with_media: without it the client says it can neither send nor receive, so the focus
            gives it no session: only the room remains.
    """

    def __init__(
        self,
        http: ClientSession,
        url: str,
        *,
        domain: str,
        room: str,
        muc_domain: str = "",
        with_focus: bool = True,
        with_media: bool = True,
    ) -> None:
        self._http = http
        self._url = url
        self._domain = domain
        self._room = room
        self._muc = f"{room}@{muc_domain or 'conference.' + domain}"
        self._with_focus = with_focus
        self._with_media = with_media
        self._capabilities = _WITH_MEDIA if with_media else _WITHOUT_MEDIA
        self._ids = itertools.count(1)
        self._socket: ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._pending: dict[str, str] = {}  # iq id -> what the answer means
        self._goal: asyncio.Event = asyncio.Event()  # set whenever something was reached
        self._failure: SyntheticError | None = None
        self._sending: Sending | None = None
        self.endpoint = ""
        self.jid = ""
        self.at = Milestones()
        self.traffic = Traffic()
        self.others = Occupants()

    # -- what benches wait for

    async def join(self) -> None:
        """Connect and go on until the own presence came back: the room's list is complete."""
        self.at.began = asyncio.get_running_loop().time()
        await self._log_in()
        self._reader = asyncio.create_task(self._read())
        await self._begin()
        await self._until(lambda: bool(self.at.present))

    async def until_accepted(self) -> None:
        """Until the result of our session-accept has come. Alone in a room it never does."""
        await self._until(lambda: bool(self.at.accepted))

    async def until_settled(self, others: int) -> None:
        """Until `others` occupants are known; with media also their sources, all unmuted."""
        known = self.others
        needed = (known.unmuted, known.sources) if self._with_media else (known.present,)
        await self._until(lambda: all(len(each) >= others for each in needed))

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None and not self._socket.closed:
            with suppress(ClientConnectionResetError):
                await self._send('<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />')
            await self._socket.close()

    # -- what a subclass with media overrides

    def answer(self, offer: str) -> Sending:
        """What to answer the session-initiate with."""
        return Sending.like_a_browser()

    def expect(self, streams: list[Stream]) -> None:
        """More streams of others were announced."""

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            if self._failure is not None:
                raise self._failure
            self._goal.clear()
            await self._goal.wait()

    # -- from the connection to the bound resource (RFC 7395, RFC 6120 §6 and §7)

    async def _log_in(self) -> None:
        self._socket = await self._http.ws_connect(
            f"{self._url}?room={quote(self._room)}", protocols=("xmpp",), max_msg_size=0
        )
        await self._open()
        await self._send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
        await self._expect("<success")
        await self._open()
        await self._send(
            "<iq xmlns='jabber:client' type='set' id='_bind_auth_2'>"
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
        )
        assert self._socket is not None
        answer = await self._socket.receive_str()
        if answer.startswith("<message"):  # discovery, pushed
            answer = await self._expect("<iq")
        found = _JID.search(answer)
        if found is None:
            raise SyntheticError(f"no address was bound: {answer[:300]}")
        self.jid = html.unescape(found[1])
        node = self.jid.partition("@")[0]
        is_hex = re.match(r"[0-9a-f]{8}", node) is not None
        self.endpoint = node[:8] if is_hex else secrets.token_hex(4)
        self.at.bound = asyncio.get_running_loop().time()

    async def _open(self) -> None:
        await self._send(
            f"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{self._domain}' version='1.0'/>"
        )
        await self._expect("<open")
        await self._expect("<stream:features")

    async def _expect(self, beginning: str) -> str:
        assert self._socket is not None
        frame = await self._socket.receive_str()
        if not frame.startswith(beginning):
            raise SyntheticError(f"expected {beginning}: {frame[:300]}")
        return frame

    async def _send(self, frame: str) -> None:
        assert self._socket is not None
        await self._socket.send_str(frame)

    async def _ask(self, kind: str, to: str, payload: str, meaning: str) -> None:
        name = f"{meaning}{next(self._ids)}"
        self._pending[name] = meaning
        await self._send(
            f"<iq xmlns='jabber:client' type='{kind}' to='{to}' id='{name}'>{payload}</iq>"
        )

    async def _begin(self) -> None:
        """What a stock client sends at once on CONNECTED, then its request to the focus."""
        if not self._with_focus:
            await self._enter()
            return
        await self._ask("get", self._domain, "<services xmlns='urn:xmpp:extdisco:2'/>", "turn")
        disco = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
        await self._ask("get", self._domain, disco, "disco")
        await self._ask(
            "set",
            f"focus.{self._domain}",
            f"<conference xmlns='http://jitsi.org/protocol/focus' room='{self._muc}'"
            f" machine-uid='{secrets.token_hex(16)}'>"
            "<property name='startAudioMuted' value='10'/>"
            "<property name='startVideoMuted' value='10'/>"
            "<property name='rtcstatsEnabled' value='false'/>"
            "<property name='visitors-version' value='1'/></conference>",
            "conference",
        )

    async def _enter(self) -> None:
        await self._send(self._presence("<x xmlns='http://jabber.org/protocol/muc'/>", "{}"))

    def _presence(self, muc: str, source_info: str) -> str:
        return (
            f"<presence xmlns='jabber:client' to='{self._muc}/{self.endpoint}'>{muc}"
            f"<stats-id>Bench-{self.endpoint[:3]}</stats-id>"
            f"<SourceInfo>{source_info}</SourceInfo>"
            "<jitsi_participant_region>eu</jitsi_participant_region>"
            "<jitsi_participant_codecList>av1,vp9,vp8,h264</jitsi_participant_codecList>"
            "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1'"
            f" node='{CAPS_NODE}' ver='{self._capabilities.ver}'/>"
            "<features><feature var='https://jitsi.org/meet/e2ee'/></features>"
            f"<nick xmlns='http://jabber.org/protocol/nick'>Bench {self.endpoint}</nick>"
            "</presence>"
        )

    # -- in the room

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                self.traffic.frames += 1
                self.traffic.characters += len(message.data)
                await self._obey(message.data)
                self._goal.set()
            raise SyntheticError(f"the server closed the connection: {self._socket.close_code}")
        except (SyntheticError, ClientConnectionResetError) as error:
            self._failure = SyntheticError(f"{self._muc}/{self.endpoint}: {error}")
            self._goal.set()

    async def _obey(self, frame: str) -> None:
        head = _HEAD.match(frame)
        if head is None:
            raise SyntheticError(f"not a stanza: {frame[:300]}")
        attrs = _attributes(head[2])
        if head[1] == "presence":
            self._see(frame, attrs)
        elif head[1] == "iq" and attrs.get("type") in ("get", "set"):
            await self._answer(frame, attrs)
        elif head[1] == "iq":
            await self._answered(frame, attrs)
        elif head[1] != "message":
            raise SyntheticError(f"unexpected: {frame[:300]}")

    def _see(self, frame: str, attrs: dict[str, str]) -> None:
        kind = attrs.get("type", "")
        nick = attrs.get("from", "").partition("/")[2]
        if kind == "error":
            raise SyntheticError(f"not admitted: {frame[:300]}")
        if nick == self.endpoint:
            if not self.at.present and _SELF_PRESENCE.search(frame):
                self.at.present = asyncio.get_running_loop().time()
        elif kind == "unavailable":
            self.others.present.discard(nick)
            self.others.unmuted.discard(nick)
        elif nick != "focus":
            self.others.present.add(nick)
            info = _SOURCE_INFO.search(frame)
            if info is not None and '"muted":false' in html.unescape(info[1]):
                self.others.unmuted.add(nick)

    async def _answered(self, frame: str, attrs: dict[str, str]) -> None:
        """The answer to one of our own requests."""
        meaning = self._pending.pop(attrs.get("id", ""), "")
        if attrs.get("type") == "error" and meaning in ("conference", "accept"):
            raise SyntheticError(f"{meaning} was refused: {frame[:400]}")
        now = asyncio.get_running_loop().time()
        if meaning == "conference":
            if not re.search(r"""\bready=['"]true['"]""", frame):
                raise SyntheticError(f"the focus is not ready: {frame[:300]}")
            self.at.conference_ready = now
            await self._enter()
            # A stock client asks right after its presence; the answer does not hold it up.
            disco = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
            await self._ask("get", self._muc, disco, "room")
        elif meaning == "accept":
            self.at.accepted = now
            await self._send(self._presence("", html.escape(self._source_info(), quote=False)))

    def _source_info(self) -> str:
        sending = self._sending
        names = []
        if sending is not None and sending.audio is not None:
            names.append(f"{self.endpoint}-a0")
        if sending is not None and sending.video:
            names.append(f"{self.endpoint}-v0")
        return json.dumps({name: {"muted": False} for name in names}, separators=(",", ":"))

    async def _answer(self, frame: str, attrs: dict[str, str]) -> None:
        """A request to us: capabilities, Jingle, or a ping."""
        payload = ""
        jingle = "<jingle" in frame
        if not jingle and "disco#info" in frame:
            payload = self._capabilities.answer
        await self._send(
            f"<iq xmlns='jabber:client' type='result' to='{attrs.get('from', '')}'"
            f" id='{attrs.get('id', '')}'>{payload}</iq>"
        )
        if not jingle:
            return
        found = re.search(r"<jingle[^>]*>", frame)
        about = _attributes(found[0] if found else "")
        action = about.get("action")
        if action == "session-initiate":
            self.at.offered = asyncio.get_running_loop().time()
            self._sending = sending = self.answer(frame)
        if action in ("session-initiate", "source-add"):
            self._learn_sources(frame)
        if action == "session-initiate":
            accept = session_accept(
                about.get("sid", ""), attrs["from"], self.jid, self.endpoint, sending
            )
            await self._ask("set", attrs["from"], accept, "accept")
        elif action == "session-terminate":
            raise SyntheticError(f"the session was ended: {frame[:400]}")

    def _learn_sources(self, frame: str) -> None:
        self.others.sources.update(_OWNER.findall(frame))
        found = _JSON_SOURCES.search(frame)
        if found is not None:
            by_owner = json.loads(html.unescape(found[1])).get("sources", {})
            self.others.sources.update(by_owner)
            new = [each for parts in by_owner.values() for each in _streams(parts)]
            self.others.streams.update((each.ssrc, each) for each in new)
            self.expect(new)
        self.others.sources -= {"jvb", self.endpoint}


# -- the answer to an offer

_FEEDBACK = "".join(
    f"<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' {attributes}/>"
    for attributes in (
        "type='ccm' subtype='fir'",
        "type='nack'",
        "type='nack' subtype='pli'",
        "type='transport-cc'",
    )
)
_AUDIO_CODECS = (
    "<payload-type id='111' name='opus' clockrate='48000' channels='2'>"
    "<parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/>"
    "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/></payload-type>"
    "<payload-type id='126' name='telephone-event' clockrate='8000'/>"
)
_VIDEO_CODECS = "".join(
    f"<payload-type id='{number}' name='{name}' clockrate='90000'>{_FEEDBACK}</payload-type>"
    f"<payload-type id='{rtx}' name='rtx' clockrate='90000'>"
    f"<parameter name='apt' value='{number}'/></payload-type>"
    for number, rtx, name in (
        (41, 42, "AV1"),
        (100, 96, "VP8"),
        (107, 99, "H264"),
        (101, 97, "VP9"),
    )
)


def _extension(number: int, uri: str) -> str:
    return (
        "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'"
        f" id='{number}' uri='{html.escape(uri)}'/>"
    )


_MID = _extension(10, "urn:ietf:params:rtp-hdrext:sdes:mid")
_TCC = _extension(5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01")
_AUDIO_EXTENSIONS = _extension(1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level") + _MID + _TCC
_VIDEO_EXTENSIONS = (
    _extension(3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time") + _MID + _TCC
)


def _streams(parts: list[list[Any]]) -> list[Stream]:
    """The streams of one owner from the compact JSON: video, its groups, audio."""
    video, groups, audio = [*parts, [], [], []][:3]
    repairs = {group[1]: group[2] for group in groups if group[0] == "f"}
    return [
        Stream(source["s"], repairs.get(source["s"]), is_video=True)
        for source in video
        if source["s"] not in repairs.values()
    ] + [Stream(source["s"], None, is_video=False) for source in audio]


def session_accept(sid: str, focus: str, jid: str, endpoint: str, sending: Sending) -> str:
    """What a stock Chrome answers that sends this."""
    transport = (
        "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'"
        f" ufrag='{html.escape(sending.ufrag)}' pwd='{html.escape(sending.pwd)}'>"
        "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>"
        f"{sending.fingerprint}</fingerprint></transport>"
    )
    primary = [ssrc for ssrc, _ in sending.video]
    video_sources = "".join(
        _source(ssrc, f"{endpoint}-v0", f"{endpoint}-video-0-1 {endpoint}-v")
        for ssrc in (*primary, *(rtx for _, rtx in sending.video))
    )
    groups = _group("SIM", primary) if len(primary) > 1 else ""
    groups += "".join(_group("FID", pair) for pair in sending.video)
    audio_source = ""
    if sending.audio is not None:
        audio_source = _source(
            sending.audio, f"{endpoint}-a0", f"{endpoint}-audio-0-1 {endpoint}-a"
        )
    rtcp_mux = "<rtcp-mux/>"
    return (
        f"<jingle xmlns='urn:xmpp:jingle:1' action='session-accept' sid='{sid}'"
        f" initiator='{focus}' responder='{jid}'>"
        "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'>"
        "<content name='audio'/><content name='video'/><content name='data'/></group>"
        "<content creator='responder' name='audio' senders='both'>"
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
        f"{_AUDIO_CODECS}{_AUDIO_EXTENSIONS}"
        f"{audio_source}{rtcp_mux}"
        f"</description>{transport}</content>"
        "<content creator='responder' name='video' senders='both'>"
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>"
        f"{_VIDEO_CODECS}{_VIDEO_EXTENSIONS}{video_sources}{groups}{rtcp_mux}"
        f"</description>{transport}</content></jingle>"
    )


def _source(ssrc: int, name: str, msid: str) -> str:
    return (
        f"<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{ssrc}' name='{name}'>"
        f"<parameter name='msid' value='{msid}'/></source>"
    )


def _group(semantics: str, ssrcs: tuple[int, ...] | list[int]) -> str:
    inner = "".join(f"<source ssrc='{ssrc}'/>" for ssrc in ssrcs)
    return (
        f"<ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='{semantics}'>"
        f"{inner}</ssrc-group>"
    )


@asynccontextmanager
async def connections() -> AsyncIterator[ClientSession]:
    """What the clients of one benchmark connect with; the self-signed certificate is accepted."""
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    async with ClientSession(connector=TCPConnector(ssl=unverified, limit=0)) as http:
        yield http
