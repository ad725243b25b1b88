"""Janus with its VideoRoom plugin (Debian package `janus`) as a peer, started by hand.

Its own service need not run, and nothing of /etc/janus is used: the configuration is written here,
with the WebSocket transport on loopback, only the one plugin, ICE-lite and no STUN server. Its ICE
library does not use loopback, so candidates carry the machine's own address; the packets stay
inside the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from bench import janus_sdp
from bench.driven import CaseFailed, Driven, Room, Standing, machine_address
from bench.janus_sdp import Description
from bench.process import stop
from bench.traffic import OPUS, Case, Pattern
from tertulia._engine import Load, LoadPeer

READY_WITHIN_S = 15.0
STOP_WITHIN_S = 5.0
JOIN_WITHIN_S = 60.0
AT_ONCE = 10
_PORTS = (40_000, 44_999)
_LIBRARY = Path("/usr/lib/x86_64-linux-gnu/janus")

_CORE = """
general: {{
  configs_folder = "{folder}"
  plugins_folder = "{folder}/plugins"
  transports_folder = "{folder}/transports"
  events_folder = "{folder}/none"
  loggers_folder = "{folder}/none"
  debug_level = 2
  session_timeout = 0
  server_name = "bench"
  {loops}
}}
media: {{ rtp_port_range = "{first}-{last}" }}
nat: {{ ice_lite = true, nice_debug = false, ignore_mdns = true }}
events: {{ broadcast = false }}
"""
_WEBSOCKETS = """
general: {{ json = "compact", ws = true, ws_port = {port}, ws_interface = "lo", wss = false }}
admin: {{ admin_ws = false, admin_wss = false }}
"""
_VIDEOROOM = "general: { events = false }\n"


def program() -> str | None:
    return shutil.which("janus")


def version() -> str:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "janus"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout or "unknown"


@dataclass(frozen=True, slots=True)
class Janus:
    """A running Janus."""

    pid: int
    url: str


@contextlib.asynccontextmanager
async def running(*, event_loops: int = 0) -> AsyncIterator[Janus]:
    """Start one, yield it when it accepts connections, and end it.

    Args:
        event_loops: threads for all handles; 0 is its default, a thread for each handle.
    Raises: CaseFailed when it is not installed or does not start.
    """
    found = program()
    if found is None:
        raise CaseFailed("the package janus is not installed")
    with tempfile.TemporaryDirectory(prefix="tertulia-bench-") as name:
        port = janus_sdp.free_port()
        folder = Path(name)
        _configure(folder, port, event_loops)
        log = folder / "log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                found,
                "-F",
                name,
                "-C",
                f"{name}/janus.jcfg",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "TZ": "UTC"},
            )
        try:
            await _until_listening(process, port, log)
            yield Janus(process.pid, f"ws://127.0.0.1:{port}/")
        finally:
            await stop(process, STOP_WITHIN_S)


def _configure(folder: Path, port: int, event_loops: int) -> None:
    for kind, library in (
        ("plugins", "libjanus_videoroom.so"),
        ("transports", "libjanus_websockets.so"),
        ("none", ""),
    ):
        (folder / kind).mkdir()
        if library:
            (folder / kind / library).symlink_to(_LIBRARY / kind / library)
    first, last = _PORTS
    loops = f"event_loops = {event_loops}" if event_loops else ""
    core = _CORE.format(folder=folder, loops=loops, first=first, last=last)
    (folder / "janus.jcfg").write_text(core)
    (folder / "janus.transport.websockets.jcfg").write_text(_WEBSOCKETS.format(port=port))
    (folder / "janus.plugin.videoroom.jcfg").write_text(_VIDEOROOM)


async def _until_listening(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    async with asyncio.timeout(READY_WITHIN_S):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
    raise CaseFailed(f"janus ended: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-400:]


class Session:
    """One session of Janus's WebSocket API; every peer connection is a handle in it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())
        self._id = 0
        self._up: dict[int, asyncio.Event] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Session]:
        async with (
            ClientSession() as http,
            http.ws_connect(url, protocols=("janus-protocol",), max_msg_size=0) as socket,
        ):
            session = cls(socket)
            try:
                answer = await session._ask({"janus": "create"})
                session._id = answer["data"]["id"]
                yield session
            finally:
                session._reader.cancel()

    async def attach(self) -> int:
        """A new handle of the VideoRoom plugin."""
        answer = await self._ask({"janus": "attach", "plugin": "janus.plugin.videoroom"})
        handle = int(answer["data"]["id"])
        self._up.setdefault(handle, asyncio.Event())
        return handle

    async def until_up(self, handle: int) -> None:
        """Until its peer connection is up; before, Janus leaves a feed out of subscriptions."""
        async with asyncio.timeout(JOIN_WITHIN_S):
            await self._up[handle].wait()

    async def detach(self, handle: int) -> None:
        await self._ask({"janus": "detach", "handle_id": handle})

    async def request(
        self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Ask the plugin; the event or the synchronous answer. Raises: CaseFailed."""
        message: dict[str, Any] = {"janus": "message", "handle_id": handle, "body": body}
        if jsep is not None:
            message["jsep"] = jsep
        answer = await self._ask(message)
        data = answer["plugindata"]["data"]
        if "error" in data:
            raise CaseFailed(f"janus refused {body['request']}: {data['error']}")
        return answer

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        transaction = str(next(self._ids))
        message["transaction"] = transaction
        if self._id:
            message["session_id"] = self._id
        future = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = future
        await self._socket.send_json(message)
        answer: dict[str, Any] = await asyncio.wait_for(future, JOIN_WITHIN_S)
        if answer["janus"] == "error":
            raise CaseFailed(f"janus: {answer['error']}")
        return answer

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                continue
            answer = json.loads(message.data)
            if answer["janus"] == "ack":  # the event follows under the same transaction
                continue
            if answer["janus"] == "webrtcup":
                self._up.setdefault(answer["sender"], asyncio.Event()).set()
            future = self._waiting.pop(answer.get("transaction", ""), None)
            if future is not None and not future.done():
                future.set_result(answer)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(CaseFailed("janus closed the connection"))


@contextlib.asynccontextmanager
async def prepared(case: Case, *, event_loops: int = 0) -> AsyncIterator[Driven]:
    """A Janus with everybody of `case` in their rooms, connected, nothing sent.

    Whoever sends has a publishing connection, whoever receives a subscribing one for all streams
    of the others, as clients of VideoRoom do.
    """
    load = Load(machine_address())
    try:
        async with (
            running(event_loops=event_loops) as janus,
            Session.open(janus.url) as session,
        ):
            empty = Standing.now(janus.pid)
            rooms = await asyncio.gather(
                *(_room(session, load, case, number) for number in range(case.rooms))
            )
            name = f"Janus, {event_loops} loops" if event_loops else "Janus"
            driven = Driven(name, load, janus.pid, rooms, empty)
            await driven.until_connected(JOIN_WITHIN_S)
            yield driven
    finally:
        load.close()


async def _room(session: Session, load: Load, case: Case, number: int) -> Room:
    room = number + 1
    owner = await session.attach()
    await session.request(
        owner,
        {
            "request": "create",
            "room": room,
            "publishers": 100,
            "bitrate": 0,
            "fir_freq": 0,
            "audiocodec": "opus",
            "videocodec": "vp8",
            "notify_joining": False,
        },
    )
    slots = asyncio.Semaphore(AT_ONCE)
    senders: list[LoadPeer] = []
    feeds: list[int] = []

    async def send(place: int) -> None:
        async with slots:
            video = case.video if place < case.video_senders else None
            peer = load.add_peer(number)
            audio = place < case.audio_senders
            feeds.append(await publish(session, load, room, peer, video=video, audio=audio))
            senders.append(peer)

    receivers: list[LoadPeer] = []

    async def receive(place: int) -> None:
        others = [feed for index, feed in enumerate(feeds) if index != place]
        if others:
            async with slots:
                peer = load.add_peer(number)
                await subscribe(session, load, room, peer, others)
                receivers.append(peer)

    await asyncio.gather(*(send(place) for place in range(case.senders)))
    await asyncio.gather(*(receive(place) for place in range(case.people)))
    return Room(senders, [*senders, *receivers])


async def publish(
    session: Session,
    load: Load,
    room: int,
    peer: LoadPeer,
    *,
    video: Pattern | None,
    audio: bool,
) -> int:
    """Send into a room; the feed's number."""
    handle = await session.attach()
    streams = janus_sdp.Streams.new(with_audio=audio, with_video=video is not None)
    answer = await session.request(
        handle,
        {"request": "joinandconfigure", "ptype": "publisher", "room": room},
        {"type": "offer", "sdp": janus_sdp.offer(peer, streams)},
    )
    janus_sdp.connect(load, peer, Description.parse(answer["jsep"]["sdp"]))
    for mid, is_video, pattern, ssrc, rtx in (
        ("0", False, OPUS, streams.audio, None),
        ("1", True, video, streams.video, streams.rtx),
    ):
        if ssrc is not None and pattern is not None:
            load.publish(
                peer,
                mid=mid,
                is_video=is_video,
                payload_type=janus_sdp.VP8 if is_video else janus_sdp.OPUS_NUMBER,
                ssrc=ssrc,
                rtx=rtx,
                **pattern.keywords(),
            )
    await session.until_up(handle)
    return int(answer["plugindata"]["data"]["id"])


async def subscribe(
    session: Session, load: Load, room: int, peer: LoadPeer, feeds: list[int]
) -> None:
    """Receive everything of `feeds` on one connection."""
    handle = await session.attach()
    wanted = {
        "request": "join",
        "ptype": "subscriber",
        "room": room,
        "streams": [{"feed": feed} for feed in feeds],
    }
    answer = await session.request(handle, wanted)
    offered = Description.parse(answer["jsep"]["sdp"])
    janus_sdp.connect(load, peer, offered)
    load.expect(peer, offered.streams())
    await session.request(
        handle,
        {"request": "start", "room": room},
        {"type": "answer", "sdp": janus_sdp.answer(peer, offered)},
    )
