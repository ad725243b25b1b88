"""Us in one meeting: what a program sees and does there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any
from weakref import WeakSet

from tertulia.client.call import Call
from tertulia.client.connection import Connection, Transport
from tertulia.client.errors import JoinFailed
from tertulia.client.events import (
    ChatMessage,
    Disconnected,
    Ended,
    Event,
    MediaConnected,
    PersonChanged,
    PersonJoined,
    PersonLeft,
    Reconnected,
    SourceAdded,
    SpeakerChanged,
)
from tertulia.client.listening import EventQueue
from tertulia.client.media import MediaHub
from tertulia.client.people import FOCUS_NICK, People, Person
from tertulia.client.received import RemoteSource
from tertulia.client.site import MeetingAddress, look_up
from tertulia.client.stay import Ears, Stay, own_presence
from tertulia.client.tracks import Track
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jingle import Action, Jingle
from tertulia.xmpp.jingle_rtp import Media
from tertulia.xmpp.trust import Trust
from tertulia.xmpp.xml import Element

log = logging.getLogger("tertulia.client")

_RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)


class Participant:
    """Us in one meeting. Made by `join`.

    A meeting of one has no media: the focus opens a session when a second person comes.
    """

    def __init__(
        self,
        address: MeetingAddress,
        trust: Trust,
        *,
        name: str,
        password: str,
        height: int,
        transport: Transport,
        codecs: str,
        media_timeout_s: float,
    ) -> None:
        self._address = address
        self._trust = trust
        self._name = name
        self._password = password
        self._default_height = height
        self._heights: dict[str, int] = {}
        self._transport = transport
        self._codecs = codecs
        self._media_timeout_s = media_timeout_s
        self._hub = MediaHub.enter()
        self._people = People()
        self._tracks: list[Track] = []
        self._stay: Stay | None = None
        self._call: Call | None = None
        self._watch: asyncio.Task[None] | None = None
        self._readers: WeakSet[EventQueue] = WeakSet()
        self._speaker = ""
        self._ended: Ended | None = None

    # -- what is so

    @property
    def id(self) -> str:
        """Our endpoint id; a new one after every reconnect."""
        return "" if self._stay is None else self._stay.endpoint

    @property
    def people(self) -> Mapping[str, Person]:
        """Everybody else, by endpoint id; it stays true."""
        return self._people

    @property
    def sources(self) -> Mapping[str, RemoteSource]:
        """What others send, by source name, as of now."""
        return {} if self._call is None else dict(self._call.sources)

    @property
    def tracks(self) -> tuple[Track, ...]:
        return tuple(self._tracks)

    @property
    def speaker(self) -> str:
        """The endpoint id of the dominant speaker; "" while unknown."""
        return self._speaker

    @property
    def connection(self) -> Connection | None:
        """The latest media session, for diagnosis: offer, candidates, path. None before any."""
        return None if self._call is None else self._call.latest

    @property
    def is_connected(self) -> bool:
        """True while media can be sent."""
        return self.connection is not None and self.connection.is_connected

    async def connected(self) -> None:
        """Wait until media can be sent. It takes a second person. Raises: JoinFailed if we end."""
        async for event in self.events():
            if isinstance(event, MediaConnected) or self.is_connected:
                return
        raise JoinFailed("media", "the meeting ended before media was connected")

    def events(self) -> AsyncIterator[Event]:
        """What happens from this call on, until `Ended`.

        First come a `PersonJoined` for everybody who is there, a `SourceAdded` for every source,
        and a `MediaConnected` and `SpeakerChanged` if they are so. What nobody takes waits, up to
        10,000 events; the oldest are lost then.
        """
        reader = EventQueue(self._now())
        self._readers.add(reader)
        return reader

    def _now(self) -> list[Event]:
        events: list[Event] = [PersonJoined(each) for each in self._people.values()]
        events += [SourceAdded(each) for each in self.sources.values()]
        connection = self.connection
        if connection is not None and connection.is_connected and connection.path is not None:
            events.append(MediaConnected(connection.path.protocol, connection.path.remote))
        if self._speaker:
            events.append(SpeakerChanged(self._speaker))
        if self._ended is not None:
            events.append(self._ended)
        return events

    # -- what we do

    def say(self, text: str, to: str = "") -> None:
        """Write in the chat: to everybody, or to one endpoint id alone."""
        if self._stay is not None:
            self._stay.say(text, to)

    def publish_audio(self) -> Track:
        """Send sound: 20 ms Opus packets, 48 kHz, are what everybody does."""
        return self._publish(Media.AUDIO, is_screen=False)

    def publish_video(self) -> Track:
        """Send a camera's picture, in any codec the conference offers; VP8 always is."""
        return self._publish(Media.VIDEO, is_screen=False)

    def publish_screen(self) -> Track:
        """Share a screen: shown large by others."""
        return self._publish(Media.VIDEO, is_screen=True)

    def request(self, height: int, source: str = "") -> None:
        """Say how large pictures are wanted, in pixels; 0: none, -1: the largest.

        Args:
            source: of this source alone; without it, of all that were not named.
        """
        if source:
            self._heights[source] = height
        else:
            self._default_height = height
        if self._call is not None:
            self._call.wanted_changed()

    def _publish(self, media: Media, *, is_screen: bool) -> Track:
        taken = {track.index for track in self._tracks if track.media is media}
        track = Track(
            media,
            min(set(range(len(taken) + 1)) - taken),
            is_screen=is_screen,
            send=self._send,
            state_changed=self._tell_state,
            closed=self._unpublish,
        )
        track.signalled_as(self.id)
        self._tracks.append(track)
        if self._call is not None:
            self._call.track_changed(track, Action.SOURCE_ADD)
        self._tell_state()
        return track

    def _unpublish(self, track: Track) -> None:
        if track in self._tracks:
            self._tracks.remove(track)
            if self._call is not None:
                self._call.track_changed(track, Action.SOURCE_REMOVE)
            self._tell_state()

    def _send(self, ssrc: int, codec: str, timestamp: int, data: bytes, level: int | None) -> bool:
        if self._call is None:
            return False
        return self._call.send(ssrc, codec, timestamp, data, level)

    def _tell_state(self) -> None:
        if self._stay is not None:
            self._stay.send_presence(self._presence())
        if self._call is not None:
            self._call.tracks_changed()

    def _presence(self) -> list[Element]:
        return own_presence(self._name, self._tracks, self._codecs)

    def _presence_as(self, endpoint: str) -> list[Element]:
        for track in self._tracks:
            track.signalled_as(endpoint)
        return self._presence()

    def _wanted(self) -> dict[str, Any]:
        return {
            "colibriClass": "ReceiverVideoConstraints",
            "lastN": -1,
            "defaultConstraints": {"maxHeight": self._default_height},
            "constraints": {name: {"maxHeight": height} for name, height in self._heights.items()},
        }

    # -- coming and going

    async def start(self) -> None:
        """Enter for the first time. Raises: JoinFailed."""
        try:
            await self._enter()
        except BaseException:
            self._hub.leave()
            raise
        self._watch = asyncio.create_task(self._stay_in())

    async def leave(self) -> None:
        """Leave the meeting; idempotent."""
        if self._watch is None:
            return
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch
        self._watch = None
        await self._go("left")
        self._hub.leave()

    async def _enter(self) -> None:
        site = await look_up(self._address, self._trust)
        ears = Ears(presence=self._saw, message=self._read, jingle=self._asked)
        stay = Stay(site, self._trust, ears)
        call = Call(
            self._hub,
            stay,
            self._trust,
            tracks=lambda: list(self._tracks),
            wanted=self._wanted,
            tell=self._tell,
            transport=self._transport,
            connect_timeout_s=self._media_timeout_s,
        )
        self._call = call
        try:
            await stay.enter(self._presence_as, self._password)
        except BaseException:
            self._call = None
            raise
        self._stay = stay

    async def _go(self, reason: str) -> None:
        call, stay, self._call, self._stay = self._call, self._stay, None, None
        if call is not None:
            await call.close()
        if stay is not None:
            await stay.leave()
        for person in list(self._people.values()):
            self._gone(person.id)
        self._tell(Ended(reason))

    async def _stay_in(self) -> None:
        """Enter again whenever signalling is lost, until we are removed."""
        while True:
            assert self._stay is not None
            reason, is_final = await self._stay.over
            if is_final:
                await self._go(reason)
                return
            log.info("Signalling lost: %s", reason)
            self._tell(Disconnected(reason))
            call, self._call, self._stay = self._call, None, None
            if call is not None:
                await call.close()
            for person in list(self._people.values()):
                self._gone(person.id)
            await self._enter_again()
            self._tell(Reconnected())

    async def _enter_again(self) -> None:
        attempt = 0
        while True:
            await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
            attempt += 1
            try:
                await self._enter()
            except JoinFailed as error:
                log.info("Not yet connected again: %s", error)
            else:
                return

    # -- what arrives in the room

    def _asked(self, sender: str, jingle: Jingle) -> None:
        if self._call is not None:
            self._call.heard(sender, jingle)

    def _saw(self, presence: Element) -> None:
        nick = presence.get("from").partition("/")[2]
        if nick in ("", FOCUS_NICK):
            return
        if presence.get("type") == "unavailable":
            self._gone(nick)
            return
        person = Person.of(presence)
        before = self._people.put(person)
        if before is None:
            self._tell(PersonJoined(person))
        elif before != person:
            self._tell(PersonChanged(person))

    def _gone(self, endpoint: str) -> None:
        person = self._people.remove(endpoint)
        if self._call is not None:
            self._call.person_left(endpoint)
        if person is not None:
            self._tell(PersonLeft(person))

    def _read(self, message: Element) -> None:
        body = message.find("body")
        kind = message.get("type")
        nick = message.get("from").partition("/")[2]
        if body is None or kind not in ("groupchat", "chat") or nick == self.id:
            return
        person = self._people.get(nick)
        self._tell(
            ChatMessage(
                sender=nick,
                name="" if person is None else person.name,
                text=body.text,
                is_private=kind == "chat",
                is_old=message.find("delay", NS.DELAY) is not None,
            )
        )

    def _tell(self, event: Event) -> None:
        if isinstance(event, SpeakerChanged):
            self._speaker = event.speaker
        elif isinstance(event, Ended):
            if self._ended is not None:
                return
            self._ended = event
        for reader in self._readers:
            reader.put(event)
