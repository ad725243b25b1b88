"""A participant made of programs that others wrote: slixmpp speaks XMPP, aiortc speaks WebRTC.

Between them stands only what the signalling reference asks of a client: the conference request,
the presence, and Jingle turned into SDP. It comes over TCP with STARTTLS and SASL ANONYMOUS, sends
a tone and a green picture, and counts what it decodes of the others.
"""

from __future__ import annotations

import asyncio
import fractions
import json
import math
import secrets
import ssl
import struct
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame
from slixmpp import ClientXMPP
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath
from tests.foreign.jingle_sdp import JINGLE, JITMEET, Offer, Source, session_accept, sources_of

MUC = "{http://jabber.org/protocol/muc}"
MUC_USER = "{http://jabber.org/protocol/muc#user}"
FOCUS = "{http://jitsi.org/protocol/focus}"
CLIENT = "{jabber:client}"
FEATURES = (
    "http://jitsi.org/json-encoded-sources",
    "http://jitsi.org/source-name",
    "http://jitsi.org/receive-multiple-video-streams",
    "http://jitsi.org/remb",
    "urn:ietf:rfc:4588",
    "urn:xmpp:jingle:1",
    "urn:xmpp:jingle:apps:dtls:0",
    "urn:xmpp:jingle:apps:rtp:1",
    "urn:xmpp:jingle:apps:rtp:audio",
    "urn:xmpp:jingle:apps:rtp:video",
    "urn:xmpp:jingle:transports:ice-udp:1",
)
WITHIN_S = 45.0
_RATE, _SAMPLES, _FPS = 48000, 960, 10
_ASK_EVERY_S = 1.0


class Tone(MediaStreamTrack):
    """440 Hz at a quarter of full scale, 20 ms a frame."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._at = 0
        self._began = 0.0

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._at / _RATE - loop.time()))
        samples = [
            int(8192 * math.sin(2 * math.pi * 440 * (self._at + n) / _RATE))
            for n in range(_SAMPLES)
        ]
        frame = AudioFrame(format="s16", layout="mono", samples=_SAMPLES)
        frame.planes[0].update(struct.pack(f"<{_SAMPLES}h", *samples))
        frame.sample_rate, frame.pts = _RATE, self._at
        frame.time_base = fractions.Fraction(1, _RATE)
        self._at += _SAMPLES
        return frame


class Picture(MediaStreamTrack):
    """A green picture, ten a second, small enough for many on one machine."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._began = 0.0

    async def recv(self) -> VideoFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._number / _FPS - loop.time()))
        frame = VideoFrame(width=320, height=180, format="yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.pts, frame.time_base = self._number, fractions.Fraction(1, _FPS)
        self._number += 1
        return frame


class Foreigner:
    """One such participant. Use `enter`, then wait with `until`."""

    def __init__(self, *, domain: str, room: str, name: str) -> None:
        self.name = name
        self.endpoint = secrets.token_hex(4)
        self.room = f"{room}@conference.{domain}"
        self.occupants: dict[str, ET.Element] = {}  # presences by nick
        self.lines: list[tuple[str, str]] = []  # who said what
        self.json: list[dict[str, Any]] = []  # what components and others sent
        self.frames: dict[str, int] = {}  # decoded pictures by source name
        self.energy: dict[str, float] = {}  # of decoded sound, by source name
        self.is_accepted = False
        self.refusal = ""  # of the join
        self._domain = domain
        self._changed = asyncio.Event()
        self._xmpp = ClientXMPP(domain, "", sasl_mech="ANONYMOUS")
        self._xmpp.register_plugin("xep_0030")
        self._xmpp.register_plugin("xep_0199")
        self._xmpp.ssl_context.check_hostname = False
        self._xmpp.ssl_context.verify_mode = ssl.CERT_NONE
        self._tasks: set[asyncio.Task[Any]] = set()
        self._media = asyncio.Lock()
        self._begin_anew()
        self._is_bound = False
        self._presence_extras: dict[str, str] = {}
        self._xmpp.add_event_handler("session_start", self._started)
        for name_, kind, handler in (
            ("presence", "presence", self._on_presence),
            ("message", "message", self._on_message),
        ):
            self._xmpp.register_handler(
                Callback(f"raw {name_}", MatchXPath(f"{CLIENT}{kind}"), handler)
            )
        self._xmpp.register_handler(
            Callback("jingle", MatchXPath(f"{CLIENT}iq/{JINGLE}jingle"), self._on_jingle)
        )

    def _begin_anew(self) -> None:
        """No media yet, as before the first session."""
        self._offer: Offer | None = None
        self._sections: list[tuple[str, Source | None]] = []
        self._pc = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._http: aiohttp.ClientSession | None = None
        self.is_accepted = False
        self.occupants.clear()
        self.frames.clear()
        self.energy.clear()

    # What tests do with it

    @property
    def jid(self) -> str:
        """The real address, which everybody in the room sees."""
        return str(self._xmpp.boundjid.full)

    async def enter(self, host: str, port: int) -> None:
        """Connect, ask the focus, enter the room; returns when the own presence came back."""
        self._xmpp.connect(host, port)
        await self.until(lambda: self._is_bound)
        await self._join()

    async def _join(self) -> None:
        await self.request_conference()
        self.send_presence(joining=True)
        await self.until(lambda: self.endpoint in self.occupants or bool(self.refusal))

    async def move_to(self, room: str) -> None:
        """Leave for another room of the same meeting (signalling reference 6.5)."""
        if self.endpoint in self.occupants:
            status = "switch_room"
            self._xmpp.send_presence(
                pto=f"{self.room}/{self.endpoint}", ptype="unavailable", pstatus=status
            )
            await self.until(lambda: self.endpoint not in self.occupants)
        await self._end_media()
        self._begin_anew()
        self.room = room
        await self._join()

    async def request_conference(self) -> None:
        iq = self._xmpp.make_iq_set(ito=f"focus.{self._domain}")
        iq.append(
            ET.Element(
                f"{FOCUS}conference", {"room": self.room, "machine-uid": secrets.token_hex(8)}
            )
        )
        await iq.send(timeout=WITHIN_S)

    def send_presence(self, *, joining: bool = False, **extras: str) -> None:
        """The whole presence; `extras` are more properties, kept for later presences."""
        self._presence_extras |= extras
        presence = self._xmpp.make_presence(pto=f"{self.room}/{self.endpoint}")
        if joining:
            presence.append(ET.Element(f"{MUC}x"))
        nick = ET.Element("{http://jabber.org/protocol/nick}nick")
        nick.text = self.name
        presence.append(nick)
        info = {f"{self.endpoint}-a0": {"muted": False}, f"{self.endpoint}-v0": {"muted": False}}
        texts = {
            "SourceInfo": json.dumps(info if self.is_accepted else {}),
            "jitsi_participant_codecList": "vp8",
            **{f"jitsi_participant_{key}": text for key, text in self._presence_extras.items()},
        }
        for tag, text in texts.items():
            child = ET.Element(f"{CLIENT}{tag}")
            child.text = text
            presence.append(child)
        presence.send()

    def say(self, text: str) -> None:
        self._xmpp.send_message(mto=self.room, mbody=text, mtype="groupchat")

    def tell_component(self, name: str, child: ET.Element, kind: str = "") -> None:
        """A message to `name`.DOMAIN, as stock clients address components."""
        message = self._xmpp.make_message(mto=f"{name}.{self._domain}")
        if kind:
            message["type"] = kind
        else:
            del message["type"]
        message.append(child)
        message.send()

    def tell_json(self, name: str, payload: dict[str, Any]) -> None:
        child = ET.Element(f"{JITMEET}json-message")
        child.text = json.dumps(payload)
        self.tell_component(name, child, kind="chat")

    async def unmute(self, kind: str) -> None:
        """Tell the focus that we send again; it lifts what the bridge holds back (6.1)."""
        iq = self._xmpp.make_iq_set(ito=f"{self.room}/focus")
        own = {"jid": f"{self.room}/{self.endpoint}"}
        mute = ET.Element(f"{{http://jitsi.org/jitmeet/{kind}}}mute", own)
        mute.text = "false"
        iq.append(mute)
        await iq.send(timeout=WITHIN_S)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The JSON messages of this type, oldest first."""
        return [each for each in self.json if each.get("type") == kind]

    def moves(self) -> list[str]:
        """The rooms to which it was asked to go, oldest first."""
        return [
            message["roomJid"]
            for message in self.told("breakout_rooms")
            if message["event"] == "features/breakout-rooms/move-to-room"
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to be true, looked at after every event."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.name} never saw it: occupants={sorted(self.occupants)}"
                f" accepted={self.is_accepted} frames={self.frames} energy={self.energy}"
                f" lines={self.lines} refusal={self.refusal!r} json={self.json[-5:]}"
            ) from None

    async def until_seeing_and_hearing(self, others: int) -> None:
        """Until pictures and sound of so many others have been decoded, and more come."""
        seen, heard = dict(self.frames), dict(self.energy)
        await self.until(
            lambda: (
                sum(count > seen.get(name, 0) + 5 for name, count in self.frames.items()) >= others
                and sum(e > heard.get(name, 0.0) for name, e in self.energy.items()) >= others
            )
        )

    async def until_seeing_more(self, pictures: int) -> None:
        """Until so many more pictures of everybody it sees have been decoded."""
        seen = dict(self.frames)
        await self.until(
            lambda: all(self.frames[name] >= count + pictures for name, count in seen.items())
        )

    async def leave(self) -> None:
        if self.endpoint in self.occupants:
            self._xmpp.send_presence(pto=f"{self.room}/{self.endpoint}", ptype="unavailable")
            await self.until(lambda: self.endpoint not in self.occupants)
        await self.close()

    async def close(self) -> None:
        await self._end_media()
        await self._xmpp.disconnect(wait=1.0)

    async def _end_media(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._pc.close()
        if self._http is not None:
            await self._http.close()

    # XMPP

    async def _started(self, _: object) -> None:
        for feature in FEATURES:  # they belong to the bound address
            await self._xmpp.plugin["xep_0030"].add_feature(feature)
        self._is_bound = True
        self._changed.set()

    def _on_presence(self, stanza: Any) -> None:
        xml: ET.Element = stanza.xml
        room, _, nick = xml.attrib.get("from", "").partition("/")
        if room != self.room:
            return
        if xml.get("type") == "error":
            self.refusal = ET.tostring(xml, encoding="unicode")
        elif xml.get("type") == "unavailable":
            self.occupants.pop(nick, None)
        else:
            self.occupants[nick] = xml
        self._changed.set()

    def _on_message(self, stanza: Any) -> None:
        xml: ET.Element = stanza.xml
        body = xml.find(f"{CLIENT}body")
        if body is not None and body.text:
            self.lines.append((xml.attrib["from"].partition("/")[2], body.text))
        for each in xml.findall(f"{JITMEET}json-message"):
            self.json.append(json.loads(each.text or "{}"))
        self._changed.set()

    # Jingle

    def _on_jingle(self, iq: Any) -> None:
        jingle = iq.xml.find(f"{JINGLE}jingle")
        if iq["from"].resource != "focus":  # somebody wants to talk to us directly: not we
            refusal = iq.reply(clear=True)
            refusal["error"]["condition"] = "service-unavailable"
            refusal.send()
            return
        iq.reply(clear=True).send()
        task = asyncio.ensure_future(self._follow(iq["from"].full, jingle))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, focus: str, jingle: ET.Element) -> None:
        async with self._media:  # one thing after the other
            action = jingle.attrib["action"]
            if action == "session-initiate":
                await self._accept(focus, Offer.read(jingle))
            elif action == "source-add" and self._offer is not None:
                # aiortc forgets what is added while it connects.
                await self.until(lambda: self._pc.connectionState == "connected")
                self._sections += [(each.kind, each) for each in sources_of(jingle)]
                await self._negotiate()

    async def _accept(self, focus: str, offer: Offer) -> None:
        self._offer = offer
        self._sections = [("audio", None), ("video", None)]
        self._sections += [(each.kind, each) for each in offer.sources]
        self._pc.on("track", self._on_track)
        self._pc.on("connectionstatechange", self._changed.set)
        self._pc.addTrack(Tone())
        self._pc.addTrack(Picture())
        await self._negotiate()
        iq = self._xmpp.make_iq_set(ito=focus)
        iq.append(
            session_accept(
                offer,
                self._pc.localDescription.sdp,
                endpoint=self.endpoint,
                responder=self._xmpp.boundjid.full,
            )
        )
        await iq.send(timeout=WITHIN_S)
        self.is_accepted = True
        self.send_presence()
        self._changed.set()
        await self._open_channel(offer.channel_url)

    async def _negotiate(self) -> None:
        assert self._offer is not None
        sdp = self._offer.sdp(self._sections)
        await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self._pc.setLocalDescription(await self._pc.createAnswer())

    async def _open_channel(self, url: str) -> None:
        """The bridge channel: ask for every picture (signalling reference 5.2, web-socket)."""
        self._http = aiohttp.ClientSession()
        unverified = ssl.create_default_context()
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        channel = await self._http.ws_connect(url, ssl=unverified)
        wish = {"lastN": -1, "defaultConstraints": {"maxHeight": 180}}
        await channel.send_json({"colibriClass": "ReceiverVideoConstraints", **wish})
        task = asyncio.ensure_future(self._drain(channel))
        self._tasks.add(task)

    async def _drain(self, channel: aiohttp.ClientWebSocketResponse) -> None:
        async for _ in channel:
            self._changed.set()

    # Media

    def _on_track(self, track: MediaStreamTrack) -> None:
        receivers = [t for t in self._pc.getTransceivers() if t.receiver.track is track]
        source = self._sections[int(receivers[0].mid)][1]
        if source is not None:
            self._tasks.add(asyncio.ensure_future(self._consume(track, source)))
            if source.kind == "video":
                self._tasks.add(asyncio.ensure_future(self._ask(receivers[0].receiver, source)))

    async def _ask(self, receiver: RTCRtpReceiver, source: Source) -> None:
        """Ask for a key frame until there is a picture: browsers do, aiortc only after loss."""
        while source.name not in self.frames:
            await receiver._send_rtcp_pli(source.ssrcs[0])
            await asyncio.sleep(_ASK_EVERY_S)

    async def _consume(self, track: MediaStreamTrack, source: Source) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if source.kind == "video":
                self.frames[source.name] = self.frames.get(source.name, 0) + 1
            else:
                data = bytes(frame.planes[0])
                samples = struct.unpack(f"<{len(data) // 2}h", data)
                loud = sum(each * each for each in samples[::8]) / (len(samples) / 8) / 2**30
                self.energy[source.name] = self.energy.get(source.name, 0.0) + loud
            self._changed.set()
