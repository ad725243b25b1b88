"""What transcripts run against: the core without sockets, our WebSocket handler, a whole server."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from tests.protocol.bosh_wire import BoshWire
from tests.protocol.made_up_time import MadeUpTime
from tests.protocol.transcript import WITHIN_S, Closed, Wire, log_in

from tertulia import certificates
from tertulia.errors import PeerError
from tertulia.focus.component import Ready, requested_room
from tertulia.rooms import RoomPolicy, RoomService
from tertulia.rooms.attendance import Attendance
from tertulia.rooms.breakouts import BreakoutRooms
from tertulia.rooms.files import FileSharing
from tertulia.rooms.inviting import Inviting
from tertulia.rooms.parts import Parts
from tertulia.rooms.persons import Persons
from tertulia.server.meetings import parts_of_rooms
from tertulia.sharing import Sharing
from tertulia.xmpp.credentials import Accounts, Credentials, LoginDomain
from tertulia.xmpp.framing import WebSocketFraming
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.services import DomainServices
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.stanza import refusal
from tertulia.xmpp.stream import ServerStream
from tertulia.xmpp.transports.bosh import BoshEndpoint
from tertulia.xmpp.transports.connection import Connection
from tertulia.xmpp.transports.pulse import Pulse
from tertulia.xmpp.transports.websocket import WebSocketEndpoint
from tertulia.xmpp.xml import Element, iq_result, parse_document

HOST = "meet.example"


class Assembly:
    """Router, domains, rooms and a stand-in for the focus, as `server` puts them together."""

    def __init__(self, host: str = HOST, time: MadeUpTime | None = None) -> None:
        self.host = host
        self.time = time
        self.router = Router()
        self.router.secluded = frozenset((host,))
        self.sessions = Sessions(self.router, XmppLimits())
        accounts = Accounts()
        accounts.add("bridge", "secret")
        self.parts = (
            Parts(self.router)
            if time is None
            else Parts(self.router, clock=time.clock, later=time.later)
        )
        self.persons = Persons()
        self.breakouts = BreakoutRooms(f"breakout.{host}", persons=self.persons)
        self.parts.add(self.breakouts, serve=False)
        for part in parts_of_rooms(host, self.persons):
            self.parts.add(part)
        # Nothing is brought in a transcript: the folder is never made.
        files = FileSharing(f"filesharing.{host}", Path("no-folder"), persons=self.persons)
        self.parts.add(files)
        attendance = self.parts.part(Attendance.name)
        assert isinstance(attendance, Attendance)
        inviting = Inviting(self.parts, lambda room, valid_s, now: f"a token for {room}")
        shared = Sharing(attendance, inviting, files, None)
        guests = DomainServices(
            self.router,
            host,
            identities=self.parts.identities(),
            short_lived_token=shared.token,
            part_features=self.parts.features(),
        )
        self.credentials = Credentials.of(
            (
                LoginDomain(
                    name=host,
                    anonymous=True,
                    greeting=lambda jid: (guests.pushed_discovery(jid),),
                ),
                LoginDomain(name=f"auth.{host}", accounts=accounts),
            )
        )
        self.router.serve(host, guests.handle)
        self.router.serve(f"auth.{host}", DomainServices(self.router, f"auth.{host}").handle)
        self.focus = FocusDouble(self.router, Jid("focus", f"auth.{host}", "focus"))
        self.router.serve(f"focus.{host}", self._asked)
        meetings = RoomPolicy.meetings(host, self.focus.jid)
        self.rooms = RoomService(self.router, f"conference.{host}", meetings, parts=self.parts)
        self.breakout_rooms = RoomService(
            self.router,
            f"breakout.{host}",
            meetings,
            parts=self.parts,
            at_domain=lambda stanza: self.parts.handle(self.breakouts, stanza),
        )
        self.brewery = RoomService(
            self.router, f"internal.auth.{host}", RoomPolicy.brewery(host, self.focus.jid)
        )

    def _asked(self, request: Element) -> None:
        """A conference request (signalling reference 3), as far as rooms are concerned by it."""
        payload = next(iter(request.elements()), None)
        if request.name != "iq" or request.get("type") not in ("get", "set") or payload is None:
            return
        answer: Element | None
        sender = Jid.parse(request.get("from"))
        self.persons.asked(sender, payload.get("machine-uid"))
        try:
            room = requested_room(
                payload.get("room"), f"conference.{self.host}", f"breakout.{self.host}"
            )
            if room.domain != f"conference.{self.host}":
                self.breakouts.may_hold(room, sender)
            if self.parts.room(room) is None or not self.focus.is_in(room):
                self.focus.open(room)
            ready = Ready(room=payload.get("room"), focus=self.focus.jid.bare)
            answer = iq_result(request, ready.build())
        except PeerError as error:
            answer = refusal(request, error)
        if answer is not None:
            self.router.route(answer)


class FocusDouble:
    """Opens rooms, and leaves those that nobody else is in; the real one needs a bridge."""

    def __init__(self, router: Router, jid: Jid) -> None:
        self._router = router
        self.jid = jid
        self._others: dict[str, set[str]] = {}
        router.bind(self)

    def is_in(self, room: Jid) -> bool:
        return str(room) in self._others

    def open(self, room: Jid) -> None:
        self._others[str(room)] = set()
        self._send(f"<presence to='{room}/focus'><x xmlns='http://jabber.org/protocol/muc'/>")

    def deliver(self, stanza: Element) -> None:
        room, _, nick = stanza.get("from").partition("/")
        if stanza.name != "presence" or nick == "focus" or room not in self._others:
            return
        if stanza.get("type") != "unavailable":
            self._others[room].add(nick)
            return
        self._others[room].discard(nick)
        if not self._others[room]:
            del self._others[room]
            leaving = f"<presence type='unavailable' to='{room}/focus'>"
            asyncio.get_running_loop().call_soon(self._send, leaving)

    def _send(self, presence: str) -> None:
        stanza = parse_document(presence + "</presence>")
        stanza.ns = "jabber:client"
        stanza.attrs["from"] = str(self.jid)
        self._router.route(stanza)


class Core:
    """The services with streams and without sockets."""

    def __init__(self, limits: XmppLimits | None = None) -> None:
        self._assembly = Assembly(time=MadeUpTime())
        self._seconds = 0.0
        self._limits = limits or XmppLimits()
        self.host = self._assembly.host

    async def connect(self, name: str, previd: str = "") -> Wire:
        return MemoryWire(self._assembly, self._limits, previd)

    async def open_room(self, room: Jid) -> None:
        self._assembly.focus.open(room)

    async def pass_time(self, seconds: float) -> None:
        """Seconds in which nothing is heard of those who are cut off."""
        self._seconds += seconds
        self._assembly.sessions.check(self._seconds)


class MemoryWire:
    """A client's end and the server's `Wire` in one: what the server sends waits in a list."""

    def __init__(
        self, assembly: Assembly, limits: XmppLimits, previd: str = "", token: str = ""
    ) -> None:
        origin = Origin(previd=previd, token=token)
        self._time = assembly.time
        self._frames: deque[str] = deque()
        self._finished = False
        stream = ServerStream(
            WebSocketFraming(limits.before_login()),
            assembly.credentials,
            default_domain=assembly.host,
            limits=limits,
            secure=True,
            origin=origin,
            resumptions=assembly.sessions,
        )
        self.connection = Connection(
            stream,
            assembly.sessions,
            assembly.router,
            _ServerEnd(self),
            limits=limits,
            origin=origin,
            now=0.0,
            on_login=lambda: None,
        )

    async def send(self, text: str) -> None:
        if not self._finished:
            self.connection.receive(text, 0.0)

    async def receive(self) -> str:
        await asyncio.sleep(0)  # for what the double does later
        while not self._frames and not self._finished:
            if self._time is None or not self._time.advance():
                break
            await asyncio.sleep(0)
        if self._frames:
            return self._frames.popleft()
        if self._finished:
            raise Closed("the connection is closed")
        raise TimeoutError  # nothing will ever come: there is no socket

    @property
    def is_over(self) -> bool:
        return self._finished

    def taken(self) -> list[str]:
        """All that came so far."""
        texts = list(self._frames)
        self._frames.clear()
        return texts

    async def drop(self) -> None:
        self.connection.lost()
        self._finished = True
        await asyncio.sleep(0)


class _ServerEnd:
    def __init__(self, client: MemoryWire) -> None:
        self._client = client

    def send(self, text: str) -> None:
        self._client._frames.append(text)

    def queued_bytes(self) -> int:
        return 0

    def start_tls(self) -> None:
        raise AssertionError("not on a WebSocket")

    def finish(self, reason: str = "") -> None:
        self._client._finished = True

    def abort(self) -> None:
        self._client._finished = True


class SocketWire:
    """A WebSocket to a server."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        await self._socket.send_str(text)

    async def receive(self) -> str:
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise Closed("the connection is closed")
        return str(message.data)

    async def drop(self) -> None:
        await self._socket.close()


class RemoteServer:
    """A server somewhere: rooms are opened as clients open them, by asking its focus."""

    def __init__(self, http: aiohttp.ClientSession, url: str, host: str) -> None:
        self._http = http
        self._url = url
        self.host = host
        self._asking: Wire | None = None

    async def connect(self, name: str, previd: str = "", token: str = "") -> Wire:
        given = {"previd": previd, "token": token}
        query = urlencode({key: value for key, value in given.items() if value})
        url = f"{self._url}?{query}" if query else self._url
        socket = await self._http.ws_connect(url, protocols=("xmpp",), ssl=_any_certificate())
        return SocketWire(socket)

    async def post(self, path: str, document: str, token: str) -> tuple[int, str]:
        """A request to the HTTP side of the same server; its status and text."""
        url = self._url.replace("wss:", "https:").replace("/xmpp-websocket", path)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with self._http.post(
            url, data=document, headers=headers, ssl=_any_certificate()
        ) as answer:
            return answer.status, await answer.text()

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def open_room(self, room: Jid) -> None:
        if self._asking is None:
            self._asking = await self.connect("asking")
            await log_in(self._asking, self.host)
        await self._asking.send(
            f"<iq xmlns='jabber:client' type='set' to='focus.{self.host}' id='open'>"
            f"<conference xmlns='http://jitsi.org/protocol/focus' room='{room}'"
            " machine-uid='transcript'/></iq>"
        )
        async with asyncio.timeout(WITHIN_S):
            answer = await self._asking.receive()
        assert "ready='true'" in answer, f"the focus did not open the room: {answer}"


class OwnServer(RemoteServer):
    """Our handlers of WebSocket and BOSH behind TLS, in this process."""

    def __init__(self, http: aiohttp.ClientSession, url: str, assembly: Assembly) -> None:
        super().__init__(http, url, assembly.host)
        self._assembly = assembly

    @property
    def url(self) -> str:
        return self._url

    @property
    def bosh(self) -> str:
        return self._url.replace("wss:", "https:").replace("xmpp-websocket", "http-bind")

    async def open_room(self, room: Jid) -> None:
        self._assembly.focus.open(room)


class OwnBosh(OwnServer):
    """The same server, whose clients come by BOSH."""

    async def connect(self, name: str, previd: str = "") -> Wire:
        url = f"{self.bosh}?previd={previd}" if previd else self.bosh
        return BoshWire(self._http, url, _any_certificate())


@asynccontextmanager
async def own_server(
    data: Path, limits: XmppLimits | None = None, kind: type[OwnServer] = OwnServer
) -> AsyncIterator[OwnServer]:
    """Start an aiohttp application with our handler on a free port of the loopback."""
    assembly = Assembly()
    pulse = Pulse(assembly.sessions, limits or XmppLimits())
    endpoint = WebSocketEndpoint(
        assembly.router,
        assembly.credentials,
        domain=assembly.host,
        sessions=assembly.sessions,
        pulse=pulse,
        limits=limits,
    )
    bosh = BoshEndpoint(
        assembly.router,
        assembly.credentials,
        domain=assembly.host,
        sessions=assembly.sessions,
        pulse=pulse,
        limits=limits,
    )
    app = web.Application()
    app.router.add_get("/xmpp-websocket", endpoint.handle)
    app.router.add_route("*", "/http-bind", bosh.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    tls = certificates.kept(data, ["localhost"]).server_context("http/1.1")
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with client_session() as http:
            yield kind(http, f"wss://127.0.0.1:{port}/xmpp-websocket", assembly)
    finally:
        await bosh.close()
        await endpoint.close()
        await runner.cleanup()


@asynccontextmanager
async def client_session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        yield http


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
