"""What a meeting tells of itself to everybody in it: room metadata (signalling reference 6.8).

One JSON object for each meeting, shared with its breakout rooms and sent whole each time. Most keys
are the application's and kept as they are; some are the room's own state under a name that pages
know (`startMuted`, `lobbyEnabled`, `permissions`, `presenters`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from tertulia.errors import PeerError
from tertulia.rooms.administration import Configuration
from tertulia.rooms.occupant import Occupant, Role
from tertulia.rooms.parts import Part, addresses, json_message, people, require_moderator
from tertulia.rooms.rights import Feature, Level, Permissions
from tertulia.rooms.room import Room
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, NotAllowed, ResourceConstraint
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element, serialise

_TYPE = "room_metadata"
# What only the server says (signalling reference 6.8), and what follows from the room's form.
PROTECTED = frozenset(
    {
        "allownersEnabled",
        "asyncTranscription",
        "audioTranslationRequests",
        "conferencePresetsServiceEnabled",
        "dialinEnabled",
        "lobbyEnabled",
        "moderators",
        "participants",
        "participantsSoftLimit",
        "services",
        "transcriberType",
        "transcription",
        "visitorsEnabled",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataLimits:
    """Texts of refusals name the field that was exceeded."""

    metadata_bytes: int = 16 * 1024  # of all of it, as JSON
    metadata_keys: int = 50
    metadata_key_characters: int = 64


class StartMuted(msgspec.Struct, frozen=True):
    """Who comes starts without microphone or camera."""

    audio: bool = False
    video: bool = False


class _State(msgspec.Struct, forbid_unknown_fields=True):
    """What is known of one room beyond its own state."""

    start_muted: StartMuted = StartMuted()
    # From how many people on newcomers start muted (signalling reference 3.1); None for never.
    audio_from: int | None = None
    video_from: int | None = None
    others: dict[str, Any] = msgspec.field(default_factory=dict)  # the application's own keys
    presenters: dict[str, str] = msgspec.field(default_factory=dict)  # for `dump`: the room has it
    permissions: dict[str, Any] = msgspec.field(default_factory=dict)  # likewise


class RoomMetadata(Part):
    """The metadata of every room."""

    name: ClassVar[str] = _TYPE

    def __init__(
        self,
        domain: str,
        *,
        limits: MetadataLimits | None = None,
        on_rights: Callable[[Room, str], None] = lambda room, actor: None,
    ) -> None:
        """
        Args:
            on_rights: told the room and the nickname of who did it when its permissions or its
                presenters have changed.
        """
        super().__init__(domain)
        self.on_rights = on_rights
        # STUN and TURN servers for a full JID, as `services` has them (signalling reference 1.11).
        self.services_for: Callable[[Jid], Sequence[Mapping[str, str]]] = lambda jid: ()
        self._limits = limits or MetadataLimits()
        self._states: dict[Jid, _State] = {}
        # Told the main room, the key and the data when a key that is kept as it is has changed.
        self.on_key: list[Callable[[Room, str, Any], None]] = []
        # By key: raises PeerError when what a moderator sets there may not be.
        self.rules: dict[str, Callable[[Room, Any], None]] = {}

    # What others ask

    def start_muted_from(self, room: Jid, audio: int | None, video: int | None) -> None:
        """Newcomers start muted once so many people are in the room; None leaves it as it is."""
        state = self._states.setdefault(room, _State())
        state.audio_from = audio if audio is not None else state.audio_from
        state.video_from = video if video is not None else state.video_from

    def starts_muted(self, room: Room) -> StartMuted:
        """How somebody who came now would start."""
        main = room.main or room
        state = self._states.get(main.jid, _State())
        return StartMuted(
            audio=state.start_muted.audio or _is_reached(state.audio_from, main.people),
            video=state.start_muted.video or _is_reached(state.video_from, main.people),
        )

    def says(self, room: Room, key: str) -> Any:
        """What stands under a key that is kept as it is; None for nothing."""
        return self._states.get((room.main or room).jid, _State()).others.get(key)

    def start_muted(self, room: Room, *, audio: bool, video: bool) -> None:
        """Who comes from now on starts muted, or not."""
        self._state(room).start_muted = StartMuted(audio=audio, video=video)
        self.show(room)

    def open_feature(self, room: Room, feature: Feature, by: Occupant) -> None:
        """A feature is for everybody from now on."""
        room.permissions = room.permissions.changed({feature.value: Level.EVERYBODY.value})
        self.on_rights(room, by.nick)
        self.show(room)

    def lay_down(self, room: Room, key: str, data: Any) -> None:
        """The server says a key of its own in a room that nobody is in yet."""
        state = self._state(room)
        state.others = {**state.others, key: data}

    def show(self, room: Room) -> None:
        """Tell everybody of the meeting how it is now."""
        main = room.main or room
        self.touched(main)
        for each in self.parts.family(main):
            self.tell(addresses(people(each)), self._about(each))

    # Notices

    def opened(self, room: Room) -> None:
        if room.kept is not None:
            start = StartMuted(audio=room.kept.start_audio_muted, video=room.kept.start_video_muted)
            self._state(room).start_muted = start

    def before_entry(self, room: Room, newcomer: Occupant) -> Iterable[Any]:
        return (self._about(room, newcomer),)

    def entered(self, room: Room, newcomer: Occupant) -> None:
        self._legacy_start_muted(room, None, newcomer)

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        self._legacy_start_muted(room, before, now)

    def configured(self, room: Room, before: Configuration, actor: Occupant) -> None:
        if before.members_only != room.configuration.members_only:
            self.show(room)

    def left(self, room: Room, occupant: Occupant) -> None:
        """A presenter stays one for its own address only, so nobody inherits it."""

    def ended(self, room: Room) -> None:
        self._states.pop(room.jid, None)

    def _legacy_start_muted(self, room: Room, before: Occupant | None, now: Occupant) -> None:
        """Stock moderators also say it in their presence; what others say was taken out."""
        said = _start_muted_of(now)
        if said is None or now.role is not Role.MODERATOR:
            return
        if (before is None or _start_muted_of(before) != said) and said != self._state(
            room
        ).start_muted:
            self.start_muted(room, audio=said.audio, video=said.video)

    # Requests

    def message(self, room: Room, sender: Occupant, stanza: Element) -> None:
        request = stanza.find(_TYPE, NS.JITMEET)
        if request is None:
            raise BadRequest("a <room_metadata/> was expected")
        require_moderator(sender)
        main = room.main or room
        if request.get("room", str(room.jid)) not in (str(room.jid), str(main.jid)):
            raise NotAllowed("that is another room")
        key, data = _read(request.text)
        if key in PROTECTED:
            raise NotAllowed(f"{key} is not set by clients")
        self._set(main, key, data, sender)

    def _set(self, room: Room, key: str, data: Any, sender: Occupant) -> None:
        match key:
            case "startMuted":
                self._state(room).start_muted = _start_muted(data)
            case "permissions":
                room.permissions = room.permissions.changed(data)
                self.on_rights(room, sender.nick)
            case "presenters":
                self._name_presenters(room, data)
                self.on_rights(room, sender.nick)
            case _:
                if key in self.rules:
                    self.rules[key](room, data)
                self._keep(room, key, data)
                for tell in self.on_key:
                    tell(room, key, data)
        self.show(room)

    def _name_presenters(self, room: Room, data: Any) -> None:
        """`data` names those who become presenters (true) or are no longer (false)."""
        if not isinstance(data, dict) or not all(isinstance(v, bool) for v in data.values()):
            raise BadRequest("presenters are an object of true and false by endpoint id")
        here = {each.nick: each for r in self.parts.family(room) for each in people(r)}
        unknown = [nick for nick, given in data.items() if given and nick not in here]
        if unknown:
            raise BadRequest("nobody of that name is in the room")
        for nick, given in data.items():
            if given:
                room.presenters[nick] = here[nick].jid.bare
            else:
                room.presenters.pop(nick, None)
        for each in self.parts.family(room):
            hall = self.parts.hall_of(each.jid)
            if hall is None:
                continue
            for nick in data:
                hall.carry_out(each, each.shown(nick), each.occupants())

    def _keep(self, room: Room, key: str, data: Any) -> None:
        limits = self._limits
        if len(key) > limits.metadata_key_characters:
            raise BadRequest("the key is too long (metadata_key_characters)")
        state = self._state(room)
        others = {**state.others, key: data}
        if data is None:
            del others[key]
        if len(others) > limits.metadata_keys:
            raise ResourceConstraint(f"over {limits.metadata_keys} keys (metadata_keys)")
        try:
            if len(serialise(json_message(self.domain, others)).encode()) > limits.metadata_bytes:
                raise ResourceConstraint(f"over {limits.metadata_bytes} bytes (metadata_bytes)")
        except (ValueError, RecursionError):
            raise BadRequest("the data holds what cannot be sent") from None
        state.others = others

    # What everybody is told

    def _about(self, room: Room, newcomer: Occupant | None = None) -> dict[str, Any]:
        main = room.main or room
        state = self._states.get(main.jid, _State())
        start = state.start_muted if newcomer is None else self.starts_muted(main)
        here = (each for r in self.parts.family(main) for each in people(r))
        presenters = (
            {each.nick: True for each in here if main.is_presenter(each)} if main.presenters else {}
        )
        metadata = {
            **state.others,
            "startMuted": {"audio": start.audio, "video": start.video},
            "lobbyEnabled": main.configuration.members_only,
            "permissions": main.permissions.public(),
            "presenters": presenters,
        }
        if newcomer is not None:
            # For nobody else's eyes, and once: clients keep them. An empty list says that there are
            # none; without one stock clients ask servers of strangers.
            metadata["services"] = [*self.services_for(newcomer.jid)]
        return {"type": _TYPE, "metadata": metadata}

    def _state(self, room: Room) -> _State:
        return self._states.setdefault((room.main or room).jid, _State())

    # What survives

    def dump(self, room: Room) -> Any:
        state = self._states.get(room.jid, _State())
        kept = msgspec.structs.replace(
            state,
            presenters={nick: str(jid) for nick, jid in room.presenters.items()},
            permissions=room.permissions.public(),
        )
        return msgspec.to_builtins(kept) if room.main is None else None

    def load(self, room: Room, state: Any) -> None:
        kept = msgspec.convert(state, _State)
        try:
            presenters = {nick: Jid.parse(jid) for nick, jid in kept.presenters.items()}
            permissions = Permissions().changed(kept.permissions)
        except PeerError as error:
            raise msgspec.ValidationError(str(error)) from None
        room.presenters, room.permissions = presenters, permissions
        self._states[room.jid] = kept


def _read(text: str) -> tuple[str, Any]:
    try:
        request = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise BadRequest("the request is no JSON") from None
    if not isinstance(request, dict) or not isinstance(request.get("key"), str):
        raise BadRequest("the request has a key and data")
    return request["key"], request.get("data")


def _start_muted(data: Any) -> StartMuted:
    try:
        return msgspec.convert(data, StartMuted)
    except msgspec.ValidationError:
        raise BadRequest("startMuted has audio and video, each true or false") from None


def _start_muted_of(occupant: Occupant) -> StartMuted | None:
    for each in occupant.presence:
        if each.name == "startmuted" and each.ns == NS.START_MUTED:
            return StartMuted(audio=each.get("audio") == "true", video=each.get("video") == "true")
    return None


def _is_reached(limit: int | None, people: int) -> bool:
    return limit is not None and people > limit
