"""A participant's side of the call: the session with the focus, its media, its bridge channel.

There is one session at a time. The focus may end it and offer another one at any moment, on
another bridge perhaps; what we send and what we ask for goes on there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from tertulia.client import session
from tertulia.client.channel import BridgeChannel
from tertulia.client.connection import Connection, Transport
from tertulia.client.events import (
    Event,
    MediaConnected,
    MediaLost,
    SourceAdded,
    SourceRemoved,
    SpeakerChanged,
)
from tertulia.client.media import MediaHub
from tertulia.client.received import RemoteSource
from tertulia.client.session import Offer
from tertulia.client.sources import SignalledSource, mapped, signalled
from tertulia.client.stay import Stay
from tertulia.client.tracks import Track
from tertulia.errors import MalformedInput, TertuliaError
from tertulia.xmpp.jingle import Action, Jingle
from tertulia.xmpp.trust import Trust

log = logging.getLogger("tertulia.client")

# The focus grants a new session every five seconds at most (reference signalling 5.8).
_ASK_AGAIN_S = 5.0
_ASK_AGAIN_TIMES = 3
_CLOSE_S = 2.0  # how long the last words may take


class Call:
    """Lives as long as one stay in the room."""

    def __init__(
        self,
        hub: MediaHub,
        stay: Stay,
        trust: Trust,
        *,
        tracks: Callable[[], list[Track]],
        wanted: Callable[[], dict[str, Any]],
        tell: Callable[[Event], None],
        transport: Transport,
        connect_timeout_s: float,
    ) -> None:
        self._hub = hub
        self._stay = stay
        self._trust = trust
        self._tracks = tracks
        self._wanted = wanted
        self._tell = tell
        self._transport = transport
        self._connect_timeout_s = connect_timeout_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked_again = 0
        self._retrying: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_accepted = False
        self.connection: Connection | None = None
        self.latest: Connection | None = None  # also after it has ended
        self.channel: BridgeChannel | None = None
        self.sources: dict[str, RemoteSource] = {}

    # -- what the focus and others say

    def heard(self, sender: str, jingle: Jingle) -> None:
        if sender != str(self._stay.focus):
            if jingle.action is Action.SESSION_INITIATE:
                self._run(self._ask(session.decline(jingle), sender))
            return
        if jingle.action is Action.SESSION_INITIATE:
            self._initiate(jingle)
            return
        if self.connection is None or jingle.sid != self.connection.offer.sid:
            return
        match jingle.action:
            case Action.SOURCE_ADD:
                self._add(signalled(jingle))
            case Action.SOURCE_REMOVE:
                self._remove(signalled(jingle))
            case Action.SESSION_TERMINATE:
                reason = jingle.reason
                self._drop()
                self._tell(MediaLost((reason.text or reason.condition) if reason else "ended"))
            case _:
                log.debug("Ignored: %s", jingle.action)

    def _initiate(self, jingle: Jingle) -> None:
        try:
            offer = Offer.of(jingle)
        except MalformedInput as error:
            log.warning("Offer cannot be answered: %s", error)
            return
        self._drop()
        connection = Connection(
            self._hub,
            offer,
            self._transport,
            connected=self._connected,
            failed=lambda reason: self._failed(offer, reason),
            keyframe_wanted=self._keyframe_wanted,
            estimated=lambda bps: None,
            connect_timeout_s=self._connect_timeout_s,
        )
        self.connection = self.latest = connection
        self._is_accepted = False
        connection.publish([track.source for track in self._tracks()])
        self._add(signalled(jingle))
        self._run(self._accept(connection))
        if offer.channel:
            self.channel = BridgeChannel(offer.channel, self._trust, self._from_bridge)
            self.channel.stand("wanted", self._wanted())
            self.tracks_changed()

    async def _accept(self, connection: Connection) -> None:
        tracks = self._tracks()
        answer = session.accept(
            connection.offer,
            connection.credentials,
            connection.fingerprint,
            [track.source for track in tracks],
            self._stay.jid,
        )
        await self._ask(answer)
        self._is_accepted = connection is self.connection
        # Tracks that came or went while the answer travelled.
        for track in self._tracks():
            if track not in tracks:
                await self._ask(
                    session.change_sources(connection.offer, Action.SOURCE_ADD, [track.source])
                )

    def _add(self, found: Iterable[SignalledSource]) -> None:
        for each in found:
            known = self.sources.get(each.name)
            if known is not None and known.signalled == each:
                continue
            if known is not None:
                self._forget(known)
            source = RemoteSource(each, self._ask_keyframe)
            self.sources[each.name] = source
            self._tell(SourceAdded(source))
        self._subscribe()

    def _map(self, found: Iterable[SignalledSource]) -> None:
        """What the bridge says comes in which stream; a stream holds one source at a time."""
        news = list(found)
        streams = {each.ssrc: each.name for each in news}
        for source in list(self.sources.values()):
            if streams.get(source.signalled.ssrc, source.name) != source.name:
                self._forget(source)
        self._add(news)

    def _remove(self, found: Iterable[SignalledSource]) -> None:
        for each in found:
            source = self.sources.get(each.name)
            if source is not None and source.signalled.ssrc == each.ssrc:
                self._forget(source)
        self._subscribe()

    def person_left(self, endpoint: str) -> None:
        for source in [each for each in self.sources.values() if each.owner == endpoint]:
            self._forget(source)
        self._subscribe()

    def _forget(self, source: RemoteSource) -> None:
        del self.sources[source.name]
        source.end()
        self._tell(SourceRemoved(source))

    def _subscribe(self) -> None:
        if self.connection is not None:
            self.connection.subscribe(self.sources.values())

    # -- what happens to media

    def _connected(self, protocol: str, remote: str) -> None:
        self._asked_again = 0
        self._tell(MediaConnected(protocol, remote))

    def _failed(self, offer: Offer, reason: str) -> None:
        if self.connection is None or self.connection.offer is not offer:
            return
        self._tell(MediaLost(reason))
        if self._asked_again < _ASK_AGAIN_TIMES:
            self._asked_again += 1
            self._retrying = self._run(self._ask_again(offer, reason))

    async def _ask_again(self, offer: Offer, reason: str) -> None:
        await asyncio.sleep(_ASK_AGAIN_S * (self._asked_again - 1))
        if self.connection is not None and self.connection.offer is offer:
            self._drop()
            await self._ask(session.ask_again(offer, reason))

    def _keyframe_wanted(self, ssrc: int) -> None:
        for track in self._tracks():
            if track.source.ssrc == ssrc:
                track.want_keyframe()

    def _ask_keyframe(self, ssrc: int) -> None:
        if self.connection is not None:
            self.connection.request_keyframe(ssrc)

    def _from_bridge(self, message: Mapping[str, Any]) -> None:
        match message.get("colibriClass"):
            case "DominantSpeakerEndpointChangeEvent":
                speaker = message.get("dominantSpeakerEndpoint")
                if isinstance(speaker, str):
                    self._tell(SpeakerChanged(speaker))
            case "VideoSourcesMap" | "AudioSourcesMap":
                self._map(mapped(message))
            case "SenderSourceConstraints":
                height = message.get("maxHeight")
                for track in self._tracks():
                    if track.name == message.get("sourceName") and isinstance(height, int):
                        track.wanted_height = height

    # -- what we change

    def send(self, ssrc: int, codec: str, timestamp: int, data: bytes, level: int | None) -> bool:
        if self.connection is None:
            return False
        return self.connection.send(ssrc, codec, timestamp, data, level)

    def track_changed(self, track: Track, action: Action) -> None:
        """A track has come or gone: tell the engine and, in a running session, the focus."""
        if self.connection is not None:
            self.connection.publish([each.source for each in self._tracks()])
            if self._is_accepted:
                change = session.change_sources(self.connection.offer, action, [track.source])
                self._run(self._ask(change))
        self.tracks_changed()

    def tracks_changed(self) -> None:
        """Tell the bridge what our videos are."""
        for track in self._tracks():
            if self.channel is not None and track.kind == "video":
                kind = "desktop" if track.is_screen else "camera"
                message = {
                    "colibriClass": "SourceVideoTypeMessage",
                    "sourceName": track.name,
                    "videoType": "none" if track.muted else kind,
                }
                self.channel.stand(track.name, message)

    def wanted_changed(self) -> None:
        if self.channel is not None:
            self.channel.stand("wanted", self._wanted())

    def _drop(self) -> None:
        """Forget the session: the focus knows."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        if self.channel is not None:
            self._run(self.channel.close())
            self.channel = None
        for source in list(self.sources.values()):
            self._forget(source)

    async def close(self) -> None:
        if self.connection is not None and self._is_accepted:
            await self._ask(session.leave(self.connection.offer))
        self._drop()
        self._retrying.cancel()
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=_CLOSE_S)
            for task in late:
                task.cancel()

    async def _ask(self, jingle: Jingle, to: str = "") -> None:
        try:
            await self._stay.ask(to or self._stay.focus, jingle)
        except TertuliaError as error:
            log.info("%s was refused: %s", jingle.action, error)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
